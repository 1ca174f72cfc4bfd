"""The Schema Registry: its API's cases, restarts, ids under kill -9, and Confluent's client on it."""
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time

import httpx
import pytest
from conftest import ROOT, SHARED
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

TABLE = "\n".join(line for line in (ROOT / "test/registry/api.json").read_text().split("\n") if not line.startswith("//"))
CASES = json.loads(TABLE)
STOCK = {"type": "record", "name": "Stock", "namespace": "idx", "fields": [
    {"name": "ticker", "type": "string"}, {"name": "close", "type": "double"}]}


class Registry:
    """`arus registry` on a port that the system chooses."""

    def __init__(self, program, folder, *args):
        self.process = subprocess.Popen(
            [program, "registry", "--listen", "127.0.0.1:0", "--data", str(folder / "data"), *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
        line = self.process.stdout.readline()
        assert line.startswith("ready registry 127.0.0.1:"), line + self.process.stderr.read()
        self.url = "http://127.0.0.1:" + line.strip().rsplit(":", 1)[1]

    def register(self, subject, schema, **more):
        return httpx.post(f"{self.url}/subjects/{subject}/versions", json={"schema": json.dumps(schema), **more}, timeout=20)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0, self.process.stderr.read()


@pytest.fixture(scope="module")
def registry(arus, tmp_path_factory):
    r = Registry(arus, tmp_path_factory.mktemp("registry"))
    yield r
    r.close()


def fill(x, env):
    if isinstance(x, dict):
        return {k: fill(v, env) for k, v in x.items()}
    if isinstance(x, list):
        return [fill(v, env) for v in x]
    if isinstance(x, str):
        if x.startswith("$") and x[1:] in env:
            return env[x[1:]]
        return re.sub(r"\$(\w+)", lambda m: str(env.get(m[1], m[0])), x)
    return x


def check(want, have, env, at):
    if isinstance(want, dict) and "keep" in want:
        env[want["keep"]] = have
    elif isinstance(want, dict) and "not" in want:
        assert have != want["not"], at
    elif isinstance(want, dict):
        assert isinstance(have, dict), f"{at}: {have}"
        for k, v in want.items():
            assert (k in have) != (isinstance(v, dict) and "none" in v), f"{at}/{k}: {have}"
            if k in have:
                check(v, have[k], env, f"{at}/{k}")
    elif isinstance(want, list):
        assert isinstance(have, list) and len(have) == len(want), f"{at}: {have}"
        for i, v in enumerate(want):
            check(v, have[i], env, f"{at}/{i}")
    elif isinstance(want, str) and want.startswith("~"):
        assert re.search(want[1:], have, re.S), f"{at}: {have}"
    else:
        assert have == want, at


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_case(registry, case, http2):
    word = re.sub(r"\W", "", case["name"]) + ("2" if http2 else "1")
    env = {"s": word + "-s", "t": word + "-t", "c": "c" + word, "i": 654321 + http2}
    with httpx.Client(http1=not http2, http2=http2, timeout=20) as client:
        for request, body, status, want in case["steps"]:
            method, path = fill(request, env).split(" ", 1)
            body = fill(body, env)
            if body and isinstance(body.get("schema"), dict):
                body["schema"] = json.dumps(body["schema"])
            r = client.request(method, registry.url + path, **({"json": body} if body is not None else {}))
            at = f"{method} {path} -> {r.status_code} {r.text[:300]}"
            assert r.status_code == status, at
            if want is not None:
                check(fill(want, env), r.json(), env, at)


@pytest.mark.skipif(not (SHARED / "cases/registry/run.py").exists(), reason="the shared cases are not here")
def test_shared_cases(registry):
    run = subprocess.run([sys.executable, SHARED / "cases/registry/run.py", registry.url], capture_output=True,
                         text=True, timeout=300, check=False)
    assert run.stdout.strip().endswith(" 0 failed"), run.stdout[-3000:]


def test_headers(registry):
    vendor = "application/vnd.schemaregistry.v1+json"
    for accept, type_ in [("*/*", vendor), ("application/json", "application/json"), (f"application/json, {vendor}", None)]:
        r = httpx.get(registry.url + "/subjects", headers={"Accept": accept})
        assert r.status_code == 200 and (type_ is None or r.headers["content-type"] == type_)
    assert httpx.get(registry.url + "/subjects", headers={"Accept": "text/html"}).status_code == 406
    url = registry.url + "/subjects/headers/versions"
    assert httpx.post(url, content='{"schema": "\\"int\\""}', headers={"Content-Type": "text/plain"}).status_code == 415
    assert httpx.post(url, content='{"schema": ', headers={"Content-Type": vendor}).json()["error_code"] == 400
    assert httpx.post(url, content='{"schema": "\\"string\\""} {', headers={"Content-Type": vendor}).status_code == 200
    assert httpx.post(url, headers={"Content-Type": vendor}).json()["error_code"] == 422
    big = json.dumps({"schema": json.dumps({"type": "string", "x": "y" * 1_100_000})})
    assert httpx.post(url, content=big, headers={"Content-Type": vendor}).json()["error_code"] == 42209
    deep = json.dumps({"schema": '{"type":"array","items":' * 5000 + '"int"' + "}" * 5000})
    assert httpx.post(url, content=deep, headers={"Content-Type": vendor}).json()["error_code"] == 42201
    assert httpx.head(registry.url + "/subjects").status_code == 200


def test_limits(registry):
    """References, their depth, their number; nesting; patterns that others match for ever."""
    with httpx.Client(timeout=20) as client:
        def register(subject, schema, refs=(), **more):
            refs = [{"name": n, "subject": s, "version": 1} for n, s in refs]
            return client.post(f"{registry.url}/subjects/{subject}/versions", json={"schema": schema, "references": refs, **more})

        def record(name, *of):
            return json.dumps({"type": "record", "name": name, "fields": [{"name": f"f{i}", "type": t} for i, t in enumerate(of)]})

        codes = [register(f"deep{i}", record(f"D{i}", f"D{i - 1}") if i else record("D0"),
                          [(f"D{i - 1}", f"deep{i - 1}")] if i else []).status_code for i in range(103)]
        assert codes == [200] * 101 + [422] * 2
        for i in range(1001):
            assert register(f"wide{i}", record(f"W{i}")).status_code == 200
        every = [(f"W{i}", f"wide{i}") for i in range(1001)]
        assert register("wide", record("W", *(n for n, _ in every[:1000])), every[:1000]).status_code == 200
        assert register("wider", record("X", *(n for n, _ in every)), every).json()["error_code"] == 42201
        nested = '{"not":' * 400 + "{}" + "}" * 400
        assert register("nested", nested, schemaType="JSON").status_code == 200
        assert register("nested", '{"not":' * 600 + "{}" + "}" * 600, schemaType="JSON").json()["error_code"] == 42201
        start = time.monotonic()
        slow = {"type": "object", "patternProperties": {"^(([a-z])+.)+[A-Z]([a-z])+$": {"type": "string"}}, "additionalProperties": False}
        assert register("slow", json.dumps(slow), schemaType="JSON").status_code == 200
        check = client.post(f"{registry.url}/compatibility/subjects/slow/versions/1", json={"schemaType": "JSON", "schema": json.dumps(
            {**slow, "properties": {"a" * 5000: {"type": "string"}}})})
        assert check.status_code == 200 and time.monotonic() - start < 5


def test_restart(arus, tmp_path):
    """All answers of reads are after a kill -9 what they were before it."""
    r = Registry(arus, tmp_path)
    r.register("a", "int")
    r.register("a", "long", metadata={"properties": {"k": "v"}})
    r.register(":.c:a", "int")
    r.register("gone", "bytes")
    httpx.delete(r.url + "/subjects/gone")
    httpx.put(r.url + "/config/a", json={"compatibility": "FULL", "normalize": True})
    httpx.put(r.url + "/mode/gone", json={"mode": "READONLY"})
    paths = ["/subjects", "/subjects?deleted=true", "/schemas?deleted=true", "/contexts", "/config/a", "/mode/gone",
             "/schemas/ids/1/versions", "/schemas/ids/3", "/v1/metadata/id"]
    before = [httpx.get(r.url + p).text for p in paths]
    r.kill()
    r = Registry(arus, tmp_path)
    assert [httpx.get(r.url + p).text for p in paths] == before
    r.close()


def test_ids_under_kill(arus, tmp_path):
    """Every id that was answered is there, none is given twice."""
    answered, n = {}, 0

    def work(url, first):
        with httpx.Client(timeout=5) as client:
            for i in range(first, first + 500):
                try:
                    text = json.dumps({"type": "record", "name": f"R{i}", "fields": []})
                    r = client.post(f"{url}/subjects/s{i}/versions", json={"schema": text})
                except httpx.HTTPError:
                    return
                if r.status_code == 200:
                    answered[text] = r.json()["id"]

    for delay in (0.1, 0.25, 0.4, 30):
        r = Registry(arus, tmp_path)
        threads = [threading.Thread(target=work, args=(r.url, n + k * 500)) for k in range(2)]
        for t in threads:
            t.start()
        threads[0].join(delay)
        r.kill()
        for t in threads:
            t.join()
        n += 1000
    r = Registry(arus, tmp_path)
    assert len(answered) > 500 and len(set(answered.values())) == len(answered)
    with httpx.Client() as client:
        for text, i in answered.items():
            assert json.loads(client.get(f"{r.url}/schemas/ids/{i}").json()["schema"]) == json.loads(text)
    assert r.register("next", "int").json()["id"] > max(answered.values())
    r.close()


def test_users(arus, tmp_path):
    (tmp_path / "users").write_text("# who\nann: secret\nbob: b:ob,reader,writer\neve: eve,reader\n")
    basic = ["-D", "authentication.method=BASIC", "-D", "authentication.users.file=users"]
    r = Registry(arus, tmp_path, *basic)
    assert httpx.get(r.url + "/subjects").status_code == 401
    assert "Basic" in httpx.get(r.url + "/subjects").headers["www-authenticate"]
    assert httpx.get(r.url + "/subjects", auth=("ann", "secret")).status_code == 200
    assert httpx.get(r.url + "/subjects", auth=("ann", "secreT")).json() == {"error_code": 401, "message": "Unauthorized"}
    r.close()
    r = Registry(arus, tmp_path, *basic, "-D", "schema.registry.anonymous.reads=true")
    assert httpx.get(r.url + "/subjects").status_code == 200
    assert r.register("a", "int").status_code == 401
    body = {"schema": '"int"'}
    assert httpx.post(r.url + "/subjects/a/versions", json=body, auth=("ann", "secret")).status_code == 200
    assert httpx.post(r.url + "/subjects/a", json=body).status_code == 200
    assert httpx.post(r.url + "/compatibility/subjects/a/versions", json=body).json() == {"is_compatible": True}
    assert httpx.put(r.url + "/config", json={"compatibility": "NONE"}).status_code == 401
    assert r.register("a", "int").status_code == 401
    r.close()
    r = Registry(arus, tmp_path, *basic, "-D", "authentication.roles=writer,admin", "-D", "authentication.realm=Prices",
                 "-D", "authentication.skip.paths=/config,/schemas/types*")
    assert httpx.get(r.url + "/subjects", auth=("bob", "b:ob")).status_code == 200
    assert httpx.get(r.url + "/subjects", auth=("eve", "eve")).json() == {"error_code": 403, "message": "Forbidden"}
    assert httpx.get(r.url + "/subjects", auth=("bob", "b:ob,reader")).headers["www-authenticate"] == 'Basic realm="Prices"'
    assert httpx.get(r.url + "/config").status_code == httpx.get(r.url + "/schemas/types").status_code == 200
    for header in ("Basic", "Basic !", "Basic Ym9i", "Bearer Ym9iOmI6b2I=", "Basic " + "A" * 9000):
        assert httpx.get(r.url + "/mode", headers={"Authorization": header}).status_code == 401
    r.close()


def secured(tmp_path, pki):
    (tmp_path / "users").write_text("ann: secret\n")
    return {"ssl.keystore.location": str(pki / "server.pem"), "authentication.method": "BASIC",
            "authentication.users.file": str(tmp_path / "users")}


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_tls(arus, tmp_path, pki, http2):
    """HTTP/1.1 and HTTP/2 as TLS agrees on them, large bodies, Confluent's client, `arus schema`; nothing in the clear."""
    args = [x for k, v in secured(tmp_path, pki).items() for x in ("-D", f"{k}={v}")]
    r = Registry(arus, tmp_path, "--listen", "https://127.0.0.1:0", *args)
    url, ca = r.url.replace("http:", "https:"), str(pki / "ca.pem")
    with httpx.Client(http1=not http2, http2=http2, verify=ssl.create_default_context(cafile=ca), timeout=20) as client:
        assert client.get(url + "/subjects").status_code == 401
        client.auth = ("ann", "secret")
        answer = client.get(url + "/subjects")
        assert answer.status_code == 200 and answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        text = json.dumps({"type": "string", "x": "y" * 700_000})
        assert client.post(url + "/subjects/large/versions", json={"schema": text}).status_code == 200
        assert len(client.get(url + "/schemas/ids/1").json()["schema"]) > 700_000
    sr = SchemaRegistryClient({"url": url, "ssl.ca.location": ca, "basic.auth.user.info": "ann:secret"})
    assert sr.register_schema("a", Schema('"int"', "AVRO")) == 2
    tool = [arus, "schema", "--url", url, "--cacert", ca]
    assert subprocess.run([*tool, "--user", "ann:secret", "get", "a"], capture_output=True, text=True, timeout=20,
                          check=True).stdout == '"int"\n'
    env = {**os.environ, "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO": "ann:wrong"}
    run = subprocess.run([*tool, "list"], env=env, capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 1 and "401: Unauthorized" in run.stderr
    with pytest.raises(httpx.HTTPError):
        httpx.get(r.url + "/subjects", auth=("ann", "secret"))
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/subjects", auth=("ann", "secret"))
    r.process.send_signal(signal.SIGTERM)
    assert r.process.wait(10) == 0 and "secret" not in r.process.stderr.read()


def test_ksql_tls(arus, tmp_path, pki):
    """ksqlDB's API behind TLS and a name, and the shell on it."""
    lines = {**secured(tmp_path, pki), "listeners": "https://127.0.0.1:0", "log.dirs": str(tmp_path / "data")}
    (tmp_path / "p").write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
    up = subprocess.Popen([arus, "up", tmp_path / "p"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = "https://" + up.stdout.readline().split()[-1]
        for http2 in (False, True):
            with httpx.Client(http1=not http2, http2=http2, verify=ssl.create_default_context(cafile=pki / "ca.pem")) as client:
                denied = client.get(url + "/info")
                assert (denied.status_code, denied.json()["error_code"]) == (401, 40100)
                assert client.get(url + "/info", auth=("ann", "secret")).json()["KsqlServerInfo"]
        shell = [arus, "sql", "--cacert", pki / "ca.pem", "-e", "SHOW STREAMS;"]
        run = subprocess.run([*shell, url, "--user", "ann:secret"], capture_output=True, text=True, timeout=20, check=False)
        assert run.returncode == 0, run.stderr
        run = subprocess.run([*shell, url.replace("://", "://ann:secret@")], capture_output=True, timeout=20, check=False)
        assert run.returncode == 0, run.stderr
    finally:
        up.terminate()
        assert up.wait(10) == 0


def test_confluent_client(registry):
    """Confluent's client with its Avro serializers: evolution both ways, references, the latest version."""
    client = SchemaRegistryClient({"url": registry.url})
    context = SerializationContext("stocks", MessageField.VALUE)
    more = {**STOCK, "fields": STOCK["fields"] + [{"name": "volume", "type": ["null", "long"], "default": None}]}
    old, new = AvroSerializer(client, json.dumps(STOCK)), AvroSerializer(client, json.dumps(more))
    written = old({"ticker": "BBCA", "close": 9100.0}, context)
    assert AvroDeserializer(client, json.dumps(more))(written, context) == {"ticker": "BBCA", "close": 9100.0, "volume": None}
    written = new({"ticker": "TLKM", "close": 3000.0, "volume": 5}, context)
    assert AvroDeserializer(client, json.dumps(STOCK))(written, context) == {"ticker": "TLKM", "close": 3000.0}
    assert client.get_versions("stocks-value") == [1, 2]
    latest = AvroSerializer(client, None, conf={"auto.register.schemas": False, "use.latest.version": True})
    assert latest({"ticker": "X", "close": 1.0, "volume": 1}, context)[:5] == written[:5]
    assert client.test_compatibility("stocks-value", Schema('"string"', "AVRO")) is False
    client.set_compatibility("stocks-value", "NONE")
    assert client.get_compatibility("stocks-value") == "NONE"
    found = client.lookup_schema("stocks-value", Schema(json.dumps(STOCK), "AVRO"))
    assert found.version == 1 and client.get_schema(found.schema_id).schema_type == "AVRO"
    assert client.delete_subject("stocks-value") == [1, 2] and client.delete_subject("stocks-value", permanent=True) == [1, 2]


@pytest.mark.skipif(not (SHARED / "article").exists(), reason="the article is not here")
def test_article(arus, tmp_path):
    """The article's four requests: two registrations, with a slash at the end, and two reads of the latest version."""
    r = Registry(arus, tmp_path)
    for name in ("IDX-Stock", "IDX-Company"):
        request = (SHARED / f"article/{name}.request.json").read_text()
        want = json.loads((SHARED / f"article/{name}.response.json").read_text())
        made = httpx.post(f"{r.url}/subjects/{name}/versions/", content=request, headers={"Content-Type": "application/json"})
        assert made.status_code == 200, made.text
        have = httpx.get(f"{r.url}/subjects/{name}/versions/latest").json()
        assert have["id"] == made.json()["id"]
        for key in want:
            if key != "id":
                assert have[key] == want[key], key
    r.close()


def test_up_serves_it(arus, tmp_path):
    p = subprocess.Popen([arus, "up", "--data", str(tmp_path / "d"), "--quiet", "-D",
                          "schema.registry.listeners=http://127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    line = p.stdout.readline()
    assert line.startswith("ready registry 127.0.0.1:")
    assert httpx.get("http://127.0.0.1:" + line.strip().rsplit(":", 1)[1] + "/subjects").json() == []
    p.send_signal(signal.SIGTERM)
    assert p.wait(10) == 0


def test_tool(arus, registry, tmp_path):
    """`arus schema`: each command once, and how it fails."""
    def tool(*args, text=None):
        p = subprocess.run([arus, "schema", "--url", registry.url, *args], input=text, capture_output=True, text=True,
                           timeout=20, check=False)
        return p.returncode, p.stdout.strip(), p.stderr

    (tmp_path / "stock.avsc").write_text(json.dumps(STOCK))
    stock = str(tmp_path / "stock.avsc")
    code, out, _ = tool("register", "tool/a b", stock)
    assert code == 0 and re.fullmatch(r"id \d+, version 1", out)
    assert tool("list", "tool")[:2] == (0, "tool/a b")
    assert tool("versions", "tool/a b")[:2] == (0, "1")
    assert json.loads(tool("get", "tool/a b")[1]) == STOCK
    assert json.loads(tool("get", "--id", out.split()[1].strip(","))[1]) == STOCK
    assert tool("check", "tool/a b", "-", text='"int"')[0] == 1
    assert tool("check", "tool/a b", stock, "1")[:2] == (0, "compatible")
    assert tool("config", "tool/a b")[:2] == (0, "BACKWARD")
    assert tool("config", "tool/a b", "full")[:2] == (0, "FULL")
    assert tool("mode", "-")[:2] == (0, "READWRITE")
    array = '{"type": "array", "items": "idx.Stock"}'
    assert tool("register", "tool/r", "-", "--ref", "idx.Stock=tool/a b@1", text=array)[0] == 0
    assert tool("delete", "tool/a b", "1")[0] == 1
    assert tool("delete", "tool/r", "1")[:2] == (0, "1")
    assert tool("delete", "tool/r", "1", "--permanent")[:2] == (0, "1")
    assert tool("delete", "tool/a b")[:2] == (0, "1")
    assert tool("delete", "tool/a b", "--permanent", "--json")[:2] == (0, "[1]")
    assert "40401" in tool("get", "tool/a b")[2]
    assert tool("get")[0] == 2 and tool("nonsense")[0] == 2 and tool("list", "--nonsense")[0] == 2
