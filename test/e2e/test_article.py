"""The article's own programs, unchanged, on arus: its requests, its commands, its statements, its producer, its sink."""
import json
import os
import re
import socket
import subprocess
import sys
import time

import httpx
import pytest

from conftest import ROOT, SHARED, mongo_server

ARTICLE = SHARED / "article"
pytestmark = pytest.mark.skipif(not ARTICLE.is_dir(), reason="../shared/article is not there")


def three_free_ports():
    """The first of three ports in a row."""
    for _ in range(100):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        try:
            for i in range(3):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port + i))
            return port
        except OSError:
            continue
    raise AssertionError("no three free ports in a row")


# Ctrl+C while the client flushes is lost by confluent-kafka 2.16, which then fails with this in its place.
LOST_INTERRUPT = re.compile(r"Traceback [^\n]*\n(  [^\n]*\n)+SystemError: <method 'flush' of 'cimpl.Producer' objects> "
                            r"returned NULL without setting an exception\n$")


def finish(p):
    """Waits for one of the article's programs; what it printed. p.well: it ended as Ctrl+C ends it."""
    p.wait(timeout=120)
    out, err = (f.read_text(encoding="utf-8") for f in p.printed)
    p.well = p.returncode == 0 or bool(LOST_INTERRUPT.search(err))
    return out, LOST_INTERRUPT.sub("", err)


class System:
    """What the article starts by `docker compose up`, and the market that it asks."""

    def __init__(self, arus, folder, trending):
        self.arus, self.folder, self.port = arus, folder, three_free_ports()
        self.market = subprocess.Popen([arus, "market", "--listen", "127.0.0.1:0", "--trending", str(trending),
                                        "--at", "2026-11-20"],
                                       stdout=subprocess.PIPE, text=True)
        self.goapi = "http://" + self.market.stdout.readline().split()[2]
        subprocess.run([arus, "links", str(folder / "bin")], check=True)
        self.brokers = ",".join(f"127.0.0.1:{self.port + i}" for i in range(3))
        self.http, self.programs = {}, 0
        self.start()

    def start(self):
        ports = self.http
        self.process = subprocess.Popen(
            [self.arus, "up", str(ROOT / "pipelines" / "article.properties"), "--data", str(self.folder / "data"),
             "--quiet", "-D", f"listeners=http://127.0.0.1:{ports.get('ksqldb', 0)},PLAINTEXT://127.0.0.1:{self.port}",
             "-D", f"schema.registry.listeners=http://127.0.0.1:{ports.get('registry', 0)}"],
            stdout=subprocess.PIPE, text=True)
        ready = {}
        while not {"ksqldb", "registry", "broker"} <= set(ready):
            line = self.process.stdout.readline()
            assert line, "arus up ended"
            m = re.match(r"ready (\w+) \S+:(\d+)", line)
            if m:
                ready.setdefault(m.group(1), int(m.group(2)))
        self.http = ready
        self.registry = f"http://127.0.0.1:{ready['registry']}"
        self.ksqldb = f"http://127.0.0.1:{ready['ksqldb']}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def tool(self, name, *args):
        return subprocess.run([str(self.folder / "bin" / name), *args], capture_output=True, text=True, check=True,
                              timeout=60).stdout

    def program(self, name, seconds, mongo=None):
        """One of the article's Python programs, ended by Ctrl+C."""
        env = {**os.environ, "PYTHONPATH": str(ARTICLE / "redirect"), "PYTHONDONTWRITEBYTECODE": "1",
               "PYTHONUNBUFFERED": "1", "ARTICLE_GOAPI": self.goapi, "ARTICLE_BOOTSTRAP": self.brokers,
               "ARTICLE_REGISTRY": self.registry, "ARTICLE_KSQLDB": self.ksqldb, "ARTICLE_APIKEY": "test",
               "ARTICLE_SECONDS": str(seconds)}
        if mongo:
            env["ARTICLE_MONGO"] = mongo.uri
        # What it prints goes to files: nobody reads a pipe while both run, and a full one would hold it.
        self.programs += 1
        files = [self.folder / f"{name}-{self.programs}.{kind}" for kind in ("out", "err")]
        with open(files[0], "w", encoding="utf-8") as out, open(files[1], "w", encoding="utf-8") as err:
            p = subprocess.Popen([sys.executable, "-B", name], cwd=ARTICLE, env=env, stdout=out, stderr=err)
        p.printed = files
        return p

    def prepare(self):
        """The article's steps before its programs run."""
        for subject, slash in (("IDX-Stock", "/"), ("IDX-Company", "")):
            body = (ARTICLE / f"{subject}.request.json").read_text(encoding="utf-8")
            r = httpx.post(f"{self.registry}/subjects/{subject}/versions{slash}", content=body,
                           headers={"Content-Type": "application/json"})
            assert r.status_code == 200, r.text
        for topic in ("stock", "companies"):
            out = self.tool("kafka-topics", "--bootstrap-server", self.brokers, "--create", "--replication-factor", "2",
                            "--partitions", "9", "--config", "cleanup.policy=compact", "--topic",
                            f"streaming.goapi.idx.{topic}.json")
            assert f"Created topic streaming.goapi.idx.{topic}.json." in out
        # The producer's schemas must be there before the statements would register their own.
        until = time.monotonic() + 60
        while len(httpx.get(f"{self.registry}/subjects").json()) < 4:  # it may take more than its seconds to begin
            assert time.monotonic() < until, "the producer does not register its schemas"
            finish(self.program("producer.py", 4))
        self.tool("ksql", self.ksqldb, "-f", str(ARTICLE / "statements.sql"))

    def expected(self):
        """What plain Python makes of the market's answers."""
        def ask(path, **params):
            r = httpx.get(f"{self.goapi}/v1/stock/idx/{path}", params=params, headers={"X-API-KEY": "test"})
            return r.json()["data"]["results"]
        companies = {c["ticker"]: c for c in ask("companies")}
        stock, company, join = {}, {}, {}
        for t in ask("trending"):
            ticker = t["ticker"]
            c = companies[ticker]
            company[ticker] = {"id": ticker, "companyid": ticker, "ticker": ticker, "name": c["name"], "logo": c["logo"]}
            for h in ask(f"{ticker}/historical", **{"from": "2023-08-01", "to": time.strftime("%Y-%m-%d")}):
                key = f"{ticker}_{h['date']}"
                doc = {"id": key, "stockid": key, "ticker": ticker, "date": h["date"],
                       **{k: float(h[k]) for k in ("open", "high", "low", "close")}, "volume": int(h["volume"])}
                stock[key] = doc
                join[key] = {**doc, "name": c["name"], "logo": c["logo"]}
        return {"ksql-stock-stream": stock, "ksql-company-stream": company, "ksql-join-stock-company": join}

    def close(self):
        for p in (self.process, self.market):
            p.terminate()
            assert p.wait(timeout=10) == 0


@pytest.fixture
def system(arus, tmp_path):
    s = System(arus, tmp_path, trending=5)
    yield s
    s.close()


@pytest.fixture(scope="module")
def mongo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("article-mongo")
    yield from mongo_server("python", folder)


def stored(mongo):
    import pymongo
    with pymongo.MongoClient(mongo.uri) as client:
        out = {}
        for name in client["kafka"].list_collection_names():
            docs = list(client["kafka"][name].find({}, {"_id": 0}))
            out[name] = {d["id"]: d for d in docs}
            assert len(docs) == len(out[name]), f"{name}: an id twice"
        return out


def test_requests_and_commands(system):
    """The registry's four requests and the three topic commands give what the article prints."""
    for n, (subject, slash) in enumerate((("IDX-Stock", "/"), ("IDX-Company", "")), 1):
        body = (ARTICLE / f"{subject}.request.json").read_text(encoding="utf-8")
        r = httpx.post(f"{system.registry}/subjects/{subject}/versions{slash}", content=body,
                       headers={"Content-Type": "application/json"})
        assert r.status_code == 200 and r.json()["id"] == n
        got = httpx.get(f"{system.registry}/subjects/{subject}/versions/1").json()
        want = json.loads((ARTICLE / f"{subject}.response.json").read_text(encoding="utf-8"))
        assert {k: got[k] for k in want if k != "id"} == {k: v for k, v in want.items() if k != "id"}
    for line in (ARTICLE / "topics.txt").read_text(encoding="utf-8").splitlines():
        words = line.split()
        at = words.index("/usr/bin/kafka-topics")
        args = [system.brokers if "kafka1:19092" in w else w for w in words[at + 1:]]
        out = system.tool("kafka-topics", *args)
    own = [t for t in out.splitlines() if not t.startswith("_")]  # the servers' topics are there, too
    assert own == ["streaming.goapi.idx.companies.json", "streaming.goapi.idx.stock.json"]


def test_producer_and_sink_side_by_side(system, mongo):
    system.prepare()
    sink = system.program("sink.py", 28, mongo)
    producer = system.program("producer.py", 20)
    outs = [finish(p) for p in (producer, sink)]
    for p, (out, err) in zip((producer, sink), outs):
        assert p.well and "Traceback" not in out + err and "rror" not in err, out[-3000:] + err[-3000:]
    want = system.expected()
    got = stored(mongo)
    for name, docs in want.items():
        assert got[name] == docs, name
    assert "arus_push_queries 0\n" in httpx.get(system.ksqldb + "/metrics").text  # /close-query has ended them


def test_kill_9_while_the_producer_runs(system, mongo):
    import pymongo
    with pymongo.MongoClient(mongo.uri) as client:
        client.drop_database("kafka")
    system.prepare()
    producer = system.program("producer.py", 18)
    for seconds in (4, 5):
        time.sleep(seconds)
        system.kill()
        time.sleep(0.5)
        system.start()
    out, err = finish(producer)
    assert producer.well and "Traceback" not in out + err and "Error ID" not in out, out[-3000:] + err[-3000:]
    sent = len(re.findall(r"^Counter: \d+ ticker: ", out, re.M))
    last = out.rstrip().rsplit("Counter: ", 1)[1].split()[0]  # of the last ticker nothing may have been flushed
    sure = sent - len(re.findall(rf"^Counter: {last} ticker: ", out, re.M))
    ends = system.tool("kafka-get-offsets", "--bootstrap-server", system.brokers, "--topic",
                       "streaming.goapi.idx.stock.json").split()
    assert sum(int(e.rsplit(":", 1)[1]) for e in ends) >= sure > 0
    sink = system.program("sink.py", 55, mongo)  # it writes row by row
    out, err = finish(sink)
    assert sink.well and "Traceback" not in out + err, out[-3000:] + err[-3000:]
    got = stored(mongo)
    for name, docs in system.expected().items():
        assert got[name] == docs, name
