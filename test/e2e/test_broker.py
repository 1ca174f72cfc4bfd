"""The broker, driven by real clients: kcat, confluent-kafka (librdkafka) and kafka-python."""
import os
import re
import signal
import socket
import struct
import subprocess
import time

import httpx
import pytest
from broker import Broker
from conftest import ROOT
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import ConfigResource, NewPartitions, OffsetSpec
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KpPartition

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.fixture
def broker(arus, tmp_path):
    b = Broker(arus, tmp_path / "data").start()
    yield b
    if b.process.poll() is None:
        assert b.stop() == 0


def produce(broker, topic, values, **options):
    failed = []
    p = broker.producer(**options)
    for v in values:
        p.produce(topic, v, on_delivery=lambda e, m: failed.append(e) if e else None)
        p.poll(0)
    assert p.flush(15) == 0
    return failed


# ---- clients


@pytest.mark.parametrize("codec", CODECS)
def test_every_compression_there_and_back(broker, codec):
    broker.create("t", 3)
    values = [b"value %d" % i for i in range(500)]
    assert not produce(broker, "t", values, compression_type=codec, linger_ms=20)
    assert sorted(m.value() for m in broker.read("t", 500, 3)) == sorted(values)


@pytest.mark.parametrize("codec", CODECS)
def test_kcat(broker, codec):
    text = "".join(f"key{i}:value {i}\n" for i in range(100))
    subprocess.run(["kcat", "-b", broker.address, "-P", "-t", "made-by-asking", "-K:", "-z", codec], input=text, text=True,
                   check=True, timeout=20)
    r = subprocess.run(["kcat", "-b", broker.address, "-C", "-t", "made-by-asking", "-K:", "-o", "beginning", "-e", "-q"],
                       capture_output=True, text=True, check=True, timeout=20)
    assert r.stdout == text


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_kafka_python(broker, codec):
    p = KafkaProducer(bootstrap_servers=broker.address, compression_type=codec)
    sent = [p.send("t", b"v%d" % i, key=b"k%d" % i, headers=[("h", b"x")]) for i in range(200)]
    p.flush(10)
    assert [f.get(10).offset for f in sent] == list(range(200))
    p.close()
    c = KafkaConsumer(bootstrap_servers=broker.address, consumer_timeout_ms=1500)
    c.assign([KpPartition("t", 0)])
    c.seek_to_beginning()
    found = list(c)
    assert [m.value for m in found] == [b"v%d" % i for i in range(200)]
    assert found[7].headers == [("h", b"x")] or found[7].headers == (("h", b"x"),)
    c.close()


def test_headers_keys_nulls_and_timestamps(broker):
    broker.create("t")
    p = broker.producer()
    p.produce("t", None, key=b"k", timestamp=1234567890123)
    p.produce("t", b"v", headers={"a": b"1", "b": None})
    p.flush(10)
    first, second = broker.read("t", 2)
    assert (first.key(), first.value(), first.timestamp()[1]) == (b"k", None, 1234567890123)
    assert second.headers() == [("a", b"1"), ("b", None)]


# ---- durability


def test_what_was_acknowledged_is_there_after_a_kill(broker):
    broker.create("t", 2)
    port = broker.ports[0]
    for round_ in range(3):
        values = [b"%d.%d" % (round_, i) for i in range(1000)]
        assert not produce(broker, "t", values, enable_idempotence=True)
        broker.kill()
        broker.start(port)
    assert len({m.value() for m in broker.read("t", 3000, 2)}) == 3000


def test_sigterm_ends_with_0(broker):
    broker.create("t")
    produce(broker, "t", [b"x"])
    assert broker.stop() == 0
    broker.start()
    assert [m.value() for m in broker.read("t", 1)] == [b"x"]


# ---- metrics


def test_metrics_have_the_exporters_names(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "arus.metrics.listeners=http://127.0.0.1:0").start()
    url = "http://" + b.process.stdout.readline().removeprefix("ready metrics ").strip()
    assert httpx.get(url + "/healthz").text == "ok\n"
    b.create("t", 2)
    assert not produce(b, "t", [b"x"] * 10, partitioner="consistent")
    c = b.consumer(group_id="g\"1", enable_auto_commit=False)
    c.commit(offsets=[TopicPartition("t", 0, 0), TopicPartition("t", 1, 0)], asynchronous=False)
    c.close()
    r = httpx.get(url + "/metrics")
    assert r.headers["content-type"] == "text/plain; version=0.0.4"
    lines = r.text.splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    end = [int(samples[f'kafka_topic_partition_current_offset{{topic="t",partition="{p}"}}']) for p in (0, 1)]
    assert sum(end) == 10
    assert samples["kafka_brokers"] == "1" and samples['kafka_topic_partitions{topic="t"}'] == "2"
    assert samples["kafka_server_brokertopicmetrics_messagesinpersec"] == "10"
    assert int(samples["kafka_server_brokertopicmetrics_bytesinpersec"]) > 61
    assert samples['kafka_consumergroup_lag{consumergroup="g\\"1",topic="t",partition="0"}'] == str(end[0])
    assert samples['kafka_consumergroup_lag_sum{consumergroup="g\\"1",topic="t"}'] == "10"
    # Each family has one head, and its samples stand behind it.
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(set(families)) == len(families)
    family = None
    for line in lines:
        family = line.split()[2] if line.startswith("#") else family
        assert line.startswith("#") or re.split("[{ ]", line)[0] == family
    assert b.stop() == 0


# ---- topics and configs


def test_topics_are_made_described_grown_and_deleted(broker):
    a = broker.admin()
    broker.create("t", 3, retention_ms="1000000", cleanup_policy="compact,delete")
    with pytest.raises(KafkaException, match="already exists"):
        broker.create("t")
    with pytest.raises(KafkaException, match="larger than available brokers"):
        broker.create("u", replicas=2)
    with pytest.raises(KafkaException, match="Unknown topic config name"):
        broker.create("u", no_such="1")
    with pytest.raises(KafkaException, match="Invalid value"):
        broker.create("u", retention_ms="soon")
    with pytest.raises(KafkaException, match="name is invalid"):
        broker.create("not a name")
    [f] = a.create_partitions([NewPartitions("t", 5)]).values()
    f.result(10)
    assert len(a.list_topics(timeout=10).topics["t"].partitions) == 5
    [f] = a.describe_configs([ConfigResource("topic", "t")]).values()
    config = f.result(10)
    assert (config["retention.ms"].value, config["retention.ms"].source) == ("1000000", 1)
    assert (config["segment.bytes"].value, config["segment.bytes"].source) == ("1073741824", 5)
    [f] = a.delete_topics(["t"]).values()
    f.result(10)
    assert "t" not in a.list_topics(timeout=10).topics
    [f] = a.delete_topics(["t"]).values()
    with pytest.raises(KafkaException):
        f.result(10)


def test_configs_are_altered_by_steps(broker):
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry
    a = broker.admin()
    broker.create("t", cleanup_policy="delete", retention_ms="1000")
    steps = [ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND),
             ConfigEntry("retention.ms", "", incremental_operation=AlterConfigOpType.DELETE),
             ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)]
    [f] = a.incremental_alter_configs([ConfigResource("topic", "t", incremental_configs=steps)]).values()
    f.result(10)
    [f] = a.describe_configs([ConfigResource("topic", "t")]).values()
    config = f.result(10)
    assert [config[n].value for n in ("cleanup.policy", "retention.ms", "max.message.bytes")] == [
        "delete,compact", "604800000", "2000"]
    failed = produce(broker, "t", [b"x" * 3000])
    assert failed and failed[0].name() in ("MSG_SIZE_TOO_LARGE", "_MSG_SIZE_TOO_LARGE")
    failed = produce(broker, "t", [b"no key"])
    assert failed and failed[0].name() == "INVALID_RECORD"


def test_the_logs_time(broker):
    broker.create("t", message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000) - 1
    p = broker.producer()
    p.produce("t", b"v", timestamp=1000)
    p.flush(10)
    [m] = broker.read("t", 1)
    kind, ts = m.timestamp()
    assert kind == 2 and before <= ts <= int(time.time() * 1000) + 1


def test_a_time_too_far_ahead_is_refused(broker):
    broker.create("t")
    p = broker.producer()
    failed = []
    p.produce("t", b"v", timestamp=int(time.time() * 1000) + 2 * 3600000, on_delivery=lambda e, m: failed.append(e))
    p.flush(10)
    assert failed[0].name() == "INVALID_TIMESTAMP"


# ---- offsets, waiting


def test_offsets_by_time(broker):
    broker.create("t")
    p = broker.producer()
    for ts in (1000, 3000, 2000):
        p.produce("t", b"%d" % ts, timestamp=ts)
        p.flush(10)
    a = broker.admin()
    part = TopicPartition("t", 0)

    def offset(spec):
        [f] = a.list_offsets({part: spec}).values()
        return f.result(10).offset

    assert offset(OffsetSpec.earliest()) == 0
    assert offset(OffsetSpec.latest()) == 3
    assert offset(OffsetSpec.for_timestamp(1500)) == 1
    assert offset(OffsetSpec.max_timestamp()) == 1
    assert offset(OffsetSpec.for_timestamp(5000)) == -1


def test_a_waiting_fetch_is_woken(broker):
    broker.create("t")
    c = broker.consumer(fetch_wait_max_ms=10000, fetch_min_bytes=1)
    c.assign([TopicPartition("t", 0, 0)])
    assert c.poll(1.0) is None
    p = broker.producer(linger_ms=0)
    times = []
    for i in range(20):
        start = time.time()
        p.produce("t", b"%d" % i)
        p.flush(5)
        m = c.poll(5.0)
        assert m is not None and m.value() == b"%d" % i
        times.append(time.time() - start)
    assert sorted(times)[10] < 0.1
    c.close()


# ---- groups


def poll_until(consumers, done, timeout=20):
    """Polls all consumers in turn until done() or the time is up; what they read."""
    found, until = [], time.time() + timeout
    while not done() and time.time() < until:
        for c in consumers:
            m = c.poll(0.05)
            if m is not None and not m.error():
                found.append(m)
    assert done()
    return found


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_a_group_shares_partitions_and_goes_on_where_it_was(broker, strategy):
    broker.create("t", 6)
    assert not produce(broker, "t", [b"%d" % i for i in range(600)])
    options = {"partition_assignment_strategy": strategy, "session_timeout_ms": "6000"}
    one = broker.consumer("g", **options)
    one.subscribe(["t"])
    poll_until([one], lambda: len(one.assignment()) == 6)
    two = broker.consumer("g", **options)
    two.subscribe(["t"])
    poll_until([one, two], lambda: len(one.assignment()) == len(two.assignment()) == 3)
    two.close()
    poll_until([one], lambda: len(one.assignment()) == 6)
    one.commit(offsets=[TopicPartition("t", p, 100 if p < 3 else 0) for p in range(6)], asynchronous=False)
    one.close()
    again = broker.consumer("g", **options)
    again.subscribe(["t"])
    found, until = [], time.time() + 15
    while time.time() < until and len(found) < 100:
        found += [m for m in again.consume(100, 0.5) if not m.error()]
    committed = {p.partition: p.offset for p in again.committed([TopicPartition("t", p) for p in range(6)], 10)}
    assert committed == {p: 100 if p < 3 else 0 for p in range(6)}
    assert all(m.offset() >= committed[m.partition()] for m in found)
    again.close()


def test_committed_offsets_are_there_after_a_kill(broker):
    broker.create("t", 2)
    port = broker.ports[0]
    c = broker.consumer("g")
    c.commit(offsets=[TopicPartition("t", 0, 7, "a note"), TopicPartition("t", 1, 9)], asynchronous=False)
    broker.kill()
    broker.start(port)
    found = c.committed([TopicPartition("t", 0), TopicPartition("t", 1)], 15)
    assert [(p.offset, p.metadata) for p in found] == [(7, "a note"), (9, None)] or \
        [(p.offset, p.metadata) for p in found] == [(7, "a note"), (9, "")]
    c.close()


def test_a_static_member_comes_back_without_a_rebalance(broker):
    broker.create("t", 4)
    moves = []

    def member(name):
        c = broker.consumer("g", group_instance_id=name, session_timeout_ms="10000")
        c.subscribe(["t"], on_assign=lambda _, parts: moves.append((name, len(parts))))
        return c

    one, two = member("one"), member("two")
    poll_until([one, two], lambda: len(one.assignment()) == len(two.assignment()) == 2)
    before = sorted(p.partition for p in two.assignment())
    two.close()  # a static member does not leave
    del moves[:]
    two = member("two")
    poll_until([one, two], lambda: len(two.assignment()) == 2)
    assert sorted(p.partition for p in two.assignment()) == before
    assert moves == [("two", 2)]
    one.close()
    two.close()


def test_a_member_that_falls_silent_is_out(broker):
    broker.create("t", 2)
    one = broker.consumer("g", session_timeout_ms="6000")
    two = subprocess.Popen(["kcat", "-b", broker.address, "-G", "g", "-X", "session.timeout.ms=6000", "t"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    one.subscribe(["t"])
    poll_until([one], lambda: len(one.assignment()) == 1)
    two.kill()
    two.wait()
    poll_until([one], lambda: len(one.assignment()) == 2)
    one.close()


def test_kafka_python_in_a_group(broker):
    broker.create("t", 3)
    assert not produce(broker, "t", [b"%d" % i for i in range(300)])
    options = {"bootstrap_servers": broker.address, "group_id": "kp", "auto_offset_reset": "earliest",
               "enable_auto_commit": False, "consumer_timeout_ms": 2000}
    c = KafkaConsumer("t", **options)
    assert len([m.value for m in c]) == 300
    c.commit()
    c.close()
    c = KafkaConsumer("t", **options)
    assert not list(c)
    c.close()


def test_groups_are_listed_described_and_deleted(broker):
    broker.create("t", 2)
    a = broker.admin()
    c = broker.consumer("g", client_id="me")
    c.subscribe(["t"])
    poll_until([c], lambda: len(c.assignment()) == 2)
    c.commit(offsets=[TopicPartition("t", 0, 5)], asynchronous=False)
    assert {(g.group_id, g.state.name) for g in a.list_consumer_groups().result(10).valid} == {("g", "STABLE")}
    [f] = a.describe_consumer_groups(["g"]).values()
    g = f.result(10)
    assert (g.state.name, g.partition_assignor, len(g.members)) == ("STABLE", "range", 1)
    assert g.members[0].client_id == "me" and len(g.members[0].assignment.topic_partitions) == 2
    [f] = a.delete_consumer_groups(["g"]).values()
    with pytest.raises(KafkaException, match="not empty"):
        f.result(10)
    c.close()
    assert {(g.group_id, g.state.name) for g in a.list_consumer_groups().result(10).valid} == {("g", "EMPTY")}
    [f] = a.delete_consumer_groups(["g"]).values()
    f.result(10)
    assert not a.list_consumer_groups().result(10).valid


# ---- idempotent and transactional producers


def committed(broker, topic, partitions=1, seconds=1.5):
    """What a reader of committed records sees."""
    c = broker.consumer("reader", isolation_level="read_committed")
    c.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    found, until = [], time.time() + seconds
    while time.time() < until:
        found += [m.value() for m in c.consume(1000, 0.2) if not m.error()]
    c.close()
    return found


def transactional(broker, name="txn", **options):
    p = broker.producer(transactional_id=name, **options)
    p.init_transactions(15)
    return p


def test_transactions_are_seen_whole_or_not_at_all(broker):
    broker.create("t", 2)
    p = transactional(broker)
    for n, end in enumerate(["commit", "abort", "commit"]):
        p.begin_transaction()
        for i in range(10):
            p.produce("t", b"%d.%d" % (n, i), partition=i % 2)
        p.flush(10)
        if n == 0:
            assert committed(broker, "t", 2) == []  # open: nothing of it is stable
        getattr(p, end + "_transaction")(15)
    assert sorted(committed(broker, "t", 2)) == sorted(b"%d.%d" % (n, i) for n in (0, 2) for i in range(10))
    assert len(broker.read("t", 30, 2)) == 30  # who reads uncommitted sees the aborted ones too


def test_offsets_go_with_the_transaction(broker):
    broker.create("in", 1)
    broker.create("out", 1)
    assert not produce(broker, "in", [b"%d" % i for i in range(20)])
    c = broker.consumer("mover")
    c.subscribe(["in"])
    poll_until([c], lambda: len(c.assignment()) == 1)
    p = transactional(broker)
    part = [TopicPartition("in", 0)]
    for end, offset in (("abort", 5), ("commit", 10)):
        p.begin_transaction()
        p.produce("out", b"%d" % offset)
        p.send_offsets_to_transaction([TopicPartition("in", 0, offset, "note")], c.consumer_group_metadata(), 15)
        getattr(p, end + "_transaction")(15)
        assert c.committed(part, 10)[0].offset == (-1001 if end == "abort" else 10)
    assert c.committed(part, 10)[0].metadata == "note"
    assert committed(broker, "out") == [b"10"]
    c.close()


def test_a_new_producer_fences_the_old(broker):
    broker.create("t")
    old = transactional(broker)
    old.begin_transaction()
    old.produce("t", b"old")
    old.flush(10)
    new = transactional(broker)
    new.begin_transaction()
    new.produce("t", b"new")
    new.commit_transaction(15)
    with pytest.raises(KafkaException) as e:
        old.commit_transaction(15)
    assert e.value.args[0].name() in ("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH")
    assert committed(broker, "t") == [b"new"]


def test_a_transaction_that_takes_too_long_is_aborted(broker):
    broker.create("t")
    p = transactional(broker, transaction_timeout_ms="1000")
    p.begin_transaction()
    p.produce("t", b"late")
    p.flush(10)
    assert not produce(broker, "t", [b"plain"])
    assert committed(broker, "t", seconds=4) == [b"plain"]
    with pytest.raises(KafkaException):
        p.commit_transaction(10)


def test_an_open_transaction_is_committed_after_a_kill(broker):
    broker.create("in")
    broker.create("t", 2)
    port = broker.ports[0]
    p = transactional(broker)
    c = broker.consumer("g")
    p.begin_transaction()
    for i in range(10):
        p.produce("t", b"%d" % i, partition=i % 2)
    p.send_offsets_to_transaction([TopicPartition("in", 0, 3)], c.consumer_group_metadata(), 15)
    assert p.flush(10) == 0
    broker.kill()
    broker.start(port)
    p.commit_transaction(30)
    assert len(committed(broker, "t", 2)) == 10
    assert c.committed([TopicPartition("in", 0)], 10)[0].offset == 3
    c.close()


def test_kafka_python_transactions(broker):
    broker.create("t")
    p = KafkaProducer(bootstrap_servers=broker.address, transactional_id="kp", enable_idempotence=True)
    p.init_transactions()
    for end in (p.commit_transaction, p.abort_transaction, p.commit_transaction):
        p.begin_transaction()
        p.send("t", end.__name__.encode())
        p.flush(10)
        end()
    p.close()
    assert committed(broker, "t") == [b"commit_transaction"] * 2
    c = KafkaConsumer(bootstrap_servers=broker.address, isolation_level="read_committed", consumer_timeout_ms=1500)
    c.assign([KpPartition("t", 0)])
    c.seek_to_beginning()
    assert [m.value for m in c] == [b"commit_transaction"] * 2
    c.close()


def test_records_are_deleted(broker):
    broker.create("t")
    assert not produce(broker, "t", [b"%d" % i for i in range(10)])
    a = broker.admin()
    [f] = a.delete_records([TopicPartition("t", 0, 4)]).values()
    assert f.result(10).low_watermark == 4
    c = broker.consumer("d")
    assert c.get_watermark_offsets(TopicPartition("t", 0), 10) == (4, 10)
    c.close()


# ---- virtual brokers


def test_three_brokers_in_one(arus, tmp_path):
    b = Broker(arus, tmp_path / "data").start(brokers=3)
    try:
        b.create("t", 9, 3)
        meta = b.admin().list_topics(timeout=10)
        assert sorted(meta.brokers) == [1, 2, 3]
        assert sorted(m.port for m in meta.brokers.values()) == sorted(b.ports)
        parts = meta.topics["t"].partitions
        assert all(sorted(p.replicas) == [1, 2, 3] and sorted(p.isrs) == [1, 2, 3] for p in parts.values())
        assert sorted(p.leader for p in parts.values()) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
        assert not produce(b, "t", [b"%d" % i for i in range(900)])
        assert len(b.read("t", 900, 9)) == 900
    finally:
        assert b.stop() == 0


# ---- by the byte


class Wire:
    """A connection on which requests are written by hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, key, version, body, correlation=1, header=b"\0\1c"):
        frame = struct.pack(">hhi", key, version, correlation) + header + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self):
        n = struct.unpack(">i", self.exactly(4))[0]
        return self.exactly(n)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        return data

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def compact(s):
    """A text as flexible versions have it."""
    return struct.pack("B", len(s) + 1) + s.encode()


@pytest.fixture
def wire(broker):
    w = Wire(broker.ports[0])
    yield w
    w.socket.close()


def test_an_unknown_version_of_api_versions_is_answered_in_version_0(wire):
    wire.send(18, 99, b"\0\0\0")
    answer = wire.receive()
    assert struct.unpack(">ihi", answer[:10]) == (1, 35, 1)
    assert struct.unpack(">hhh", answer[10:]) == (18, 0, 4)


def test_api_versions_has_a_header_without_tags_and_checks_the_name(wire):
    wire.send(18, 3, b"\x05good\x041.0\0", header=b"\0\1c\0")
    correlation, error, n = struct.unpack(">ihB", wire.receive()[:7])
    assert (correlation, error) == (1, 0) and n > 20
    wire.send(18, 3, b"\x05-bad\x041.0\0", header=b"\0\1c\0")
    assert struct.unpack(">ih", wire.receive()[:6]) == (1, 42)


def test_produce_is_advertised_from_0_and_below_3_not_answered(wire):
    wire.send(18, 0, b"")
    answer = wire.receive()[6:]
    n = struct.unpack(">i", answer[:4])[0]
    keys = dict((k, (a, b)) for k, a, b in struct.iter_unpack(">hhh", answer[4:4 + 6 * n]))
    assert keys[0] == (0, 13) and keys[1] == (4, 18) and 71 not in keys
    wire.send(0, 2, b"")
    assert wire.is_closed()


@pytest.mark.parametrize("length", [-1, 0, 7, 0x7fffffff])
def test_a_length_that_cannot_be_closes_the_connection(broker, wire, length):
    wire.socket.sendall(struct.pack(">i", length) + b"x" * 100)
    assert wire.is_closed()
    assert broker.admin().list_topics(timeout=10).brokers


def test_a_promised_request_takes_no_memory(broker):
    def resident():
        with open(f"/proc/{broker.process.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before, wires = resident(), [Wire(broker.ports[0]) for _ in range(50)]
    for w in wires:
        w.socket.sendall(struct.pack(">i", 100_000_000) + b"\0\0\0\x09" + b"x" * 1000)
    time.sleep(0.5)
    assert resident() - before < 16 << 20
    for w in wires:
        w.socket.close()


def test_a_count_that_cannot_be_closes_the_connection(wire):
    wire.send(3, 1, b"\x7f\xff\xff\xff\0\1a")
    assert wire.is_closed()


def test_a_new_transactional_id_takes_whatever_producer_is_claimed(wire):
    body = b"\x04txn" + struct.pack(">iqhB", 60000, 0, 0, 0)
    wire.send(22, 3, body, header=b"\0\1c\0")
    error, producer, epoch = struct.unpack(">hqh", wire.receive()[9:21])
    assert (error, producer >= 0, epoch) == (0, True, 0)


def test_an_offset_below_0_is_kept_as_kafka_keeps_it(broker, wire):
    broker.create("t")
    topic = b"\0\0\0\1\0\1t\0\0\0\1\0\0\0\0"
    wire.send(8, 2, b"\0\1g" + struct.pack(">ihq", -1, 0, -1) + topic + struct.pack(">qh", -2, -1))
    assert wire.receive()[-2:] == b"\0\0"
    wire.send(9, 1, b"\0\1g" + topic)
    assert struct.unpack(">q", wire.receive()[19:27]) == (-2,)


def test_a_hanging_transaction_is_ended_partition_by_partition(broker, wire):
    broker.create("t")
    p = transactional(broker, "hangs", transaction_timeout_ms=60000)
    p.begin_transaction()
    p.produce("t", b"hangs")
    p.flush(10)

    def marker(epoch, partition=0):
        wire.send(27, 1, b"\2" + struct.pack(">qh?", producer, epoch, False) + b"\2" + compact("t") + b"\2" + struct.pack(">i", partition)
                  + b"\0" + struct.pack(">i", 0) + b"\0\0", header=b"\0\1c\0")
        return struct.unpack(">h", wire.receive()[-6:-4])[0]

    wire.send(61, 0, b"\2" + compact("t") + b"\2" + struct.pack(">i", 0) + b"\0\0", header=b"\0\1c\0")
    at = wire.receive()[9 + 1 + 2 + 1 + 4 + 2 + 1 + 1:]
    producer, epoch = struct.unpack(">qi", at[:12])
    assert committed(broker, "t", seconds=0.5) == []
    assert marker(epoch - 1) == 47 and marker(epoch, partition=9) == 3
    assert marker(epoch) == 0
    q = broker.producer()
    q.produce("t", b"plain")
    q.flush(10)
    assert b"plain" in committed(broker, "t") and b"hangs" not in committed(broker, "t")


def test_transactional_ids_are_listed_by_a_pattern(broker, wire):
    for name in "pay-1", "pay-2", "ship-1":
        transactional(broker, name)

    def listed(pattern):
        wire.send(66, 2, b"\1\1" + struct.pack(">q", -1) + compact(pattern) + b"\0", header=b"\0\1c\0")
        answer = wire.receive()
        return struct.unpack(">h", answer[9:11])[0], sorted(re.findall(rb"(?:pay|ship)-\d", answer))

    assert listed("pay-.*") == (0, [b"pay-1", b"pay-2"])
    assert listed("") == (0, [b"pay-1", b"pay-2", b"ship-1"])
    assert listed("pay") == (0, [])
    assert listed("(") == (128, [])


def records_of_groups(broker):
    """What __consumer_offsets says last: {(kind, rest of the key): value}."""
    c = broker.consumer("reader")
    c.assign([TopicPartition("__consumer_offsets", p, 0) for p in range(50)])
    last, quiet = {}, time.time() + 1.5
    while time.time() < quiet:
        for m in c.consume(100, 0.2):
            assert not m.error()
            last[struct.unpack(">h", m.key()[:2])[0], m.key()[2:]] = (m.partition(), m.value())
            quiet = time.time() + 0.5
    c.close()
    return last


def test_offsets_can_be_read_as_records(broker):
    broker.create("t")
    c = broker.consumer("g", client_id="me")
    c.subscribe(["t"])
    poll_until([c], lambda: c.assignment())
    c.commit(offsets=[TopicPartition("t", 0, 5, "note")], asynchronous=False)
    key = (1, b"\0\1g\0\1t\0\0\0\0")
    found = records_of_groups(broker)
    partition, value = found[key]
    version, offset, epoch = struct.unpack(">hqi", value[:14])
    assert (partition, version, offset) == (3, 3, 5)  # where Java's hash of "g" is
    assert b"note" in value and abs(struct.unpack(">q", value[-8:])[0] / 1000 - time.time()) < 60
    partition, value = found[2, b"\0\1g"]
    assert partition == 3 and value[:12] == b"\0\3\0\x08consumer" and b"\0\2me" in value
    [topic] = [t for t in broker.admin().list_topics(timeout=10).topics.values() if t.topic == "__consumer_offsets"]
    assert len(topic.partitions) == 50
    p, failed = broker.producer(), []
    p.produce("__consumer_offsets", b"x", on_delivery=lambda e, _: failed.append(e))
    assert p.flush(10) == 0 and failed[0].name() == "TOPIC_EXCEPTION"  # it is not for strangers to write
    c.close()
    broker.kill()
    broker.start()
    assert records_of_groups(broker)[key] == found[key]
    admin = broker.admin()
    [f] = admin.delete_consumer_groups(["g"]).values()
    f.result(10)
    found = records_of_groups(broker)
    assert found[key] == (3, None) and found[2, b"\0\1g"] == (3, None)


def test_a_group_that_nobody_is_in_stays_what_it_was(quick):
    quick.create("t")

    def groups():
        admin = quick.admin()
        return {g.group_id: (g.state.name, g.type.name) for g in admin.list_consumer_groups().result(10).valid}

    c = assigned_consumer(quick)
    c.subscribe(["t"])
    poll_until([c], lambda: c.assignment())
    assert groups() == {"g": ("STABLE", "CONSUMER")}
    c.close()
    assert groups() == {"g": ("EMPTY", "CONSUMER")}
    quick.kill()
    quick.start()
    assert groups() == {"g": ("EMPTY", "CONSUMER")}
    admin = quick.admin()
    [f] = admin.describe_consumer_groups(["g"]).values()
    assert f.result(10).state.name == "EMPTY"


def test_a_topic_may_come_again_in_a_fetch_session(broker, wire):
    """Partitions a0 b0 a1 b1 …, and then news of a only: each part of a is there once."""
    n = 60
    broker.create("a", n)
    broker.create("b", n)

    def fetch(session, epoch, parts):
        topics = b"".join(b"\0\1" + t + struct.pack(">iiiqqi", 1, p, -1, 0, -1, 1 << 20) for p in range(n) for t in parts)
        wire.send(1, 11, struct.pack(">iiiibii", -1, 100, 1, 1 << 24, 0, session, epoch)
                  + struct.pack(">i", n * len(parts)) + topics + struct.pack(">i", 0) + b"\0\0")
        return wire.receive()

    session = struct.unpack(">i", fetch(0, 0, (b"a", b"b"))[10:14])[0]
    p = broker.producer()
    for i in range(n):
        p.produce("a", b"news", partition=i)
    p.flush(10)
    found, until = set(), time.time() + 10
    for epoch in range(1, 100):
        answer = fetch(session, epoch, ())
        at, topics = 18, struct.unpack(">i", answer[14:18])[0]
        for _ in range(topics):
            assert answer[at:at + 3] == b"\0\1a"
            parts, at = struct.unpack(">i", answer[at + 3:at + 7])[0], at + 7
            for _ in range(parts):
                found.add(struct.unpack(">i", answer[at:at + 4])[0])
                at += 4 + 2 + 8 + 8 + 8 + 4 + 4
                at += 4 + struct.unpack(">i", answer[at:at + 4])[0]
        assert at == len(answer) and time.time() < until
        if len(found) == n:
            break
    assert found == set(range(n))


def test_answers_come_in_order(wire):
    for i in range(50):
        wire.send(18 if i % 2 else 3, 0 if i % 2 else 1, b"" if i % 2 else b"\0\0\0\0", correlation=i)
    assert [struct.unpack(">i", wire.receive()[:4])[0] for _ in range(50)] == list(range(50))


def test_a_request_byte_by_byte(wire):
    frame = struct.pack(">hhi", 18, 0, 7) + b"\0\1c"
    for byte in struct.pack(">i", len(frame)) + frame:
        wire.socket.sendall(bytes([byte]))
    assert struct.unpack(">ih", wire.receive()[:6]) == (7, 0)


def test_idle_connections_are_closed(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "connections.max.idle.ms=300").start()
    try:
        w = Wire(b.ports[0])
        start = time.time()
        assert w.is_closed()
        assert 0.2 < time.time() - start < 3
    finally:
        assert b.stop() == 0


def test_no_more_connections_than_allowed(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "max.connections=2").start()
    try:
        two = [Wire(b.ports[0]) for _ in range(2)]
        time.sleep(0.2)
        assert Wire(b.ports[0]).is_closed()
        two[0].socket.close()
        time.sleep(0.2)
        w = Wire(b.ports[0])
        w.send(18, 0, b"")
        assert w.receive()
    finally:
        assert b.stop() == 0


def test_the_docs_say_what_is_served(broker, wire):
    wire.send(18, 0, b"")
    answer = wire.receive()[6:]
    n = struct.unpack(">i", answer[:4])[0]
    served = [f"| {k} | {a}-{b} |" if a != b else f"| {k} | {a} |" for k, a, b in struct.iter_unpack(">hhh", answer[4:4 + 6 * n])]
    rows = [line.split("|") for line in (ROOT / "docs" / "kafka.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert [f"|{r[1]}|{r[3]}|" for r in rows] == served


def test_who_never_reads_holds_up_nobody(broker, wire):
    broker.create("t")
    assert not produce(broker, "t", [b"x" * 100_000 for _ in range(100)])
    with open(f"/proc/{broker.process.pid}/statm") as f:
        before = int(f.read().split()[1])
    fetch = struct.pack(">iiiibi", -1, 100, 1, 50_000_000, 0, 1) + b"\0\1t" + struct.pack(">iiqi", 1, 0, 0, 50_000_000)
    for _ in range(100):  # 10 MB each
        wire.send(1, 4, fetch)
    assert not produce(broker, "t", [b"y" * 1000 for _ in range(1000)])
    with open(f"/proc/{broker.process.pid}/statm") as f:
        assert (int(f.read().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE") < 48 << 20
    n = struct.unpack(">i", wire.exactly(4))[0]  # and when it reads, all is there
    assert n > 10_000_000
    wire.exactly(n)


# ---- in `arus up`


def test_a_query_between_two_kafka_clients(arus, tmp_path):
    (tmp_path / "a.sql").write_text("""
        CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
        CREATE STREAM big WITH (KAFKA_TOPIC='big') AS SELECT id, v * 10 AS v FROM s WHERE v > 5;
        """)
    (tmp_path / "a.properties").write_text(
        "ksql.queries.file=a.sql\nlisteners=PLAINTEXT://127.0.0.1:0,http://127.0.0.1:0\nbroker.count=3\n")
    up = subprocess.Popen([arus, "up", str(tmp_path / "a.properties"), "--data", str(tmp_path / "data"), "--quiet"],
                          stdout=subprocess.PIPE, text=True)
    try:
        b = Broker(arus, None)
        for line in up.stdout:
            if line.startswith("ready broker"):
                b.ports.append(int(line.rsplit(":", 1)[1]))
            if len(b.ports) == 3:
                break
        assert not produce(b, "s", [b'{"V": %d}' % i for i in range(10)])
        found = b.read("big", 4, 2)
        assert sorted(m.value() for m in found) == [b'{"V":%d}' % (i * 10) for i in range(6, 10)]
        up.send_signal(signal.SIGTERM)
        assert up.wait(10) == 0
    finally:
        up.kill()
        up.wait()
        up.stdout.close()


# ---- groups whose partitions the broker assigns (KIP-848)


def assigned_consumer(broker, group="g", **options):
    return broker.consumer(group, group_protocol="consumer", **options)


@pytest.fixture
def quick(arus, tmp_path):
    """A broker whose members are heard of often."""
    b = Broker(arus, tmp_path / "data", "-D", "group.consumer.heartbeat.interval.ms=100",
               "-D", "group.consumer.session.timeout.ms=1500").start()
    yield b
    if b.process.poll() is None:
        assert b.stop() == 0


@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_the_broker_assigns_and_moves_partitions(quick, assignor):
    quick.create("t", 4)
    values = [b"%d" % i for i in range(400)]
    assert not produce(quick, "t", values)
    one = assigned_consumer(quick, group_remote_assignor=assignor)
    one.subscribe(["t"])
    found = poll_until([one], lambda: len(one.assignment()) == 4)
    two = assigned_consumer(quick, group_remote_assignor=assignor)
    two.subscribe(["t"])
    found += poll_until([one, two], lambda: len(one.assignment()) == 2 and len(two.assignment()) == 2)
    admin = quick.admin()
    group = admin.describe_consumer_groups(["g"])["g"].result(10)
    assert (group.state.name, group.type.name, group.partition_assignor, len(group.members)) == ("STABLE", "CONSUMER", assignor, 2)
    listed = admin.list_consumer_groups().result(10).valid
    assert [(g.group_id, g.type.name) for g in listed] == [("g", "CONSUMER")]
    one.close()
    found += poll_until([two], lambda: len(two.assignment()) == 4)
    two.close()
    assert {m.value() for m in found} <= set(values)


def test_offsets_of_an_assigned_member_and_a_kill(quick):
    quick.create("t", 2)
    assert not produce(quick, "t", [b"%d" % i for i in range(100)])
    c = assigned_consumer(quick)
    c.subscribe(["t"])
    poll_until([c], lambda: len(c.assignment()) == 2)
    c.commit(offsets=[TopicPartition("t", 0, 7)], asynchronous=False)
    port = quick.ports[0]
    quick.kill()
    quick.start(port)
    poll_until([c], lambda: committed_or_none(c) == 7)
    poll_until([c], lambda: commits(c, TopicPartition("t", 0, 9)))  # once it has joined again
    assert c.committed([TopicPartition("t", 0)], 10)[0].offset == 9
    c.close()


def committed_or_none(c):
    try:
        return c.committed([TopicPartition("t", 0)], 5)[0].offset
    except KafkaException:
        return None


def commits(c, offset):
    try:
        c.commit(offsets=[offset], asynchronous=False)
        return True
    except KafkaException:
        return False


def test_a_pattern_finds_topics_made_later(quick):
    quick.create("price-1")
    quick.create("other")
    c = assigned_consumer(quick)
    c.subscribe(["^price-.*"])
    poll_until([c], lambda: [p.topic for p in c.assignment()] == ["price-1"])
    quick.create("price-2")
    poll_until([c], lambda: {p.topic for p in c.assignment()} == {"price-1", "price-2"})
    c.close()


def test_an_assigned_member_that_falls_silent_is_out(quick):
    quick.create("t", 2)
    one, two = assigned_consumer(quick), assigned_consumer(quick, group_instance_id="i")
    one.subscribe(["t"])
    two.subscribe(["t"])
    poll_until([one, two], lambda: len(one.assignment()) == 1 and len(two.assignment()) == 1)
    two.close()  # a static member may come back for as long as its session lasts
    poll_until([one], lambda: len(one.assignment()) == 2, timeout=10)
    one.close()


def test_classic_and_assigned_groups_keep_apart(quick):
    quick.create("t")
    classic = quick.consumer("g")
    classic.subscribe(["t"])
    poll_until([classic], lambda: classic.assignment())
    c = assigned_consumer(quick)
    c.subscribe(["t"])
    with pytest.raises(KafkaException):
        for _ in range(50):
            m = c.poll(0.1)
            if m is not None and m.error():
                raise KafkaException(m.error())
    c.close()
    classic.close()
    again = assigned_consumer(quick)  # nobody is in it any more
    again.subscribe(["t"])
    poll_until([again], lambda: again.assignment())
    again.close()


class Beats:
    """ConsumerGroupHeartbeat, version 1, by hand."""

    def __init__(self, broker):
        self.wire = Wire(broker.ports[0])

    @staticmethod
    def text(s):
        return b"\0" if s is None else struct.pack("B", len(s) + 1) + s.encode()

    def __call__(self, member, epoch, topics=(), instance=None, pattern=None, assignor=None, owned=b"\1", rebalance_ms=1000):
        names = b"\0" if topics is None else struct.pack("B", len(topics) + 1) + b"".join(self.text(t) for t in topics)
        self.wire.send(68, 1, self.text("g") + self.text(member) + struct.pack(">i", epoch) + self.text(instance)
                       + self.text(None) + struct.pack(">i", rebalance_ms) + names + self.text(pattern) + self.text(assignor)
                       + owned + b"\0", header=b"\0\1c\0")
        answer = self.wire.receive()[5:]
        code, rest = struct.unpack(">h", answer[4:6])[0], answer[7:]
        if code:
            return code, None
        rest = rest[max(rest[0], 1):]  # the member's id
        return 0, struct.unpack(">i", rest[:4])[0]


def test_members_and_epochs_that_do_not_fit_are_refused(broker):
    broker.create("t", 2)
    beat = Beats(broker)
    assert beat("", 0, ["t"])[0] == 42
    assert beat("m", 0, None)[0] == 42
    assert beat("m", 0, ["t"], owned=b"\0")[0] == 42
    assert beat("m", -2)[0] == 42
    assert beat("m", 0, ["t"], assignor="none")[0] == 112
    assert beat("m", 0, [], pattern="a(")[0] == 128
    assert beat("m", 0, [], pattern="(a)\\1")[0] == 0  # what RE2 has not matches nothing
    assert beat("m", 5, ["t"])[0] == 110
    assert beat("n", 1, ["t"])[0] == 25
    assert beat("m", -1) == (0, -1)
    assert beat("s1", 0, ["t"], instance="i")[0] == 0
    assert beat("s2", 0, ["t"], instance="i")[0] == 111
    assert beat("s1", -2, instance="i") == (0, -2)
    assert beat("s2", 0, ["t"], instance="i")[0] == 0
    assert beat("s1", 1, ["t"], instance="i")[0] == 82
    assert beat("s2", -1, instance="i") == (0, -1)


def test_a_pattern_that_costs_too_much_matches_nothing(broker):
    broker.create("a" * 200)
    beat, begun = Beats(broker), time.time()
    assert beat("m", 0, [], pattern="(a|aa)+(a*)*b|(a+)+c")[0] == 0
    assert time.time() - begun < 1
