"""ksqlDB's REST API as `arus up` serves it, over HTTP/1.1 and HTTP/2, and the shell on it."""
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time

import h2.config
import h2.connection
import h2.events
import httpx
import ksqldb
import pytest
from broker import Broker, poll_until
from conftest import SANITIZED

EARLIEST = {"auto.offset.reset": "earliest"}
VERSIONS = [False, True]


class Server:
    """`arus up` on a port that the system chooses."""

    def __init__(self, program, folder, *args, broker=None):
        self.program = program
        listeners = "http://127.0.0.1:0" + (",PLAINTEXT://127.0.0.1:0" if broker else "")
        self.process = subprocess.Popen(
            [program, "up", "--data", str(folder / "data"), "--quiet", "-D", f"listeners={listeners}", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if broker:
            broker.ports = [int(self.process.stdout.readline().rsplit(":", 1)[1])]
        line = self.process.stdout.readline()
        assert line.startswith("ready ksqldb 127.0.0.1:"), line + self.process.stderr.read()
        self.address = ("127.0.0.1", int(line.rsplit(":", 1)[1]))
        self.url = f"http://127.0.0.1:{self.address[1]}"

    def ksql(self, text, **more):
        return httpx.post(self.url + "/ksql", json={"ksql": text, "streamsProperties": EARLIEST, **more}, timeout=20)

    def run(self, text):
        r = self.ksql(text)
        assert r.status_code == 200, r.text
        return r.json()

    def query(self, sql, http2=False, accept=None, path="/query-stream", timeout=20):
        names = ("sql", "properties") if path == "/query-stream" else ("ksql", "streamsProperties")
        with httpx.Client(http1=not http2, http2=http2, timeout=timeout) as c:
            return c.post(self.url + path, json={names[0]: sql, names[1]: EARLIEST},
                          headers={"Accept": accept} if accept else {})

    def lines(self, sql, http2=False):
        """A generator of a push query's lines; closing it closes the connection."""
        with httpx.Client(http1=not http2, http2=http2, timeout=20) as c:
            with c.stream("POST", self.url + "/query-stream", json={"sql": sql, "properties": EARLIEST}) as r:
                for line in r.iter_lines():
                    yield json.loads(line)

    def metric(self, name):
        text = httpx.get(self.url + "/metrics").text
        return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))

    def sql(self, *args, **more):
        return subprocess.run([self.program, "sql", self.url, *args], capture_output=True, text=True, timeout=20,
                              check=False, **more)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture(scope="module")
def server(arus, tmp_path_factory):
    s = Server(arus, tmp_path_factory.mktemp("rest"))
    s.run("CREATE STREAM s (id VARCHAR KEY, v BIGINT, t VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
          "CREATE TABLE c AS SELECT id, COUNT(*) AS n FROM s GROUP BY id;"
          "INSERT INTO s VALUES ('a', 1, 'x'); INSERT INTO s VALUES ('b', 2, 'y\u2028z');")
    for _ in range(100):
        if len(s.query("SELECT * FROM c;").text.splitlines()) == 3:
            break
        time.sleep(0.02)
    yield s
    assert s.stop() == 0


def eventually(f, seconds=5):
    end = time.monotonic() + seconds
    while not f():
        assert time.monotonic() < end
        time.sleep(0.02)


# ---- pages


@pytest.mark.parametrize("http2", VERSIONS)
def test_pages(server, http2):
    with httpx.Client(http1=not http2, http2=http2, base_url=server.url) as c:
        r = c.get("/")
        assert (r.status_code, r.headers["location"]) == (307, "/info")
        info = c.get("/info").json()["KsqlServerInfo"]
        assert list(info) == ["version", "kafkaClusterId", "ksqlServiceId", "serverStatus"]
        assert info["serverStatus"] == "RUNNING" and len(info["kafkaClusterId"]) == 22
        assert c.get("/healthcheck").json()["isHealthy"] is True
        assert c.get("/v1/metadata/id").json()["scope"]["clusters"]["ksql-cluster"] == "default_"
        assert c.get("/v1/metadata").json()["version"] == info["version"]
        assert c.get("/chc/live").json() == {} == c.get("/chc/ready").json()
        assert c.get("/is_valid_property/auto.offset.reset").json() is True
        assert (c.get("/clusterStatus").status_code, c.get("/clusterStatus").text) == (404, "")
        for r in (c.get("/ksql"), c.get("/lag"), c.get("/info", headers={"Accept": "image/png"})):
            assert (r.status_code, r.text) == (404, "Not Found")
        assert c.request("GET", "/info", content=b'{"a": 1}').status_code == 200
        assert c.head("/info").text == ""


# ---- statements


def test_statements(server):
    out = server.run("CREATE STREAM s1 (a INT) WITH (KAFKA_TOPIC='s1', VALUE_FORMAT='JSON', PARTITIONS=1); SHOW STREAMS;"
                     "DROP STREAM s1 DELETE TOPIC;")
    assert [e["@type"] for e in out] == ["currentStatus", "streams", "currentStatus"]
    assert out[0]["commandId"] == "stream/`S1`/create"
    assert out[0]["commandStatus"]["message"] == "Stream created"
    assert httpx.get(server.url + "/status").json()["commandStatuses"]["stream/`S1`/create"] == "SUCCESS"
    assert httpx.get(server.url + "/status/stream/%60S1%60/create").json()["status"] == "SUCCESS"
    assert httpx.get(server.url + "/status/stream/%60NO%60/create").json()["error_code"] == 40400
    assert server.ksql(None).text == "[]" and httpx.post(server.url + "/ksql", content="{}").text == "[]"


def test_session_variables_and_properties(server):
    r = server.ksql("SHOW VARIABLES; SHOW PROPERTIES;", sessionVariables={"x": "1"})
    assert r.json()[0]["variables"] == [{"name": "x", "value": "1"}]
    assert "auto.offset.reset" in r.json()[1]["overwrittenProperties"]


def test_errors_begin_as_clients_expect(server):
    r = server.ksql("SHOW TABLES; SELEC;")
    assert r.status_code == 400
    assert r.text.startswith('{"@type":"statement_error","error_code":40001,"message":"line 1:14: Syntax Error')
    assert list(r.json()) == ["@type", "error_code", "message", "statementText", "entities"]
    assert r.json()["statementText"] == "SELEC;" and r.json()["entities"][0]["@type"] == "tables"
    assert server.ksql("SELECT * FROM s EMIT CHANGES;").json()["error_code"] == 40002
    r = httpx.post(server.url + "/ksql", content="{")
    assert r.status_code == 400 and r.text.startswith('{"@type":"generic_error","error_code":40000,"message":"')
    assert httpx.post(server.url + "/ksql", content="[1]").status_code == 400
    assert httpx.post(server.url + "/ksql").status_code == 500
    r = server.query("SELEC;")
    assert r.status_code == 400 and r.json()["message"].endswith("\nStatement: SELEC;")
    r = httpx.post(server.url + "/close-query", json={"queryId": "X"})
    assert (r.status_code, r.text) == (400, '{"@type":"generic_error","error_code":40000,"message":"No query with id X"}')


# ---- queries


@pytest.mark.parametrize("http2", VERSIONS)
def test_a_query_in_each_form(server, http2):
    push, pull = "SELECT * FROM s EMIT CHANGES LIMIT 2;", "SELECT * FROM c WHERE id = 'a';"
    for accept in (None, "*/*", "application/vnd.ksqlapi.delimited.v1"):
        r = server.query(push, http2, accept)
        assert r.headers["content-type"] == "application/vnd.ksqlapi.delimited.v1"
        assert r.text.startswith('{"queryId":"transient_S_')
        head, *rows = map(json.loads, r.text.split("\n")[:-1])
        assert head["columnNames"] == ["ID", "V", "T"] and head["columnTypes"] == ["STRING", "BIGINT", "STRING"]
        assert rows == [["a", 1, "x"], ["b", 2, "y\u2028z"]]
    r = server.query(push, http2, "application/json; charset=utf-8")
    assert r.headers["content-type"] == "application/json" and r.json()[1:] == [["a", 1, "x"], ["b", 2, "y\u2028z"]]
    for path, accept in (("/query-stream", "application/vnd.ksql.v1+json"), ("/query", None), ("/query", "application/json")):
        r = server.query(push, http2, accept, path)
        assert r.headers["content-type"] == "application/vnd.ksql.v1+json"
        assert r.text.startswith('[{"header":{"queryId":"') and r.text.endswith("]\n")
        assert r.json()[0]["header"]["schema"] == "`ID` STRING, `V` BIGINT, `T` STRING"
        assert r.json()[1:] == [{"row": {"columns": ["a", 1, "x"]}}, {"row": {"columns": ["b", 2, "y\u2028z"]}},
                                {"finalMessage": "Limit Reached"}]
        r = server.query(pull, http2, accept, path)
        assert r.json()[0]["header"]["schema"] == "`ID` STRING KEY, `N` BIGINT"
        assert r.json()[1:] == [{"row": {"columns": ["a", 1]}}]
    r = server.query("SELECT * FROM c WHERE id = 'none';", http2, "application/json")
    assert len(r.json()) == 1
    assert server.query(push, http2, "image/png").status_code == 404


@pytest.mark.parametrize("http2", VERSIONS)
def test_close_query_from_another_connection(server, http2):
    lines = server.lines("SELECT * FROM s EMIT CHANGES;", http2)
    head, _, _ = next(lines), next(lines), next(lines)
    assert httpx.post(server.url + "/close-query", json={"queryId": head["queryId"]}).status_code == 200
    assert list(lines) == []
    eventually(lambda: server.metric("arus_push_queries") == 0)


@pytest.mark.parametrize("http2", VERSIONS)
def test_a_query_ends_when_its_client_goes(server, http2):
    many = [server.lines("SELECT * FROM s EMIT CHANGES;", http2) for _ in range(5)]
    for lines in many:
        next(lines)
    assert server.metric("arus_push_queries") == 5
    for lines in many:
        lines.close()
    eventually(lambda: server.metric("arus_push_queries") == 0)


def test_the_python_client_unchanged(server):
    client = ksqldb.KSQLdbClient(server.url)
    assert client.ksql("SHOW STREAMS;")[0]["@type"] == "streams"
    assert any(p["name"] == "listeners" for p in client.get_properties())

    async def first(n):
        out = []
        async for row in client.query_async("SELECT * FROM s EMIT CHANGES;", stream_properties=EARLIEST, timeout=None):
            out.append(row)
            if len(out) == n:
                return out
    head, *rows = asyncio.run(first(3))
    assert rows == [["a", 1, "x"], ["b", 2, "y\u2028z"]]
    assert client.close_query("none") is False


def test_a_pull_query_with_a_limit_leaves_the_topic_alone(server):
    server.run("CREATE STREAM p (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', PARTITIONS=1);"
               "CREATE TABLE q WITH (PARTITIONS=1) AS SELECT id, COUNT(*) AS n FROM p GROUP BY id;"
               "CREATE STREAM q_changes (id VARCHAR KEY, n BIGINT) WITH (KAFKA_TOPIC='Q', VALUE_FORMAT='JSON');"
               "INSERT INTO p VALUES ('a', 1); INSERT INTO p VALUES ('b', 1); INSERT INTO p VALUES ('c', 1);")
    server.query("SELECT * FROM q_changes EMIT CHANGES LIMIT 3;")
    assert len(server.query("SELECT * FROM q LIMIT 1;").text.splitlines()) == 2
    server.run("INSERT INTO p VALUES ('d', 1);")
    out = server.query("SELECT id FROM q_changes EMIT CHANGES LIMIT 4;").text.splitlines()[1:]
    assert sorted(json.loads(line)[0] for line in out) == ["a", "b", "c", "d"]


def test_inserts_stream(server):
    server.run("CREATE STREAM i (id VARCHAR KEY, n INT, d DOUBLE, b BOOLEAN, a ARRAY<INT>, `x y` VARCHAR, s STRUCT<q INT>)"
               " WITH (KAFKA_TOPIC='i', VALUE_FORMAT='JSON', PARTITIONS=1);")
    rows = [{"ID": "it's", "n": 1, "D": -1.5e3, "b": True, "a": [1, None], "`x y`": "a;\nb", "s": {"q": 2}},
            {"nothing": 1}, {"id": None, "n": 2}]
    body = "\n".join(json.dumps(x) for x in [{"target": "i"}, *rows]) + "\n[]\n"
    with httpx.Client(http1=False, http2=True) as c:
        acks = [json.loads(x) for x in c.post(server.url + "/inserts-stream", content=body).text.splitlines()]
    assert [(a["seq"], a["status"]) for a in acks] == [(0, "ok"), (1, "error"), (2, "ok"), (3, "error")]
    assert list(acks[1]) == ["@type", "error_code", "message", "status", "seq"]
    out = server.query("SELECT * FROM i EMIT CHANGES LIMIT 2;").text.splitlines()[1:]
    assert json.loads(out[0]) == ["it's", 1, -1500.0, True, [1, None], "a;\nb", {"Q": 2}]
    assert json.loads(out[1])[:2] == [None, 2]
    r = httpx.post(server.url + "/inserts-stream", content=body)
    assert (r.status_code, r.json()["error_code"]) == (400, 40004)


@pytest.mark.parametrize("http2", VERSIONS)
def test_a_slow_client_holds_only_its_own_query(arus, tmp_path, http2):
    s = Server(arus, tmp_path)
    try:
        s.run("CREATE STREAM big (t VARCHAR) WITH (KAFKA_TOPIC='big', VALUE_FORMAT='JSON', PARTITIONS=1);")
        for _ in range(4):
            s.run(f"INSERT INTO big VALUES ('{'x' * 20000}');" * 200)  # 16 MB: more than sockets and buffers hold
        slow = s.lines("SELECT * FROM big EMIT CHANGES;", http2)
        next(slow)
        fast = s.query("SELECT * FROM big EMIT CHANGES LIMIT 800;", http2, timeout=30)
        assert len(fast.text.splitlines()) == 801
        rss = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{s.process.pid}/status").read()).group(1))
        assert rss < (500_000 if SANITIZED else 120_000)  # AddressSanitizer keeps what is freed
        for _ in range(800):
            assert len(next(slow)[0]) == 20000
        slow.close()
    finally:
        assert s.stop() == 0


def test_push_queries_are_limited(arus, tmp_path):
    s = Server(arus, tmp_path, "-D", "ksql.max.push.queries=2")
    try:
        s.run("CREATE STREAM s (v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);")
        held = [s.lines("SELECT * FROM s EMIT CHANGES;") for _ in range(2)]
        for lines in held:
            next(lines)
        r = s.query("SELECT * FROM s EMIT CHANGES;")
        assert (r.status_code, r.json()["error_code"]) == (400, 40003)
        held.pop().close()
        eventually(lambda: s.metric("arus_push_queries") == 1)
        held.append(s.lines("SELECT * FROM s EMIT CHANGES;"))
        assert "queryId" in next(held[-1])
        for lines in held:
            lines.close()
    finally:
        assert s.stop() == 0


# ---- on the wire


def test_http1_one_line_a_chunk_and_requests_in_a_row(server):
    body = json.dumps({"sql": "SELECT * FROM s EMIT CHANGES LIMIT 2;", "properties": EARLIEST}).encode()
    request = b"POST /query-stream HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    last = b"GET /info HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with socket.create_connection(server.address) as s:
        s.sendall(request + request + last)
        got = b"".join(iter(lambda: s.recv(65536), b""))
    chunks = re.findall(rb"(?<=\r\n)([0-9a-f]+)\r\n([\[{].*)\n\r\n", got)
    assert len(chunks) == 6 and all(int(n, 16) == len(line) + 1 for n, line in chunks)
    assert got.count(b"HTTP/1.1 200 OK") == 3 and got.endswith(b'"serverStatus":"RUNNING"}}')


class Http2:
    """A connection, frame by frame."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=5)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def post(self, path, body):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "h")])
        self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def events(self):
        while data := self.socket.recv(65536):
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                yield event
                if isinstance(event, h2.events.ConnectionTerminated):
                    self.socket.close()
                    return
            self.flush()


def test_http2_one_line_a_frame_and_goaway_last(arus, tmp_path):
    s = Server(arus, tmp_path)
    s.run("CREATE STREAM s (v BIGINT, t VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
          + "".join(f"INSERT INTO s VALUES ({i}, '{'x' * 900}');" for i in range(200)))
    c = Http2(s.address)
    body = json.dumps({"sql": "SELECT * FROM s EMIT CHANGES;", "properties": EARLIEST}).encode()
    streams = {c.post("/query-stream", body): [] for _ in range(3)}
    order = []
    for event in c.events():
        if isinstance(event, h2.events.DataReceived) and event.data:
            assert event.data.endswith(b"\n") and event.data.count(b"\n") == 1
            streams[event.stream_id].append(json.loads(event.data))
            if all(len(rows) == 201 for rows in streams.values()):
                s.process.send_signal(signal.SIGTERM)
        elif isinstance(event, (h2.events.StreamEnded, h2.events.ConnectionTerminated)):
            order.append(type(event).__name__)
    assert order == ["StreamEnded"] * 3 + ["ConnectionTerminated"]
    assert all([r[0] for r in rows[1:]] == list(range(200)) for rows in streams.values())
    assert s.process.wait(10) == 0


def test_it_lives_on_whatever_comes(server):
    for junk in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100, b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n",
                 b"POST /ksql HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
        with socket.create_connection(server.address, timeout=5) as s:
            s.sendall(junk)
            while s.recv(65536):
                pass
    deep = '{"ksql":' + "[" * 100000
    assert httpx.post(server.url + "/ksql", content=deep).status_code == 400
    assert httpx.post(server.url + "/ksql", content="x" * 20_000_000).status_code == 413
    assert server.metric("arus_http_connections") >= 1


# ---- the shell


def test_shell(server, tmp_path):
    r = server.sql("-d", "name=S", "-e", "SHOW STREAMS; DESCRIBE ${name}; SELECT * FROM c WHERE id = 'b';")
    assert r.returncode == 0, r.stderr
    assert " S           | s           | KAFKA      | JSON         | false    \n" in r.stdout
    assert " ID    | VARCHAR(STRING) (key) \n" in r.stdout
    assert re.search(r"^\|b +\|1 +\|$", r.stdout, re.M)
    r = server.sql("--output", "JSON", "-e", "SHOW TABLES;", "-e", "SELECT * FROM c WHERE id = 'b';")
    entities, head, row = map(json.loads, r.stdout.splitlines())
    assert entities[0]["tables"][0]["name"] == "C" and row == {"row": {"columns": ["b", 1]}}
    script = tmp_path / "a.sql"
    script.write_text("-- a comment\nSET 'auto.offset.reset' = 'earliest';\nSELECT id, t FROM s\n  EMIT CHANGES LIMIT 2;\n")
    for r in (server.sql("-f", str(script)), server.sql(input=script.read_text())):
        assert r.returncode == 0 and r.stdout.endswith("Limit Reached\nQuery terminated\n") and "y\u2028z" in r.stdout
    r = server.sql("--query-timeout", "300", "-e", "SELECT * FROM s EMIT CHANGES;")
    assert r.returncode == 0 and r.stdout.endswith("Query terminated\n")


def test_print(server):
    r = server.sql("-e", "PRINT 's' FROM BEGINNING LIMIT 2;")
    lines = r.stdout.splitlines()
    assert lines[:2] == ["Key format: KAFKA_STRING", "Value format: JSON or KAFKA_STRING"]
    assert all(re.fullmatch(r"rowtime: \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} Z, key: .*, value: {.*}, partition: 0", line)
               for line in lines[2:4])
    assert lines[4:] == ["Topic printing ceased"]
    every_second = server.sql("-e", "PRINT s FROM BEGINNING INTERVAL 2 LIMIT 1;").stdout.splitlines()
    assert every_second[2] == lines[2]
    r = server.sql("-e", "PRINT 'S' FROM BEGINNING;")
    assert r.returncode == 1 and "Could not find topic 'S'" in r.stderr and "Did you mean 's'?" in r.stderr
    r = httpx.post(server.url + "/query-stream", json={"sql": "PRINT s FROM BEGINNING LIMIT 1;"})
    assert r.text.splitlines() == lines[2:3]
    accept = {"accept": "application/vnd.ksql.v1+json"}
    r = httpx.post(server.url + "/query-stream", json={"sql": "PRINT s FROM BEGINNING LIMIT 1;"}, headers=accept)
    assert r.status_code == 406
    assert httpx.post(server.url + "/query", json={"ksql": "PRINT s FROM BEGINNING LIMIT 1;"}).text.splitlines() == lines[:3]
    printing = server.sql("--query-timeout", "400", "-e", "PRINT s;")
    assert (printing.returncode, printing.stdout) == (0, "Topic printing ceased\n")


def test_describe_as_people_read_it(server):
    server.run("CREATE TABLE IF NOT EXISTS described AS SELECT id, COUNT(*) AS n FROM s GROUP BY id;")
    text = server.sql("-e", "DESCRIBE described EXTENDED; SHOW QUERIES; SHOW TOPICS EXTENDED;").stdout
    for line in ("Timestamp field      : Not set - using <ROWTIME>", "Queries that write from this TABLE",
                 "Local runtime statistics", "For query topology and execution plan please run: EXPLAIN <QueryId>",
                 "For detailed information on a Query run: EXPLAIN <Query ID>;"):
        assert line in text.splitlines(), text
    assert re.search(r"^total-messages: \d+$", text, re.M)
    assert "| Consumers | ConsumerGroups" in text
    query = re.search(r"CTAS_DESCRIBED_\d+", text)[0]
    text = server.sql("-e", f"EXPLAIN {query};").stdout
    assert "Sources that this query reads from:\n" + "-" * 35 + "\nS\n" in text
    assert "Sinks that this query writes to:\n" + "-" * 35 + "\nDESCRIBED\n" in text
    server.run("DROP TABLE described DELETE TOPIC;")


def test_readers_of_topics_are_counted(server):
    server.run("CREATE STREAM counted (v BIGINT) WITH (KAFKA_TOPIC='counted', VALUE_FORMAT='JSON', PARTITIONS=3);"
               "CREATE STREAM counts1 AS SELECT * FROM counted; CREATE STREAM counts2 AS SELECT * FROM counted;")
    [entity] = server.run("SHOW TOPICS EXTENDED;")
    count = {t["name"]: (t["consumerCount"], t["consumerGroupCount"]) for t in entity["topics"]}
    assert count["counted"] == (6, 2) and count["COUNTS1"] == (0, 0)
    server.run("DROP STREAM counts1 DELETE TOPIC; DROP STREAM counts2 DELETE TOPIC; DROP STREAM counted DELETE TOPIC;")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_kafka_s_readers_of_topics_are_counted(arus, tmp_path, protocol):
    b = Broker(arus, None)
    s = Server(arus, tmp_path, broker=b)

    def counts():
        [entity] = s.run("SHOW TOPICS EXTENDED;")
        return {t["name"]: (t["consumerCount"], t["consumerGroupCount"]) for t in entity["topics"]}

    s.run("CREATE STREAM s (v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=3);"
          "CREATE STREAM o AS SELECT * FROM s;")
    assert counts() == {"s": (3, 1), "O": (0, 0)}
    consumers = [b.consumer(group, group_protocol=protocol) for group in ("g", "g", "h")]
    for c in consumers:
        c.subscribe(["s"])
    poll_until(consumers, lambda: sum(len(c.assignment()) for c in consumers) == 6)
    eventually(lambda: counts() == {"s": (9, 3), "O": (0, 0)})
    for c in consumers:
        c.close()
    eventually(lambda: counts() == {"s": (3, 1), "O": (0, 0)})
    assert s.stop() == 0


def test_describe_connector(server, tmp_path):
    server.run("CREATE STREAM sunk (k STRING KEY, v BIGINT) WITH (KAFKA_TOPIC='sunk', VALUE_FORMAT='JSON', PARTITIONS=1);"
               f"CREATE SINK CONNECTOR store WITH ('connector.class'='sqlite', 'connection.uri'='{tmp_path / 'x.db'}', 'topics'='sunk');")
    [d] = server.run("DESCRIBE CONNECTOR store;")
    assert (d["@type"], d["connectorClass"], d["topics"]) == ("connector_description", "sqlite", ["sunk"])
    assert d["status"]["connector"] == {"state": "RUNNING", "worker_id": "local", "trace": ""}
    assert d["status"]["type"] == "sink" and d["status"]["tasks"][0]["state"] == "RUNNING"
    assert [(s["name"], s["topic"], s["type"]) for s in d["sources"]] == [("SUNK", "sunk", "STREAM")]
    [plugins] = server.run("SHOW CONNECTOR PLUGINS;")
    assert {"goapi", "sqlite"} <= {p["className"] for p in plugins["connectorsPlugins"]}
    text = server.sql("-e", "DESCRIBE CONNECTOR store; SHOW CONNECTOR PLUGINS;").stdout
    assert "Related Topics" in text and re.search(r"SUNK +\| sunk +\| STREAM", text) and "Task ID" in text
    assert re.search(r"^State +: RUNNING$", text, re.M) and re.search(r"sqlite +\| sink", text)
    missing = server.sql("-e", "DESCRIBE CONNECTOR nothing;")
    assert missing.returncode == 1 and "'NOTHING' does not exist" in missing.stderr
    server.run("DROP CONNECTOR store; DROP STREAM sunk DELETE TOPIC;")


def test_shell_failures(server, arus, tmp_path):
    r = server.sql("-e", "SELEC; SHOW TABLES;")
    assert (r.returncode, r.stdout) == (1, "") and "Did you mean 'SELECT'?" in r.stderr
    assert server.sql("-f", str(tmp_path / "none")).returncode == 1
    assert server.sql("--none", "x").returncode == 2
    r = subprocess.run([arus, "sql", "127.0.0.1:1", "-e", "SHOW TABLES;"], capture_output=True, text=True, check=False)
    assert r.returncode == 1 and "cannot reach a server at http://127.0.0.1:1" in r.stderr


def test_explain_warns_of_a_join_that_can_grow(server):
    server.run("CREATE STREAM IF NOT EXISTS other (id VARCHAR KEY, w BIGINT) "
               "WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);")
    join = "SELECT s.id, v, w FROM s JOIN other WITHIN {} GRACE PERIOD 15 MINUTES ON s.id = other.id EMIT CHANGES;"
    warnings = server.run("EXPLAIN " + join.format("7 DAYS"))[0]["warnings"]
    assert "336 hours" in warnings[0]["message"] and "square" in warnings[0]["message"]
    assert server.run("EXPLAIN " + join.format("1 MINUTE"))[0]["warnings"] == []
    assert "WARNING: Each row" in server.sql("-e", "EXPLAIN " + join.format("7 DAYS")).stdout


def test_a_topic_of_other_partitions_is_the_server_s_error(server):
    r = server.ksql("CREATE STREAM four (v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=4);")
    assert (r.status_code, r.json()["error_code"]) == (500, 50000)
    assert "KSQL expects 4 partitions (topic has 1), 1 replication factor (topic has 1), and " in r.text


def test_what_failed_has_left_nothing(server):
    server.run("CREATE STREAM left_a (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='left', VALUE_FORMAT='AVRO', PARTITIONS=1);"
               "DROP STREAM left_a DELETE TOPIC;")
    r = server.ksql("CREATE STREAM left_b WITH (KAFKA_TOPIC='left', VALUE_FORMAT='AVRO') AS SELECT id, t AS v FROM s;")
    assert r.status_code == 400 and "incompatible" in r.text, r.text
    topics = [t["name"] for t in server.run("SHOW TOPICS;")[0]["topics"]]
    assert "left" not in topics
    assert not [q for q in server.run("SHOW QUERIES;")[0]["queries"] if "LEFT" in q["id"]]


def test_a_full_disk_ends_no_query(arus, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(mount)], check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        s = Server(arus, mount)
        s.run("CREATE STREAM s (id VARCHAR KEY, v VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
              "CREATE STREAM o AS SELECT id, v FROM s;")
        with open(mount / "ballast", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        for size in (100000, 100):
            text = "x" * size
            for _ in range(1000):
                if s.ksql(f"INSERT INTO s VALUES ('a', '{text}');").status_code != 200:
                    break
        query = s.run("SHOW QUERIES;")[0]["queries"][0]["id"]
        assert s.ksql(f"TERMINATE {query};").status_code != 200
        assert [q["id"] for q in s.run("SHOW QUERIES;")[0]["queries"]] == [query]
        (mount / "ballast").unlink()
        eventually(lambda: s.ksql(f"TERMINATE {query};").status_code == 200)
        assert not s.run("SHOW QUERIES;")[0]["queries"]
        s.process.kill()
        s.process.wait(10)
        s = Server(arus, mount)
        assert not s.run("SHOW QUERIES;")[0]["queries"]
        assert s.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)
