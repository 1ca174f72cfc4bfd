"""Records in and out of the broker, by kcat, confluent-kafka (librdkafka) and kafka-python."""
import signal
import struct
import subprocess
import time

import pytest
from broker import Broker, produce
from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KpPartition

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


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


@pytest.mark.alone
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
