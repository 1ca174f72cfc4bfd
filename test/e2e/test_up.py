"""`arus up`: state over restarts, and what it says when something is wrong."""
import os
import subprocess

import pytest

from conftest import rows, stats

COUNT = """
SET 'auto.offset.reset'='earliest';
CREATE STREAM IF NOT EXISTS s (id VARCHAR KEY, v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='AVRO', PARTITIONS=3);
CREATE TABLE IF NOT EXISTS t AS SELECT id, COUNT(*) AS n, SUM(v) AS total FROM s GROUP BY id EMIT CHANGES;
INSERT INTO s VALUES ('a', 1);
INSERT INTO s VALUES ('b', 2);
INSERT INTO s VALUES ('a', 5);
"""


def test_state_goes_on_where_it_stopped(up):
    for n in (1, 2, 3):
        r = up.run(COUNT, show="T", idle="1200ms")
        assert r.returncode == 0, r.stderr
        assert rows(r) == {"a": [str(2 * n), str(6 * n)], "b": [str(n), str(2 * n)]}


def test_state_comes_back_from_the_changelog_alone(up):
    up.run(COUNT)
    for f in (up.data / "state").iterdir():
        f.unlink()
    assert rows(up.run(COUNT, show="T", idle="1200ms"))["a"] == ["4", "12"]


def test_a_damaged_checkpoint_is_passed_over(up):
    up.run(COUNT)
    for f in (up.data / "state").iterdir():
        bytes_ = bytearray(f.read_bytes())
        bytes_[-10] ^= 1
        f.write_bytes(bytes_)
    r = up.run(COUNT, show="T", idle="1200ms")
    assert "passed over" in r.stderr
    assert rows(r)["a"] == ["4", "12"]


def test_queries_read_what_queries_write(up):
    r = up.run(COUNT + """
        CREATE STREAM IF NOT EXISTS big WITH (VALUE_FORMAT='JSON') AS SELECT id, v * 10 AS w FROM s WHERE v > 1;
        CREATE TABLE IF NOT EXISTS u AS SELECT id, SUM(w) AS total FROM big GROUP BY id;""", show="U", idle="1200ms")
    assert rows(r) == {"a": ["50"], "b": ["20"]}


def test_a_replaced_query_goes_on_where_the_old_one_stopped(up):
    one = COUNT.partition("CREATE TABLE")[0] + """
        CREATE OR REPLACE STREAM o AS SELECT id, v FROM s;
        CREATE TABLE IF NOT EXISTS n AS SELECT id, COUNT(*) AS n FROM o GROUP BY id;"""
    insert = "INSERT INTO s VALUES ('a', 1); INSERT INTO s VALUES ('a', 10);"
    up.run(one + insert)
    r = up.run(one + "CREATE OR REPLACE STREAM o AS SELECT id, v FROM s WHERE v > 5;" + insert, show="N", idle="1200ms")
    assert rows(r) == {"a": ["3"]}


def test_a_stream_is_repartitioned_and_joined(up):
    r = up.run("""
        SET 'auto.offset.reset'='earliest';
        CREATE STREAM l (id VARCHAR, k VARCHAR, v BIGINT) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='AVRO', PARTITIONS=4);
        CREATE STREAM r (k VARCHAR, name VARCHAR) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=4);
        CREATE STREAM j AS SELECT l.k AS k, id, v, name FROM l JOIN r WITHIN 1 HOUR GRACE PERIOD 1 MINUTE ON l.k = r.k;
        CREATE TABLE n AS SELECT id, LATEST_BY_OFFSET(name) AS name, COUNT(*) AS n FROM j GROUP BY id;
        INSERT INTO l VALUES ('x1', 'x', 1); INSERT INTO l VALUES ('y1', 'y', 2); INSERT INTO l VALUES ('x2', 'x', 3);
        INSERT INTO r VALUES ('x', 'ex'); INSERT INTO r VALUES ('y', 'why'); INSERT INTO r VALUES ('x', 'ex');
        """, show="N", idle="1200ms")
    assert rows(r) == {"x1": ["ex", "2"], "x2": ["ex", "2"], "y1": ["why", "1"]}
    [line] = [line for line in r.stdout.splitlines() if line.startswith("time ")]
    time = dict(word.split("=") for word in line.split()[1:])
    assert list(time) == ["fetch_s", "log_s", "select_s", "dedupe_s", "join_s", "sink_s"]
    busy = {q["query"].split("_")[1]: q["busy_s"] for q in stats(r, "query")}
    assert (time["join_s"], time["dedupe_s"], time["select_s"]) == (busy["J"], busy["N"], "0.000")


def test_an_unreadable_record_is_counted_and_the_stream_goes_on(up):
    r = up.run("""
        SET 'auto.offset.reset'='earliest';
        CREATE STREAM s (k VARCHAR KEY, v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='AVRO', PARTITIONS=1);
        CREATE STREAM raw (k VARCHAR KEY, v BYTES) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='KAFKA');
        CREATE TABLE t AS SELECT k, SUM(v) AS total FROM s GROUP BY k;
        INSERT INTO s VALUES ('a', 1);
        INSERT INTO raw VALUES ('a', TO_BYTES('00000000630202', 'hex'));
        INSERT INTO s VALUES ('a', 2);""", show="T", idle="1200ms")
    assert rows(r) == {"a": ["3"]}
    assert "99" in r.stderr  # the schema id, in the warning
    [q] = [q for q in stats(r, "query") if q["query"].startswith("CTAS_T")]
    assert int(q["failed"]) >= 1
    r = up.run("CREATE STREAM p (message STRUCT<type INT, \"deserializationError\" STRUCT<\"errorMessage\" VARCHAR, "
               "topic VARCHAR>>) WITH (KAFKA_TOPIC='default_ksql_processing_log', VALUE_FORMAT='JSON');"
               "SET 'auto.offset.reset'='earliest';"
               "CREATE TABLE e AS SELECT message->\"deserializationError\"->topic AS topic, COUNT(*) AS n FROM p "
               "GROUP BY message->\"deserializationError\"->topic;", show="E", idle="1200ms")
    assert rows(r) == {"s": ["1"]}


@pytest.mark.parametrize("sql, message", [
    ("SELEC 1;", "line 1:1: Syntax Error"),
    ("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='s' VALUE_FORMAT='JSON');", "line 1:47: Syntax Error"),
    ("CREATE STREAM s (a INT)\n  WITH (VALUE_FORMAT='JSON');", "Missing required property \"KAFKA_TOPIC\""),
    ("CREATE STREAM s AS SELECT * FROM nowhere;", "Source `NOWHERE` does not exist"),
    ("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", "required 'PARTITIONS' configuration"),
])
def test_a_wrong_statement_says_where_and_what(up, sql, message):
    r = up.run(sql)
    assert r.returncode != 0
    assert message in r.stderr


def test_a_wrong_line_of_properties_says_where(up):
    r = up.run("", properties="this is nothing\n")
    assert r.returncode == 2
    assert "a.properties:3: expected name=value" in r.stderr


def test_a_registry_s_cluster_is_said_to_be_ignored(up):
    r = up.run("", properties="kafkastore.bootstrap.servers=127.0.0.1:1\nkafkastore.topic=_schemas\n")
    assert r.returncode == 0
    assert r.stderr.count("kafkastore.") == 1 and "kafkastore.bootstrap.servers is not used" in r.stderr


def test_a_second_process_is_refused(up):
    first = subprocess.Popen([up.program, "up", "--data", str(up.data), "--quiet"])
    try:
        for _ in range(100):
            if (up.data / "lock").exists():
                break
            subprocess.run(["sleep", "0.05"], check=True)
        r = up.run("", timeout=10)
        assert r.returncode == 1
        assert "another process" in r.stderr
    finally:
        first.terminate()
        assert first.wait(timeout=5) == 0


def flip(bytes_):
    bytes_[len(bytes_) // 2] ^= 4
    return bytes_


@pytest.mark.parametrize("damage, message", [
    (flip, "is corrupt at byte"),
    (lambda bytes_: bytes_[:-20], "is cut off"),
], ids=["flipped-bit", "truncated"])
def test_a_damaged_segment_is_named_and_the_others_are_read(up, damage, message):
    up.run(COUNT)
    [topic] = (up.data / "topics").glob("s.*")
    victim = max(topic.glob("*.log"), key=lambda f: f.stat().st_size)  # a's partition
    victim.write_bytes(damage(bytearray(victim.read_bytes())))
    r = up.run(COUNT.partition("CREATE TABLE")[0] + "CREATE TABLE other AS SELECT id, COUNT(*) AS n FROM s GROUP BY id;",
               show="OTHER", idle="1200ms")
    assert f"{victim} {message}" in r.stderr, r.stderr
    assert rows(r)["b"] == ["1"]


def test_a_read_only_directory_is_said(up):
    up.run(COUNT)
    if os.geteuid() == 0:
        if subprocess.run(["mount", "--bind", "-o", "ro", str(up.data), str(up.data)], check=False).returncode:
            pytest.skip("nothing can be mounted here")
    else:
        up.data.chmod(0o555)
        (up.data / "lock").chmod(0o444)
    try:
        r = up.run(COUNT)
        assert r.returncode == 1
        assert str(up.data) in r.stderr and ("Read-only" in r.stderr or "Permission" in r.stderr), r.stderr
    finally:
        subprocess.run(["umount", "-l", str(up.data)], stderr=subprocess.DEVNULL, check=False)
        up.data.chmod(0o755)


def test_a_full_disk_is_said_and_loses_nothing(arus, tmp_path, up):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(mount)], check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        up.data = mount / "data"
        assert up.run(COUNT, idle="1200ms").returncode == 0
        with open(mount / "ballast", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        r = up.run(COUNT, timeout=20)
        assert "No space left" in r.stderr, r.stderr
        runs = 2 if r.returncode == 0 else 1  # what fits into the journal's room still goes through
        (mount / "ballast").unlink()
        got = rows(up.run(COUNT, show="T", idle="1200ms"))
        assert int(got["a"][0]) == 2 * (runs + 1)
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)


@pytest.mark.alone
def test_ctrl_c_ends_it_within_a_second(arus, tmp_path):
    p = subprocess.Popen([arus, "up", "--data", str(tmp_path / "d"), "--quiet"])
    subprocess.run(["sleep", "0.4"], check=True)
    p.send_signal(2)
    assert p.wait(timeout=1.5) == 0


def test_help_and_version(arus):
    assert "arus up" in subprocess.run([arus, "help"], capture_output=True, text=True, check=True).stdout
    assert subprocess.run([arus, "version"], capture_output=True, text=True, check=True).stdout.startswith("arus ")
    assert subprocess.run([arus, "nothing"], capture_output=True, text=True, check=False).returncode == 2


def test_the_article_s_partitions_are_refused_or_taken_leniently(up):
    sql = """CREATE STREAM a (v INT) WITH (KAFKA_TOPIC='nine', VALUE_FORMAT='AVRO', PARTITIONS=9);
             CREATE STREAM b (v INT) WITH (KAFKA_TOPIC='nine', VALUE_FORMAT='AVRO', PARTITIONS=4);"""
    r = up.run(sql)
    assert r.returncode != 0
    assert "KSQL expects 4 partitions (topic has 9)" in r.stderr
    r = up.run(sql, properties="arus.partitions.lenient=true\n")
    assert r.returncode == 0
    assert "has 9 partitions, not the 4" in r.stderr


def test_a_type_that_a_query_casts_to_can_be_dropped(up):
    r = up.run("""
        SET 'auto.offset.reset'='earliest';
        CREATE TYPE d AS DECIMAL(6, 2);
        CREATE STREAM s (id VARCHAR KEY, v VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
        CREATE STREAM o AS SELECT id, CAST(v AS d) AS x FROM s;
        CREATE TABLE t AS SELECT id, LATEST_BY_OFFSET(CAST(x AS d)) AS x FROM o GROUP BY id;
        DROP TYPE d;
        INSERT INTO s VALUES ('a', '12.5');""", show="T", idle="1200ms")
    assert rows(r) == {"a": ["12.50"]}


LATEST = """
CREATE STREAM IF NOT EXISTS s (id VARCHAR KEY, v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='AVRO', PARTITIONS=1);
"""


def test_latest_is_where_the_log_ended_when_the_query_was_made(up):
    t = "CREATE TABLE IF NOT EXISTS t AS SELECT id, COUNT(*) AS n FROM s GROUP BY id EMIT CHANGES;"
    up.run(LATEST + "INSERT INTO s VALUES ('a', 1);" + t + "PAUSE ALL;")
    up.run(LATEST + "INSERT INTO s VALUES ('a', 2); INSERT INTO s VALUES ('b', 2);" + t + "PAUSE ALL;")
    assert rows(up.run(LATEST + t, show="T", idle="1200ms")) == {"a": ["1"], "b": ["1"]}


def test_two_streams_of_one_topic_keep_their_own_offsets(up):
    sql = LATEST + """
        SET 'auto.offset.reset'='earliest';
        CREATE STREAM IF NOT EXISTS s2 (id VARCHAR KEY, v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='AVRO');
        CREATE STREAM IF NOT EXISTS j AS SELECT s.id AS id, s.v AS v, s2.v AS w FROM s JOIN s2 WITHIN 1 HOUR
          GRACE PERIOD 1 MINUTE ON s.id = s2.id;
        CREATE TABLE IF NOT EXISTS n AS SELECT id, COUNT(*) AS n FROM j GROUP BY id;
        INSERT INTO s VALUES ('a', 1);"""
    assert rows(up.run(sql, show="N", idle="1200ms")) == {"a": ["1"]}
    assert rows(up.run(sql, show="N", idle="1200ms")) == {"a": ["4"]}


def test_a_checkpoint_ahead_of_the_log_goes_away(up):
    up.run(COUNT)
    [state] = (up.data / "state").iterdir()
    ahead = bytearray(state.read_bytes())
    size = int.from_bytes(ahead[8:12], "big")
    ahead[16 + size - 8:16 + size] = (1 << 40).to_bytes(8, "big")  # the last partition's offset
    ahead[12:16] = crc32c(ahead[16:16 + size]).to_bytes(4, "big")
    state.write_bytes(ahead)
    r = up.run(COUNT, show="T", idle="1200ms")
    assert "ahead of the log" in r.stderr
    assert rows(r)["a"] == ["4", "12"]
    assert rows(up.run(COUNT, show="T", idle="1200ms"))["a"] == ["6", "18"]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_final_results_come_once_over_restarts(up):
    sql = """
        SET 'auto.offset.reset'='earliest';
        CREATE STREAM IF NOT EXISTS s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
        CREATE TABLE IF NOT EXISTS f WITH (PARTITIONS=1) AS SELECT k, SUM(v) AS total FROM s
            WINDOW TUMBLING (SIZE 1 SECOND, RETENTION 1 DAY, GRACE PERIOD 0 SECONDS) GROUP BY k EMIT FINAL;
        CREATE STREAM IF NOT EXISTS finals (k VARCHAR KEY, total INT) WITH (KAFKA_TOPIC='F', VALUE_FORMAT='JSON',
            WINDOW_TYPE='TUMBLING', WINDOW_SIZE='1 SECOND');
        CREATE TABLE IF NOT EXISTS n AS SELECT total, COUNT(*) AS n FROM finals GROUP BY total;
        """
    insert = "INSERT INTO s (ROWTIME, k, v) VALUES ({}, 'a', {});"
    up.run(sql + insert.format(100, 1) + insert.format(1500, 2), idle="1200ms")
    r = up.run(sql + insert.format(1600, 4) + insert.format(200, 8) + insert.format(5000, 16), show="N", idle="1200ms")
    assert rows(r) == {"1": ["1"], "6": ["1"]}


def test_joined_rows_outlive_what_is_too_old_to_keep(up, monkeypatch):
    monkeypatch.setenv("MALLOC_PERTURB_", "165")  # what is freed reads as garbage
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")
    r = up.run("""
        SET 'auto.offset.reset'='earliest';
        CREATE STREAM l (k VARCHAR KEY, name VARCHAR) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON', PARTITIONS=1);
        CREATE STREAM r (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=1);
        INSERT INTO l (ROWTIME, k, name) VALUES (1000, 'x', 'a name behind a pointer');
        INSERT INTO r (ROWTIME, k, v) VALUES (1000, 'x', 1);
        INSERT INTO l (ROWTIME, k, name) VALUES (100000, 'x', 'later');
        CREATE TABLE n AS SELECT name, COUNT(*) AS n FROM l JOIN r
            WITHIN 1 SECOND GRACE PERIOD 0 SECONDS ON l.k = r.k GROUP BY name;
        """, show="N", idle="1200ms")
    assert "a name behind a pointer 1" in " ".join(r.stdout.split()), r.stdout


def test_a_query_that_does_not_start_stops_nobody_else(up):
    changelog = "_confluent-ksql-default_query_CTAS_T_0-Aggregate-Aggregate-Materialize-0-changelog"
    r = up.run(LATEST + f"""
        SET 'auto.offset.reset'='earliest';
        CREATE STREAM x (a INT) WITH (KAFKA_TOPIC='{changelog}', VALUE_FORMAT='JSON', PARTITIONS=2);
        CREATE TABLE t AS SELECT id, COUNT(*) AS n FROM s GROUP BY id;
        CREATE TABLE u AS SELECT id, MAX(v) AS m FROM s GROUP BY id;
        INSERT INTO s VALUES ('a', 1);""", show="U", idle="1500ms")
    assert r.returncode == 1 and "CTAS_T_0 is in ERROR" in r.stderr
    assert "terminate it and create it again" in r.stderr
    assert rows(r) == {"a": ["1"]}


def test_a_batch_that_cannot_be_read_repeats_nothing(up):
    insert = "INSERT INTO s VALUES ('a', 1); INSERT INTO s VALUES ('b', 2); INSERT INTO s VALUES ('damaged', 3);"
    up.run(LATEST + insert)
    found = 0
    for f in up.data.rglob("*"):
        bytes_ = bytearray(f.read_bytes()) if f.is_file() else b""
        at = bytes_.find(b"damaged")
        if at < 0:
            continue
        batch = bytes_.rfind(b"\x02", 0, at)
        while bytes_[batch - 16:batch - 8] != (2).to_bytes(8, "big"):
            batch = bytes_.rfind(b"\x02", 0, batch)
        batch -= 16
        end = batch + 12 + int.from_bytes(bytes_[batch + 8:batch + 12], "big")
        bytes_[batch + 57:batch + 61] = (2).to_bytes(4, "big")  # the records' count
        bytes_[batch + 17:batch + 21] = crc32c(bytes_[batch + 21:end]).to_bytes(4, "big")
        f.write_bytes(bytes_)
        found += 1
    assert found
    r = up.run(LATEST + "SET 'auto.offset.reset'='earliest';"
               "CREATE TABLE t AS SELECT id, COUNT(*) AS n FROM s GROUP BY id EMIT CHANGES;", show="T", idle="1500ms")
    assert "from offset 2 on" in r.stderr
    assert rows(r) == {"a": ["1"], "b": ["1"]}


def test_state_of_an_edited_statement_is_not_taken_for_its_own(up):
    up.run(COUNT)
    r = up.run(COUNT.replace("SUM(v)", "MAX(v)"), idle="1200ms")
    assert "holds the state of another statement" in r.stderr
    assert rows(up.run(COUNT, show="T", idle="1200ms"))["a"] == ["6", "18"]


@pytest.mark.skipif(not os.environ.get("ARUS_SOAK"), reason="writes 600 MB: in make soak")
def test_a_join_that_makes_more_than_a_turn_can_hold(up):
    n, text = 1480, "x" * 165
    streams = "".join(f"CREATE STREAM IF NOT EXISTS {s} (k VARCHAR KEY, i INT, {s}t VARCHAR) "
                      f"WITH (KAFKA_TOPIC='{s}', VALUE_FORMAT='DELIMITED', PARTITIONS=1);" for s in ("aa", "bb"))
    fill = "".join(f"INSERT INTO {s} VALUES ('k', {i}, '{text}');"
                   for s in ("aa", "bb") for i in range(n))
    up.run(streams + fill, "-D", "acks.durability=memory", timeout=120)
    r = up.run("SET 'auto.offset.reset'='earliest';" + streams + """
        CREATE STREAM j WITH (VALUE_FORMAT='DELIMITED') AS SELECT aa.k, aa.i AS ai, bb.i AS bi, aat, bbt FROM aa JOIN bb
            WITHIN 1 HOUR GRACE PERIOD 1 HOUR ON aa.k = bb.k;""", "-D", "acks.durability=memory", idle="3s", timeout=300)
    assert r.returncode == 0, r.stderr
    assert "taken again with less" in r.stderr
    out = sum(int(q["records_out"]) for q in stats(r, "query"))
    assert out == n * n, r.stdout
