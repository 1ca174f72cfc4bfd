"""Kafka's own commands, as links to the program, on its own broker."""
import json
import re
import struct
import subprocess

import pytest
from confluent_kafka import KafkaException, Producer


class Tools:
    def __init__(self, program, folder):
        self.bin = folder / "bin"
        subprocess.run([program, "links", str(self.bin)], check=True)
        self.broker = subprocess.Popen(
            [program, "broker", "--listen", "127.0.0.1:0", "--data", str(folder / "data")],
            stdout=subprocess.PIPE, text=True)
        line = self.broker.stdout.readline()
        self.address = re.match(r"ready broker (\S+)", line).group(1)

    def rows(self, name, *args, **more):
        """What it says with --output json."""
        return [json.loads(line) for line in self(name, "--output", "json", *args, **more).splitlines()]

    def __call__(self, name, *args, text=None, code=0):
        r = subprocess.run([str(self.bin / name), "--bootstrap-server", self.address, *args], input=text,
                           capture_output=True, text=True, timeout=60, check=False)
        assert r.returncode == code, (name, args, r.returncode, r.stdout, r.stderr)
        return r.stdout if code == 0 else r.stderr


@pytest.fixture
def tools(arus, tmp_path):
    t = Tools(arus, tmp_path)
    yield t
    t.broker.terminate()
    assert t.broker.wait(timeout=10) == 0


def test_topics(tools):
    out = tools("kafka-topics", "--create", "--replication-factor", "1", "--partitions", "9",
                "--config", "cleanup.policy=compact", "--topic", "streaming.goapi.idx.stock.json")
    assert out.splitlines()[0].startswith("WARNING: Due to limitations in metric names")
    assert out.splitlines()[1] == "Created topic streaming.goapi.idx.stock.json."
    assert tools("kafka-topics.sh", "--create", "--topic", "t") == "Created topic t.\n"
    assert tools("kafka-topics", "--list") == "streaming.goapi.idx.stock.json\nt\n"
    assert "Topic 't' already exists." in tools("kafka-topics", "--create", "--topic", "t", code=1)
    assert tools("kafka-topics", "--create", "--topic", "t", "--if-not-exists") == ""
    lines = tools("kafka-topics", "--describe", "--topic", "stream.*").splitlines()
    assert re.fullmatch(r"Topic: streaming\.goapi\.idx\.stock\.json\tTopicId: [\w-]{22}\tPartitionCount: 9\t"
                        r"ReplicationFactor: 1\tConfigs: cleanup\.policy=compact", lines[0])
    assert lines[9] == ("\tTopic: streaming.goapi.idx.stock.json\tPartition: 8\tLeader: 1\tReplicas: 1\tIsr: 1"
                        "\tElr: \tLastKnownElr: ")
    assert tools("kafka-topics", "--alter", "--topic", "t", "--partitions", "3") == ""
    assert "PartitionCount: 3" in tools("kafka-topics", "--describe", "--topic", "t")
    assert tools("kafka-topics", "--delete", "--topic", "t") == ""
    assert "does not exist" in tools("kafka-topics", "--describe", "--topic", "t", code=1)
    assert tools("kafka-topics", "--delete", "--topic", "t", "--if-exists") == ""
    assert "exactly one action" in tools("kafka-topics", "--create", "--list", code=1)
    assert "--nothing" in tools("kafka-topics", "--nothing", code=2)


def test_configs(tools):
    tools("kafka-topics", "--create", "--topic", "t")
    topic = ("--entity-type", "topics", "--entity-name", "t")
    assert tools("kafka-configs", *topic, "--alter", "--add-config",
                 "retention.ms=1000,cleanup.policy=[compact,delete]") == "Completed updating config for topic t.\n"
    out = tools("kafka-configs", *topic, "--describe")
    assert out.startswith("Dynamic configs for topic t are:\n")
    assert "  retention.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1000" in out
    assert "  cleanup.policy=compact,delete " in out
    tools("kafka-configs", *topic, "--alter", "--delete-config", "retention.ms")
    assert "retention.ms=1000" not in tools("kafka-configs", *topic, "--describe")
    assert "  segment.bytes=" in tools("kafka-configs", *topic, "--describe", "--all")
    assert "retention.ms" in tools("kafka-configs", *topic, "--alter", "--add-config", "retention.ms=x", code=1)


def test_records_and_groups(tools):
    tools("kafka-topics", "--create", "--topic", "t", "--partitions", "2")
    tools("kafka-console-producer", "--topic", "t", "--property", "parse.key=true", "--property", "key.separator=:",
          text="a:1\nb:2\nc:\u00e9\n")
    lines = tools("kafka-console-consumer", "--topic", "t", "--from-beginning", "--max-messages", "3", "--group", "g",
                  "--property", "print.key=true", "--property", "print.offset=true").splitlines()
    assert sorted(line.split("\t", 1)[1] for line in lines) == ["a\t1", "b\t2", "c\t\u00e9"]
    ends = dict(line.rsplit(":", 1) for line in tools("kafka-get-offsets", "--topic", "t").splitlines())
    assert sum(map(int, ends.values())) == 3 and set(ends) == {"t:0", "t:1"}
    assert tools("kafka-get-offsets", "--topic", "t", "--time", "earliest") == "t:0:0\nt:1:0\n"
    assert tools("kafka-consumer-groups", "--list") == "g\n"

    def at():
        rows = [line.split() for line in
                tools("kafka-consumer-groups", "--describe", "--group", "g").splitlines()[2:]]
        return {f"{r[1]}:{r[2]}": (r[3], r[4], r[5]) for r in rows}
    assert all(at()[p][0] == ends[p] and at()[p][2] == "0" for p in at())
    tools("kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t", "--to-earliest", "--execute")
    assert {p: a[0] for p, a in at().items()} == {"t:0": "0", "t:1": "0"}
    tools("kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t", "--shift-by", "1", "--execute")
    assert {p: int(a[0]) for p, a in at().items()} == {p: min(1, int(n)) for p, n in ends.items()}
    dry = tools("kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t:0", "--to-latest")
    assert dry.splitlines()[2].split() == ["g", "t", "0", ends["t:0"]]
    assert at()["t:0"][0] == str(min(1, int(ends["t:0"])))
    assert tools("kafka-consumer-groups", "--delete", "--group", "g") == (
        "Deletion of requested consumer groups ('g') was successful.\n")
    assert tools("kafka-consumer-groups", "--list") == ""
    assert "does not exist" in tools("kafka-consumer-groups", "--describe", "--group", "g", code=1)


def test_nobody_there(arus, tmp_path):
    subprocess.run([arus, "links", str(tmp_path)], check=True)
    subprocess.run([arus, "links", str(tmp_path)], check=True)
    r = subprocess.run([str(tmp_path / "kafka-topics"), "--bootstrap-server", "127.0.0.1:1", "--list"],
                       capture_output=True, text=True, timeout=20, check=False)
    assert r.returncode == 1 and "127.0.0.1:1" in r.stderr


def test_transactions(tools):
    tools("kafka-topics", "--create", "--topic", "t")
    p = Producer({"bootstrap.servers": tools.address, "transactional.id": "pay"})
    p.init_transactions(10)
    p.begin_transaction()
    p.produce("t", b"x", partition=0)
    assert p.flush(10) == 0
    head, row = (line.split() for line in tools("kafka-transactions", "list").splitlines())
    assert head == ["TransactionalId", "Coordinator", "ProducerId", "TransactionState"]
    assert (row[0], row[3]) == ("pay", "Ongoing")
    [described] = map(json.loads, tools("kafka-transactions", "--output", "json", "describe", "--transactional-id",
                                        "pay").splitlines())
    assert described["TransactionState"] == "Ongoing" and described["TopicPartitions"] == "t-0"
    assert described["ProducerId"] == row[2] and 0 <= int(described["TransactionDurationMs"]) < 60000
    producers = tools("kafka-transactions.sh", "describe-producers", "--topic", "t", "--partition", "0").splitlines()
    assert producers[1].split()[0] == row[2] and producers[1].split()[-1] == "0"
    assert tools("kafka-transactions", "forceTerminateTransaction", "--transactional-id", "pay") == ""
    with pytest.raises(KafkaException):
        p.commit_transaction(10)
    producers = tools("kafka-transactions", "describe-producers", "--topic", "t", "--partition", "0").splitlines()
    assert all(line.split()[-1] == "None" for line in producers[1:])
    assert "Ongoing" not in tools("kafka-transactions", "list")
    unknown = tools("kafka-transactions", "describe", "--transactional-id", "none", code=1)
    assert "transactionalId could not be found" in unknown
    assert "expects one of the commands list describe" in tools("kafka-transactions", code=2)


def test_output_json(tools, tmp_path):
    """The same facts as in Kafka's text, an object a line, by every tool."""
    [made] = tools.rows("kafka-topics", "--create", "--topic", "a.b", "--partitions", "2", "--config",
                        "cleanup.policy=compact,delete")
    assert made == {"topic": "a.b", "created": True}
    assert tools.rows("kafka-topics", "--list") == [{"topic": "a.b", "internal": False}]
    topic, zero, one = tools.rows("kafka-topics", "--describe")
    assert (topic["partitionCount"], topic["configs"]) == (2, "cleanup.policy=compact,delete")
    assert one == {"topic": "a.b", "partition": 1, "leader": 1, "replicas": [1], "isr": [1]} and zero["partition"] == 0
    assert tools.rows("kafka-topics", "--alter", "--topic", "a.b", "--partitions", "3") == [
        {"topic": "a.b", "partitionCount": 3}]
    entity = ("--entity-type", "topics", "--entity-name", "a.b")
    assert tools.rows("kafka-configs", *entity, "--alter", "--add-config", "retention.ms=5")[0]["updated"] is True
    assert {r["name"]: r["value"] for r in tools.rows("kafka-configs", *entity, "--describe")} == {
        "cleanup.policy": "compact,delete", "retention.ms": "5"}
    sent = tools.rows("kafka-console-producer", "--topic", "a.b", "--property", "parse.key=true", "--property",
                      "key.separator=:", text="k:1\nk:2\n")
    assert [s["offset"] for s in sent] == [0, 1] and {s["topic"] for s in sent} == {"a.b"}
    p = Producer({"bootstrap.servers": tools.address})
    p.produce("a.b", b"\xff\x00", key=b"k", partition=sent[0]["partition"], headers=[("h", b"x"), ("n", None)])
    assert p.flush(10) == 0
    read = tools.rows("kafka-console-consumer", "--topic", "a.b", "--from-beginning", "--max-messages", "3", "--group",
                      "g")
    assert [(r["key"], r["value"]) for r in read] == [("k", "1"), ("k", "2"), ("k", {"hex": "ff00"})]
    assert read[2]["headers"] == [{"key": "h", "value": "x"}, {"key": "n", "value": None}]
    assert sum(r["offset"] for r in tools.rows("kafka-get-offsets", "--topic", "a.b")) == 3
    assert [g["group"] for g in tools.rows("kafka-consumer-groups", "--list")] == ["g"]
    rows = tools.rows("kafka-consumer-groups", "--describe", "--group", "g")
    assert {(r["currentOffset"], r["lag"], r["consumerId"]) for r in rows if r["currentOffset"]} == {(3, 0, None)}
    assert tools.rows("kafka-consumer-groups", "--describe", "--group", "g", "--state")[0]["state"] == "Empty"
    moved = tools.rows("kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "a.b", "--to-earliest",
                       "--execute")
    assert {r["newOffset"] for r in moved} == {0}
    assert tools.rows("kafka-consumer-groups", "--delete-offsets", "--group", "g", "--topic", "a.b")[0]["status"] == (
        "Successful")
    todo = tmp_path / "todo.json"
    todo.write_text(json.dumps({"partitions": [{"topic": "a.b", "partition": sent[0]["partition"], "offset": 1},
                                               {"topic": "no", "partition": 0, "offset": 1}]}))
    r = subprocess.run([str(tools.bin / "kafka-delete-records"), "--bootstrap-server", tools.address, "--output", "json",
                        "--offset-json-file", str(todo)], capture_output=True, text=True, timeout=20, check=False)
    good, bad = map(json.loads, r.stdout.splitlines())
    assert good["lowWatermark"] == 1 and "error" in bad
    assert tools.rows("kafka-topics", "--delete", "--topic", "a.b") == [{"topic": "a.b", "deleted": True}]
    assert "--output is text or json" in tools("kafka-topics", "--list", "--output", "xml", code=2)


def test_log_dump(tools, tmp_path):
    """Kafka's own text, byte for byte, but for the file's name."""
    tools("kafka-topics", "--create", "--topic", "t")
    p = Producer({"bootstrap.servers": tools.address, "transactional.id": "x", "compression.type": "gzip"})
    p.init_transactions(10)
    p.begin_transaction()
    p.produce("t", b"v" * 200, key=b"k", headers=[("h", b"1"), ("i", None)], timestamp=1700000000000)
    p.produce("t", None, key=b"k", timestamp=1700000000001)
    p.commit_transaction(10)
    tools.broker.terminate()
    assert tools.broker.wait(timeout=10) == 0

    def dump(*args, code=0):
        r = subprocess.run([str(tools.bin / "kafka-dump-log"), *args], capture_output=True, text=True, timeout=20, check=False)
        assert r.returncode == code, r.stderr
        return r.stdout if code == 0 else r.stderr
    [file] = (tmp_path / "data" / "topics").glob("t.*/0-*.log")
    lines = dump("--files", str(file), "--print-data-log").splitlines()
    assert lines[:2] == [f"Dumping {file}", "Log starting offset: 0"]
    assert re.fullmatch(
        r"baseOffset: 0 lastOffset: 1 count: 2 baseSequence: 0 lastSequence: 1 producerId: \d+ producerEpoch: 0 "
        r"partitionLeaderEpoch: \d+ isTransactional: true isControl: false deleteHorizonMs: OptionalLong.empty position: 0 "
        r"CreateTime: 1700000000001 size: \d+ magic: 2 compresscodec: gzip crc: \d+ isvalid: true", lines[2])
    assert lines[3] == ("| offset: 0 CreateTime: 1700000000000 keySize: 1 valueSize: 200 sequence: 0 headerKeys: [h,i] key: k "
                        f"payload: {'v' * 200}")
    assert lines[4] == ("| offset: 1 CreateTime: 1700000000001 keySize: 1 valueSize: -1 sequence: 1 headerKeys: [] key: k "
                        "payload: null")
    assert "isControl: true" in lines[5] and re.search(r" endTxnMarker: COMMIT coordinatorEpoch: \d+$", lines[6])
    assert len(dump("--files", str(file)).splitlines()) == 4
    assert "payload" not in dump("--files", str(file), "--deep-iteration")
    rows = [json.loads(x) for x in dump("--files", str(file), "--print-data-log", "--output", "json").splitlines()]
    assert rows[0]["startingOffset"] == 0 and rows[1]["isValid"] is True and rows[2]["key"] == "k"
    assert rows[2]["headerKeys"] == ["h", "i"] and rows[3]["value"] is None
    broken = tmp_path / "00000000000000000007.log"
    broken.write_bytes(file.read_bytes()[:100] + b"\xff" + file.read_bytes()[101:])
    assert "isvalid: false" in dump("--files", str(broken)) and "Log starting offset: 7" in dump("--files", str(broken))
    broken.write_bytes(b"not a segment at all, but some text")
    assert "claims" in dump("--files", str(broken), code=1)
    assert "only segments" in dump("--files", str(file.with_suffix(".index")), code=1)
    assert "--files" in dump(code=1)


def internal(program, key, value):
    """A segment with one record of an internal topic."""
    def varint(n):
        n, out = n << 1, b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])
    body = b"\0\0\0" + varint(len(key)) + key + varint(len(value)) + value + b"\0"
    tail = struct.pack(">hiqqqhii", 0, 0, 5, 5, -1, -1, -1, 1) + varint(len(body)) + body
    return struct.pack(">qiibI", 0, 9 + len(tail), 0, 2, 0) + tail


def test_log_dump_of_internal_topics(arus, tmp_path):
    def text(s):
        return struct.pack(">h", len(s)) + s.encode()
    file = tmp_path / "00000000000000000000.log"

    def dump(flag):
        r = subprocess.run([arus, "log-dump", "--files", str(file), flag], capture_output=True, text=True, timeout=20, check=True)
        return r.stdout.splitlines()[-1].split("headerKeys: [] ")[1]
    file.write_bytes(internal(arus, b"\0\1" + text("g") + text("t") + struct.pack(">i", 3),
                              b"\0\3" + struct.pack(">qi", 42, -1) + text("") + struct.pack(">q", 1700000000000)))
    assert dump("--offsets-decoder") == (
        'key: {"type":"1","data":{"group":"g","topic":"t","partition":3}} payload: {"version":"3","data":{"offset":42,'
        '"leaderEpoch":-1,"metadata":"","commitTimestamp":1700000000000}}')
    file.write_bytes(internal(arus, b"\0\0" + text("txn"), b"\0\0" + struct.pack(">qhibiqq", 7, 0, 60000, 0, -1, 5, -1)))
    assert dump("--transaction-log-decoder") == (
        'key: {"type":"0","data":{"transactionalId":"txn"}} payload: {"version":"0","data":{"producerId":7,"producerEpoch":0,'
        '"transactionTimeoutMs":60000,"transactionStatus":0,"transactionPartitions":null,'
        '"transactionLastUpdateTimestampMs":5,"transactionStartTimestampMs":-1}}')


@pytest.mark.parametrize("line,words", [
    ("arus to", {"topic"}), ("arus topic --un", {"--unavailable-partitions", "--under-min-isr-partitions",
                                                 "--under-replicated-partitions"}),
    ("kafka-console-producer --compression", {"--compression-codec"}), ("arus broker --li", {"--listen"}),
    ("arus log-dump --out", {"--output"}), ("arus completion --nothing", set())])
def test_completion(arus, tmp_path, line, words):
    subprocess.run([arus, "links", str(tmp_path)], check=True)
    (tmp_path / "arus").symlink_to(arus)
    script = subprocess.run([arus, "completion", "bash"], capture_output=True, text=True, check=True, timeout=10).stdout
    parts = line.split(" ")
    script += (f"\nPATH={tmp_path}:$PATH\nCOMP_WORDS=({line})\nCOMP_CWORD={len(parts) - 1}\n_arus\n"
               "printf '%s\\n' \"${COMPREPLY[@]}\"\ncomplete -p arus kafka-topics kafka-topics.sh >/dev/null\n")
    r = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20, check=False, cwd=tmp_path)
    assert r.returncode == 0, r.stderr
    assert set(r.stdout.split()) == words
    assert "usage" in subprocess.run([arus, "completion", "fish"], capture_output=True, text=True, check=False).stderr
    assert "bashcompinit" in subprocess.run([arus, "completion", "zsh"], capture_output=True, text=True, check=True).stdout
