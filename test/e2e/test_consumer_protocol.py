"""Groups over restarts of the broker: members of both protocols go on where they were."""
import struct
import time

import pytest
from broker import Broker, leave
from raw import Raw

PROTOCOLS = ["classic", "consumer"]


@pytest.fixture
def quick(arus, tmp_path):
    """A broker whose members are heard of often."""
    b = Broker(arus, tmp_path / "data", "-D", "group.consumer.heartbeat.interval.ms=200",
               "-D", "group.consumer.session.timeout.ms=6000", "-D", "group.initial.rebalance.delay.ms=0").start()
    yield b
    if b.process.poll() is None:
        assert b.stop() == 0


class Member:
    """A consumer that writes down what happens to its partitions."""

    def __init__(self, broker, protocol, topics=("t",), **options):
        if protocol == "classic":
            options.update(partition_assignment_strategy="cooperative-sticky", heartbeat_interval_ms="200", session_timeout_ms="6000")
        self.consumer = broker.consumer("g", group_protocol=protocol, **options)
        self.events, self.read = [], []
        note = lambda what: lambda _, parts: self.events.append((what, sorted((p.topic, p.partition) for p in parts)))
        self.consumer.subscribe(list(topics), on_assign=note("assigned"), on_revoke=note("revoked"), on_lost=note("lost"))

    def poll(self):
        m = self.consumer.poll(0.05)
        if m is not None and not m.error():
            self.read.append(m.value())

    @property
    def has(self):
        return sorted((p.topic, p.partition) for p in self.consumer.assignment())


def poll_until(members, done, timeout=20):
    until = time.time() + timeout
    while not done():
        assert time.time() < until, [(m.has, m.events) for m in members]
        for m in members:
            m.poll()


def poll_for(members, seconds):
    until = time.time() + seconds
    while time.time() < until:
        for m in members:
            m.poll()


def produce(broker, values, topic="t", partitions=4):
    p = broker.producer()
    for i, v in enumerate(values):
        p.produce(topic, v, partition=i % partitions)
    assert p.flush(15) == 0


def restart(broker, how):
    port = broker.ports[0]
    if how == "kill":
        broker.kill()
    else:
        assert broker.stop() == 0
    broker.start(port)


def described(broker):
    """What group-describing says of the members: {member: (epoch, instance, assignment)} and the state."""
    admin = broker.admin()  # must live until it has answered
    group = admin.describe_consumer_groups(["g"])["g"].result(10)
    return group.state.name, {m.member_id: (m.group_instance_id, sorted((p.topic, p.partition) for p in m.assignment.topic_partitions))
                              for m in group.members}


@pytest.mark.parametrize("how", ["kill", "stop"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_go_on_after_a_restart_and_nothing_is_revoked(quick, protocol, how):
    quick.create("t", 4)
    members = [Member(quick, protocol, ["^t"]), Member(quick, protocol, group_instance_id="i")]
    poll_until(members, lambda: all(len(m.has) == 2 for m in members))
    poll_until(members, lambda: described(quick)[0] == "STABLE")
    before, events, had = described(quick), [list(m.events) for m in members], [m.has for m in members]
    restart(quick, how)
    produce(quick, [b"%d" % i for i in range(40)])
    poll_until(members, lambda: sum(len(m.read) for m in members) == 40)
    poll_for(members, 2)
    assert [m.events for m in members] == events
    assert [m.has for m in members] == had
    assert described(quick) == before
    for m in members:
        m.consumer.commit(asynchronous=False)
    late = Member(quick, protocol)  # the group goes on as a group
    members.append(late)
    poll_until(members, lambda: len(late.has) == 1 and sum(len(m.has) for m in members) == 4)
    for m in members:
        leave(m.consumer)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_does_not_come_back_is_out_when_its_session_is_over(quick, protocol):
    quick.create("t", 4)
    stays = Member(quick, protocol)
    gone = Member(quick, protocol, group_instance_id="i")
    poll_until([stays, gone], lambda: len(stays.has) == 2 and len(gone.has) == 2)
    leave(gone.consumer) if protocol == "classic" else gone.consumer.close()  # static: it may come back
    restart(quick, "kill")
    poll_for([stays], 2)
    assert len(stays.has) == 2
    poll_until([stays], lambda: len(stays.has) == 4)
    leave(stays.consumer)


def heartbeat(raw, member, epoch, owned, new=False):
    """ConsumerGroupHeartbeat 0: error code, epoch, and the assignment of the one topic's partitions (None: as before)."""
    text = lambda t: struct.pack("B", len(t) + 1) + t.encode()
    parts = b"".join(struct.pack(">i", p) for p in owned[1])
    body = (text("g") + text(member) + struct.pack(">i", epoch) + b"\0\0" + struct.pack(">i", 60000 if new else -1)
            + (b"\2" + text("t") if new else b"\0") + b"\0"
            + (b"\1" if new else b"\2" + owned[0] + struct.pack("B", len(owned[1]) + 1) + parts + b"\0") + b"\0")
    raw.frame(struct.pack(">hhi", 68, 0, 7) + b"\0\1c\0" + body)
    answer = raw.answer()[5:]
    code, answer = struct.unpack(">h", answer[4:6])[0], answer[6:]
    if code:
        return code, None, None
    answer = answer[1:]  # no message
    answer = answer[max(answer[0], 1):]
    epoch, told = struct.unpack(">i", answer[:4])[0], answer[8:]
    if told[0] != 1:
        return 0, epoch, None
    if told[1] == 1:
        return 0, epoch, (owned[0], [])
    n = told[18] - 1
    return 0, epoch, (told[2:18], list(struct.unpack(f">{n}i", told[19:19 + 4 * n])))


class Crowd:
    """Members of one group by hand, on one connection."""

    def __init__(self, n):
        self.members = {f"m{i:02d}": [0, (bytes(16), [])] for i in range(n)}

    def round(self, raw):
        for name, m in self.members.items():
            code, epoch, told = heartbeat(raw, name, m[0], m[1], new=m[0] == 0)
            assert code == 0, (name, m, code)
            m[0], m[1] = epoch, told if told else m[1]
        owned = [p for _, (_, parts) in self.members.values() for p in parts]
        assert len(owned) == len(set(owned)), "a partition has two owners"
        return owned


def test_a_hundred_members_go_on_after_kills_while_partitions_move(quick):
    quick.create("t", 100)
    crowd, rounds = Crowd(100), 0
    while True:
        with Raw(quick.ports[0]) as raw:
            for _ in range(2):
                owned, rounds = crowd.round(raw), rounds + 1
        if len(owned) == 100 and all(len(parts) == 1 for _, (_, parts) in crowd.members.values()):
            break
        assert rounds < 20
        restart(quick, "kill")
    before = {name: list(m) for name, m in crowd.members.items()}
    restart(quick, "kill")
    with Raw(quick.ports[0]) as raw:
        for _ in range(3):
            crowd.round(raw)
    assert crowd.members == before  # epochs, too
