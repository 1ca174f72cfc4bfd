"""The conversations of test/wire/*.wire, each with a broker of its own; test/wire/README.md says how they are written."""
import json
import re
import struct
import subprocess
import time

import pytest
from broker import Broker
from conftest import ROOT
from raw import Raw

CASES = sorted((ROOT / "test" / "wire").glob("*.wire"))


def statements(path):
    """(line number, word, rest); what is indented goes on with the line before."""
    out = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith((" ", "\t")) and out:
            out[-1][2] += " " + line.strip()
        elif line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            out.append([number, word, rest.strip()])
    return out


def differs(want, got, names, at="answer"):
    """None, or where what came is not what is wanted. Fields that are not named may be anything."""
    if isinstance(want, str) and want.startswith("$"):
        if names.setdefault(want, got) != got:
            return f"{at} is {got!r}, but {want} was {names[want]!r}"
        return None
    if want == "*":
        return None
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return f"{at} is {got!r}"
        for key, value in want.items():
            if key not in got:
                return f"{at} has no {key}"
            found = differs(value, got[key], names, f"{at}.{key}")
            if found:
                return found
        return None
    if isinstance(want, list):
        more = want[-1:] == ["..."]
        want = want[:-1] if more else want
        if not isinstance(got, list) or len(got) < len(want) or (len(got) > len(want) and not more):
            return f"{at} is {json.dumps(got)}"
        return next(filter(None, (differs(w, g, names, f"{at}[{i}]") for i, (w, g) in enumerate(zip(want, got)))), None)
    return None if want == got and isinstance(want, bool) == isinstance(got, bool) else f"{at} is {got!r}, not {want!r}"


class Other:
    """A broker that is there already (`--bootstrap`): after a case, what it made is deleted."""

    def __init__(self, conversation, port):
        self.conversation, self.ports = conversation, [port]

    def start(self):
        self.clean()
        return self

    def clean(self):
        self.call("DeleteTopics:1", {"topic_names": ["t"], "timeout_ms": 5000})
        for _ in range(60):  # until members that said nothing have left
            if b"\0\x44" not in self.call("DeleteGroups:0", {"groups_names": ["g", "a", "b"]})[10:]:  # NON_EMPTY_GROUP
                break
            time.sleep(0.25)

    def call(self, api, body):
        with Raw(self.ports[0]) as raw:
            raw.socket.sendall(self.conversation.wire("make", api, json.dumps(body)))
            return raw.answer()

    def stop(self):
        self.clean()
        return 0


class Conversation:
    def __init__(self, program, folder, path, bootstrap=None):
        self.program, self.folder, self.path, self.bootstrap = program, folder, path, bootstrap
        self.properties, self.names, self.broker, self.raw = [], {}, None, None
        self.asked = []

    def run(self):
        try:
            for number, word, rest in statements(self.path):
                try:
                    self.step(word, rest)
                except AssertionError as e:
                    raise AssertionError(f"{self.path.name}:{number}: {e}") from None
        finally:
            if self.raw:
                self.raw.socket.close()
            if self.broker:
                assert self.broker.stop() == 0

    def step(self, word, rest):
        if word == "ours":
            if self.bootstrap:
                pytest.skip(rest)
            return
        if word == "-D":
            self.properties += ["-D", rest]
            return
        if not self.broker and self.bootstrap:
            if self.properties:
                pytest.skip("it needs a broker with properties of its own")
            self.broker = Other(self, int(self.bootstrap.rpartition(":")[2])).start()
        elif not self.broker:
            self.broker = Broker(self.program, self.folder / "data", *self.properties).start()
        if not self.raw:
            self.raw = Raw(self.broker.ports[0])
        if word == "connect":
            self.raw.socket.close()
            self.raw, self.asked = Raw(self.broker.ports[0]), []
        elif word == ">":
            self.send(rest)
        elif word == "<":
            self.expect(rest)
        else:
            raise AssertionError(f"no such line: {word}")

    def wire(self, *args):
        done = subprocess.run([self.program, "wire", *args], capture_output=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def send(self, rest):
        if rest.startswith("hex "):
            self.asked.append(None)
            data = bytes.fromhex(rest[4:])
            self.raw.frame(data)
            return
        name, version, body = (rest.split(" ", 2) + ["{}"])[:3]
        body = re.sub(r'"(\$\w+)"', lambda m: json.dumps(self.names[m[1]]), body)
        self.asked.append(f"{name}:{version}")
        self.raw.socket.sendall(self.wire("make", f"{name}:{version}", body))

    def expect(self, rest):
        if rest == "closed":
            assert self.raw.closed(), "the connection is not closed"
            return
        api = self.asked.pop(0)
        if rest == "nothing":
            return
        answer = self.raw.answer()
        assert answer is not None, "the connection was closed"
        if rest.startswith("hex "):
            want = rest[4:].split()
            got = [f"{b:02x}" for b in answer]
            same = len(want) == len(got) and all(w in (g, "..") for w, g in zip(want, got))
            assert same, f"the answer is {' '.join(got)}"
            return
        if not rest.startswith("{"):
            api, rest = rest.split(" ", 1)
        file = self.folder / "answer"
        file.write_bytes(struct.pack(">i", len(answer)) + answer)
        shown = self.wire("dump", str(file), "--response", api).decode()
        assert " and " not in shown.rpartition("}")[2], f"bytes follow the answer: {shown}"
        got = json.loads(shown[shown.index("{"):shown.rindex("}") + 1])
        found = differs(json.loads(rest), got, self.names)
        assert not found, f"{found}\n{json.dumps(got)}"


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_wire(arus, tmp_path, path, request):
    Conversation(arus, tmp_path, path, request.config.getoption("--bootstrap")).run()


def test_there_is_a_case_for_each_trap():
    """Twelve, but for the two that only other answers can show; see test/wire/README.md."""
    assert {int(p.name[:2]) for p in CASES} >= set(range(1, 13))


def test_make_and_dump(arus, tmp_path):
    def wire(*args):
        return subprocess.run([arus, "wire", *args], capture_output=True, timeout=20, check=False)
    text = ('{"replica_id":-1,"max_wait_ms":5,"min_bytes":1,"max_bytes":7,"isolation_level":1,"topics":[{"topic":"t\\u00e9",'
            '"partitions":[{"partition":3,"fetch_offset":9000000000,"partition_max_bytes":-2}]}]}')
    (tmp_path / "x").write_bytes(wire("make", "Fetch:4", text).stdout + wire("make", "1:4", "{}").stdout)
    shown = wire("dump", str(tmp_path / "x")).stdout.decode().splitlines()
    assert len(shown) == 2 and json.loads(shown[0][shown[0].index("{"):]) == json.loads(text)
    for args, why in ((("Fetch:3", "{}"), "usage"), (("Fetch:4", '{"no":1}'), "no field no"),
                      (("Fetch:4", '{"max_bytes":"x"}'), "max_bytes"), (("Fetch:4", '{"max_bytes":5000000000}'), "max_bytes"),
                      (("Fetch:4", '{"topics":[{"partitions":{}}]}'), "partitions"), (("Fetch:4", "[]"), "object"),
                      (("Produce:3", '{"topic_data":[{"partition_data":[{"records":{"hex":"0"}}]}]}'), "hexadecimal")):
        run = wire("make", *args)
        assert run.returncode in (1, 2) and why in run.stderr.decode(), args
