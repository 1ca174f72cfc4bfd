"""The source against the market: complete, exact over crashes, patient, within its quota."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import urllib.request

import pytest

from conftest import ROOT, Up, rows, stats

SOURCE = """
CREATE SOURCE CONNECTOR goapi WITH ('connector.class'='goapi', 'url'='${url}', 'tickers'='${tickers}',
  'from.date'='2026-01-01', 'rounds'='${rounds}', 'interval'='0', 'key'='${key}', 'quota.daily'='${quota}',
  'only.changed'='${only_changed}', 'retry.backoff.ms'='20', 'stock.topic'='stock', 'company.topic'='company',
  'companies.cache'='0', 'retry.backoff.max.ms'='100');
"""
READER = """
SET 'auto.offset.reset'='earliest';
CREATE STREAM IF NOT EXISTS s (id VARCHAR, ticker VARCHAR) WITH (KAFKA_TOPIC='stock', VALUE_FORMAT='AVRO');
CREATE STREAM IF NOT EXISTS c (id VARCHAR) WITH (KAFKA_TOPIC='company', VALUE_FORMAT='AVRO');
CREATE STREAM IF NOT EXISTS s2 AS SELECT * FROM s;
CREATE STREAM IF NOT EXISTS c2 AS SELECT * FROM c;
"""


class Market:
    def __init__(self, program, *args):
        self.process = subprocess.Popen([program, "market", "--listen", "127.0.0.1:0", "--seed", "3", "--at", "2026-11-20",
                                         *args],
                                        stdout=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        assert words[:2] == ["ready", "market"]
        self.url = "http://" + words[2]

    def get(self, path):
        with urllib.request.urlopen(self.url + "/stock/idx/" + path, timeout=5) as answer:
            return json.load(answer)["data"]["results"]

    def history(self, tickers):
        return {r["symbol"] + "_" + r["date"]: r for t in tickers
                for r in self.get(f"{t}/historical?from=2023-08-01&to=2100-01-01")}

    def stop(self):
        began = time.time()
        self.process.terminate()
        assert self.process.wait(timeout=5) == 0
        assert time.time() - began < 1.5


@pytest.fixture
def market(arus):
    open_now = []

    def make(*args):
        open_now.append(Market(arus, *args))
        return open_now[-1]
    yield make
    for m in open_now:
        m.stop()


def options(url, **changes):
    given = {"url": url, "tickers": "all", "rounds": 1, "key": "", "quota": 0, "only_changed": "false", **changes}
    return [word for name, value in given.items() for word in ("-D", f"{name}={value}")]


def fetched(result):
    return int(stats(result, "source")[0]["records"])


def documents(path, name):
    return {i: json.loads(d) for i, d in sqlite3.connect(path).execute(f'SELECT id, doc FROM "{name}"')}


def in_topics(up):
    """How many stocks and companies the topics hold."""
    result = up.run(READER)
    assert result.returncode == 0, result.stderr
    return tuple(int(q["records_in"]) for q in sorted(stats(result, "query"), key=lambda q: q["query"]))


def test_the_article(arus, market, tmp_path):
    m = market()
    result = subprocess.run(
        [arus, "up", str(ROOT / "pipelines/idx.properties"), "--data", str(tmp_path / "data"), "-D",
         f"source_url={m.url}", "-D", "rounds=2", "-D", "interval=0", "-D", f"sink_url={tmp_path}/idx.db", "-D",
         "listeners=http://127.0.0.1:0", "-D", "schema.registry.listeners=", "--until-idle", "500ms", "--stats", "--quiet"],
        capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    tickers = [r["symbol"] for r in m.get("trending")]
    history = m.history(tickers)
    names = {r["symbol"]: r for r in m.get("companies")}
    assert len(tickers) == 10 and 350 <= len(history) <= 400
    assert fetched(result) == 2 * (len(history) + 10)
    stocks, companies, joined = (documents(tmp_path / "idx.db", f"ksql-{n}") for n in
                                 ("stock-stream", "company-stream", "join-stock-company"))
    assert set(stocks) == set(joined) == set(history) and set(companies) == set(tickers)
    for key, row in history.items():
        for document in (stocks[key], joined[key]):
            assert [document[f] for f in ("ticker", "date", "open", "high", "low", "close", "volume")] == \
                   [row["symbol"], row["date"], row["open"], row["high"], row["low"], row["close"], row["volume"]]
        assert joined[key]["name"] == names[row["symbol"]]["name"] == companies[row["symbol"]]["name"]


def test_faults(up, market):
    """Every kind of fault, a fifth of all answers."""
    faults = [w for k in ("slow", "500", "429", "html", "truncated", "drop") for w in ("--fault", f"{k}:0.034")]
    m = market(*faults)
    result = up.run(SOURCE, *options(m.url, rounds=2), timeout=60)
    assert result.returncode == 0, result.stderr
    quiet = market()
    assert in_topics(up)[::-1] == (2 * len(quiet.history(r["symbol"] for r in quiet.get("companies"))), 100)


def test_killed_and_resumed(arus, up, market):
    m = market("--fault", "500:0.05")
    rounds, kills = 6, 12 * (5 if os.environ.get("ARUS_SOAK") else 1)
    chance = random.Random(5)
    (up.folder / "a.sql").write_text(SOURCE)
    (up.folder / "a.properties").write_text("ksql.queries.file=a.sql\narus.show=\n")
    for _ in range(kills):
        p = subprocess.Popen([arus, "up", str(up.folder / "a.properties"), "--data", str(up.data), "--quiet",
                              *options(m.url, rounds=rounds)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(chance.uniform(0.02, 0.12))
        assert p.poll() is None, p.stderr.read()
        p.send_signal(signal.SIGKILL)
        p.wait()
    result = up.run(SOURCE, *options(m.url, rounds=rounds), timeout=60)
    assert result.returncode == 0, result.stderr
    quiet = market()
    n = len(quiet.history(r["symbol"] for r in quiet.get("companies")))
    assert in_topics(up)[::-1] == (rounds * n, rounds * 50)


def test_quota(up, market):
    m = market()
    for _ in range(2):  # the count outlives the process
        result = up.run(SOURCE, *options(m.url, tickers="trending", quota=7, rounds=0))
        assert result.returncode == 0, result.stderr
        assert json.loads((up.data / "goapi-goapi-quota.json").read_text())["dayRequests"] == 7
        assert "today's 7 requests are used up" in result.stderr
    stocks = in_topics(up)[1]
    assert stocks == len(m.history([r["symbol"] for r in m.get("trending")][:5]))


def test_only_changed(up, market):
    m = market()
    result = up.run(SOURCE, *options(m.url, rounds=2, only_changed="true"))
    assert fetched(result) == len(m.history(r["symbol"] for r in m.get("companies"))) + 50


def test_the_key(up, market, tmp_path):
    m = market("--key", "s3cret-key")
    (tmp_path / "key").write_text("s3cret-key\n")
    result = up.run(SOURCE, *options(m.url, tickers="BBCA,TLKM", key=f"file:{tmp_path}/key"))
    assert fetched(result) > 60
    other = Up(up.program, tmp_path / "other")
    other.folder.mkdir()
    result = other.run(SOURCE, *options(m.url, key="wrong-key"))
    assert "refuses the key" in result.stderr
    assert "wrong-key" not in result.stderr + result.stdout


def test_the_old_api_prices_and_indices(up, market):
    m = market()
    result = up.run("""
        CREATE SOURCE CONNECTOR goapi WITH ('connector.class'='goapi', 'url'='${url}/v1/stock/idx/', 'rounds'='2',
          'interval'='600ms', 'tickers'='top_gainer', 'from.date'='2026-01-01', 'company.per.row'='true', 'stock.topic'='stock',
          'company.topic'='company', 'prices.topic'='price', 'indices.topic'='index',
          'partitioner'='consistent_random');
        SET 'auto.offset.reset'='earliest';
        CREATE STREAM p (ticker VARCHAR, close DOUBLE, percent DOUBLE) WITH (KAFKA_TOPIC='price', VALUE_FORMAT='AVRO');
        CREATE TABLE latest AS SELECT ticker, LATEST_BY_OFFSET(close) AS close, LATEST_BY_OFFSET(percent) AS percent
          FROM p GROUP BY ticker;
        """, *options(m.url), show="LATEST")
    assert result.returncode == 0, result.stderr
    gainers = {r["symbol"]: r for r in m.get("top_gainer")}
    assert fetched(result) == 2 * (2 * len(m.history(gainers)) + 10 + len(m.get("indices")))
    shown = rows(result)
    assert shown and set(shown) <= set(gainers)
    for ticker, (close, percent) in shown.items():
        assert [float(close), float(percent)] == [gainers[ticker]["close"], gainers[ticker]["percent"]]


def test_a_bad_option(up):
    result = up.run("CREATE SOURCE CONNECTOR g WITH ('connector.class'='goapi', 'from.date'='yesterday');")
    assert result.returncode != 0
    assert "from.date must be a date such as 2023-08-01, not 'yesterday'" in result.stderr
