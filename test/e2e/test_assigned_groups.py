"""Consumer groups whose partitions the broker assigns (KIP-848)."""
import struct
import time

import pytest
from broker import Broker, poll_until, produce
from confluent_kafka import KafkaException, TopicPartition
from raw import Wire


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
    assert beat("m", 0, [], pattern="(a)\\1")[0] == 128  # what RE2 has not
    assert beat("m", 0, ["t"])[0] == 0
    assert beat("m", 5, ["t"])[0] == 110
    assert beat("n", 1, ["t"])[0] == 25
    assert beat("m", -1) == (0, -1)
    assert beat("s1", 0, ["t"], instance="i")[0] == 0
    assert beat("s2", 0, ["t"], instance="i")[0] == 111
    assert beat("s1", -2, instance="i") == (0, -2)
    assert beat("s2", 0, ["t"], instance="i")[0] == 0
    assert beat("s1", 1, ["t"], instance="i")[0] == 82
    assert beat("s2", -1, instance="i") == (0, -1)


@pytest.mark.alone
def test_a_pattern_that_costs_too_much_matches_nothing(broker):
    broker.create("a" * 200)
    beat, begun = Beats(broker), time.time()
    assert beat("m", 0, [], pattern="(a|aa)+(a*)*b|(a+)+c")[0] == 0
    assert time.time() - begun < 1
