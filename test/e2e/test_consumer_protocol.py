"""Groups over restarts of the broker: members of both protocols go on where they were."""
import json
import subprocess
import time

import pytest
from confluent_kafka import KafkaException, TopicPartition

from broker import Broker, leave

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


def epochs(arus, broker):
    """Members' epochs as the log has them: {member: epoch}."""
    found = {}
    for record in records(arus, broker):
        if record["key"]["type"] == "8":
            member = record["key"]["data"]["memberId"]
            found.pop(member, None)
            if record["value"] is not None:
                found[member] = record["value"]["data"]["memberEpoch"]
    return found


@pytest.mark.parametrize("how", ["kill", "stop"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_go_on_after_a_restart_and_nothing_is_revoked(quick, protocol, how):
    quick.create("t", 4)
    members = [Member(quick, protocol), Member(quick, protocol, group_instance_id="i")]
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
