"""The article's pipeline on real market data: what is stored at the end is what plain Python makes of the CSV files."""
import csv
import gzip
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import pytest

from conftest import ROOT, SHARED, SOAK, Up, mongo_server, rows

IDX = SHARED / "data" / "idx"
needs_data = pytest.mark.skipif(not IDX.is_dir(), reason="../shared/data/idx is not there")


class Market:
    """`arus market` on a port of its own."""

    def __init__(self, program, *args):
        self.p = subprocess.Popen([program, "market", "--listen", "127.0.0.1:0", *args], stdout=subprocess.PIPE, text=True)
        line = self.p.stdout.readline()
        self.url = "http://" + re.match(r"ready market (\S+)", line).group(1)

    def close(self):
        self.p.terminate()
        assert self.p.wait(timeout=5) == 0


def real_prices(tmp_path, step):
    """Real prices: all of them in a soak, else those of each step-th ticker, and the companies' names."""
    daily, companies = tmp_path / "daily.csv", tmp_path / "companies.csv"
    with gzip.open(IDX / "daily-2020-2021.csv.gz", "rt", encoding="utf-8") as f:
        all_rows = list(csv.DictReader(f))
    with open(IDX / "companies.csv", encoding="utf-8", newline="") as f:
        names = {r["ticker"]: r["name"] for r in csv.DictReader(f)}
    tickers = sorted(names) if SOAK else sorted(names)[::step]
    all_rows = [r for r in all_rows if r["ticker"] in set(tickers)]
    with open(daily, "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, all_rows[0].keys())
        w.writeheader()
        w.writerows(all_rows)
    with open(companies, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f)
        w.writerow(["ticker", "name"])
        w.writerows((t, names[t]) for t in tickers)
    return daily, companies, all_rows, {t: names[t] for t in tickers}


@pytest.fixture
def prices(tmp_path):
    return real_prices(tmp_path, 7)


def expected(all_rows, names):
    stock = {}
    for r in all_rows:
        key = f"{r['ticker']}_{r['date']}"
        stock[key] = {"id": key, "stockid": key, "ticker": r["ticker"], "date": r["date"],
                      **{c: float(r[c]) for c in ("open", "high", "low", "close")}, "volume": int(r["volume"])}
    logo = "https://s3.goapi.io/logo/{}.jpg".format
    company = {t: {"id": t, "companyid": t, "ticker": t, "name": n, "logo": logo(t)} for t, n in names.items()}
    join = {k: {**d, "name": names[d["ticker"]], "logo": logo(d["ticker"])} for k, d in stock.items()}
    return {"ksql-stock-stream": stock, "ksql-company-stream": company, "ksql-join-stock-company": join}


def stored(db):
    con = sqlite3.connect(db)
    out = {}
    for table in ("ksql-stock-stream", "ksql-company-stream", "ksql-join-stock-company"):
        docs = [json.loads(d) for (d,) in con.execute(f'SELECT doc FROM "{table}"')]
        out[table] = {d["id"]: d for d in docs}
        assert len(docs) == len(out[table]), "an id twice"
    con.close()
    return out


def mongo_stored(uri):
    import pymongo
    out = {}
    with pymongo.MongoClient(uri) as client:
        for name in ("ksql-stock-stream", "ksql-company-stream", "ksql-join-stock-company"):
            docs = list(client["kafka"][name].find({}, {"_id": 0}))
            out[name] = {d["id"]: d for d in docs}
            assert len(docs) == len(out[name]), "an id twice"
    return out


def assert_same(got, want):
    for table, docs in want.items():
        assert len(got[table]) == len(docs), table
        wrong = [k for k in docs if got[table].get(k) != docs[k]]
        assert not wrong, (table, wrong[0], got[table].get(wrong[0]), docs[wrong[0]])


def command(arus, data, url, idle):
    return [arus, "up", str(ROOT / "pipelines" / "idx.properties"), "--data", str(data), "-D", f"source_url={url}",
            "-D", "tickers=all", "-D", "rounds=2", "-D", "interval=0", "-D", f"sink_url={data}/idx.db",
            "-D", "listeners=", "-D", "schema.registry.listeners=", "--quiet", "--until-idle", idle]


def records_in_topic(arus, folder, data, topic, columns):
    """How many records a topic has, counted by a query of its own."""
    up = Up(arus, folder)
    up.data = data
    r = up.run(f"""SET 'auto.offset.reset'='earliest';
        CREATE STREAM again ({columns}) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='AVRO');
        CREATE TABLE howmany AS SELECT 'all' AS k, COUNT(*) AS n FROM again GROUP BY 'all';""", show="HOWMANY",
               idle="2s", timeout=60)
    return int(rows(r)["all"][0])


@needs_data
def test_collections_are_what_the_csv_files_say(arus, tmp_path, prices):
    daily, companies, all_rows, names = prices
    market = Market(arus, "--prices", str(daily), "--companies", str(companies))
    data = tmp_path / "data"
    data.mkdir()
    try:
        r = subprocess.run(command(arus, data, market.url, "2s"), timeout=180, capture_output=True, text=True, check=False)
        assert r.returncode == 0, r.stderr
    finally:
        market.close()
    assert_same(stored(data / "idx.db"), expected(all_rows, names))
    assert records_in_topic(arus, tmp_path, data, "streaming.goapi.idx.stock.json", "id VARCHAR") == 2 * len(all_rows)


@needs_data
def test_kill_9_at_random_moments_changes_nothing(arus, tmp_path, prices):
    daily, companies, all_rows, names = prices
    market = Market(arus, "--prices", str(daily), "--companies", str(companies))
    data = tmp_path / "data"
    data.mkdir()
    seed = int(os.environ.get("ARUS_SEED", time.time_ns() % 1000000))
    print("ARUS_SEED =", seed)
    rng = random.Random(seed)
    kills = 30 if SOAK else 8
    try:
        for _ in range(kills):
            p = subprocess.Popen(command(arus, data, market.url, "60s"), stderr=subprocess.PIPE)
            time.sleep(rng.uniform(0.02, 1.0 if SOAK else 0.5))
            p.send_signal(signal.SIGKILL)
            p.wait()
            assert p.returncode == -signal.SIGKILL, p.stderr.read()
        r = subprocess.run(command(arus, data, market.url, "2s"), timeout=180, capture_output=True, text=True, check=False)
        assert r.returncode == 0, r.stderr
    finally:
        market.close()
    assert_same(stored(data / "idx.db"), expected(all_rows, names))
    assert records_in_topic(arus, tmp_path, data, "streaming.goapi.idx.stock.json", "id VARCHAR") == 2 * len(all_rows)


@needs_data
@pytest.mark.parametrize("server", ["python", pytest.param("rust", marks=pytest.mark.skipif(
    not SOAK, reason="building the server takes twenty minutes: in make soak"))])
def test_mongodb_dies_three_times_and_fails_in_between(arus, tmp_path, tmp_path_factory, server):
    if SOAK and server == "python":
        pytest.skip("it stores a thousand documents a second: the soak takes the other server")
    daily, companies, all_rows, names = real_prices(tmp_path, 160)
    market = Market(arus, "--prices", str(daily), "--companies", str(companies))
    data = tmp_path / "data"
    data.mkdir()
    for mongo in mongo_server(server, tempfile.mkdtemp(dir="/dev/shm") if SOAK else tmp_path / "mongo"):
        run = command(arus, data, market.url, "3s") + ["-D", "sink=mongodb", "-D", f"sink_url={mongo.uri}"]
        with subprocess.Popen(run, stderr=subprocess.PIPE, text=True) as p:
            for code in (91, 112, 189):
                time.sleep(8 if SOAK else 1)
                if server == "python":
                    mongo.fail({"times": 3}, failCommands=["update"], errorCode=code)
                    time.sleep(0.3)
                mongo.kill()
                time.sleep(0.5)
                mongo.start()
            assert p.poll() is None, "the load was over before the third death"
            _, err = p.communicate(timeout=900)
        market.close()
        assert p.returncode == 0, err
        assert_same(mongo_stored(mongo.uri), expected(all_rows, names))
        if SOAK:
            shutil.rmtree(mongo.folder)


@pytest.mark.alone
def test_first_joined_row_within_300_ms(arus, tmp_path):
    market = Market(arus)
    data = tmp_path / "data"
    data.mkdir()
    db = data / "idx.db"
    best = 9.9
    try:
        for attempt in range(3):  # the best of three: the machine may be busy with something else
            sub = data / str(attempt)
            sub.mkdir()
            db = sub / "idx.db"
            start = time.monotonic()
            p = subprocess.Popen([arus, "up", str(ROOT / "pipelines" / "idx.properties"), "--data", str(sub), "-D",
                                  f"source_url={market.url}", "-D", f"sink_url={db}", "-D", "listeners=", "-D", "schema.registry.listeners=", "--quiet"])
            while time.monotonic() - start < 5:
                try:
                    con = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
                    n = con.execute('SELECT COUNT(*) FROM "ksql-join-stock-company"').fetchone()[0]
                    con.close()
                    if n:
                        break
                except sqlite3.OperationalError:
                    pass
                time.sleep(0.005)
            best = min(best, time.monotonic() - start)
            status = open(f"/proc/{p.pid}/status", encoding="ascii").read()
            p.terminate()
            assert p.wait(timeout=3) == 0
            assert int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) < 64 * 1024
    finally:
        market.close()
    print("first joined row after", round(best * 1000), "ms")
    assert best <= 0.3
