"""Idempotent and transactional producers."""
import re
import struct
import time

import pytest
from broker import poll_until, produce
from confluent_kafka import KafkaException, TopicPartition
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KpPartition
from raw import compact


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


def test_a_new_transactional_id_takes_whatever_producer_is_claimed(wire):
    body = b"\x04txn" + struct.pack(">iqhB", 60000, 0, 0, 0)
    wire.send(22, 3, body, header=b"\0\1c\0")
    error, producer, epoch = struct.unpack(">hqh", wire.receive()[9:21])
    assert (error, producer >= 0, epoch) == (0, True, 0)


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
