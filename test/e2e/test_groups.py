"""Consumer groups whose members share partitions among themselves."""
import struct
import subprocess
import time

import pytest
from broker import poll_until, produce
from confluent_kafka import KafkaException, TopicPartition
from kafka import KafkaConsumer
from raw import Raw


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


def test_an_offset_below_0_is_kept_as_kafka_keeps_it(broker, wire):
    broker.create("t")
    topic = b"\0\0\0\1\0\1t\0\0\0\1\0\0\0\0"
    wire.send(8, 2, b"\0\1g" + struct.pack(">ihq", -1, 0, -1) + topic + struct.pack(">qh", -2, -1))
    assert wire.receive()[-2:] == b"\0\0"
    wire.send(9, 1, b"\0\1g" + topic)
    assert struct.unpack(">q", wire.receive()[19:27]) == (-2,)


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
    admin = broker.admin()
    [left] = admin.list_consumer_groups().result(10).valid  # and what is told is in the log
    assert left.state.name == "EMPTY"
    broker.kill()
    broker.start()
    assert records_of_groups(broker)[key] == found[key]
    admin = broker.admin()
    [f] = admin.delete_consumer_groups(["g"]).values()
    f.result(10)
    found = records_of_groups(broker)
    assert found[key] == (3, None) and found[2, b"\0\1g"] == (3, None)


def compact(text):
    n, head = len(text) + 1, b""
    while n > 127:
        head, n = head + bytes([n & 127 | 128]), n >> 7
    return head + bytes([n]) + text


@pytest.mark.parametrize("field", ["instance", "protocol", "type"])
def test_a_text_longer_than_kafka_has_them_ends_the_connection(broker, field):
    long = {name: b"x" * 40000 if name == field else b"consumer" for name in ("instance", "protocol", "type")}
    body = (compact(b"g") + struct.pack(">ii", 10000, 10000) + compact(b"") + compact(long["instance"]) + compact(long["type"])
            + b"\2" + compact(long["protocol"]) + compact(b"m") + b"\0" + b"\0\0")
    with Raw(broker.ports[0]) as raw:
        raw.frame(struct.pack(">hhi", 11, 9, 7) + b"\0\1c\0" + body)
        assert raw.answer() is None
    assert broker.process.poll() is None
