"""The metrics of groups, under kafka_exporter's names."""
import time

import httpx
import pytest
from confluent_kafka import TopicPartition

from broker import Broker, leave, poll_until


@pytest.fixture
def metered(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "arus.metrics.listeners=http://127.0.0.1:0",
               "-D", "group.consumer.heartbeat.interval.ms=100").start()
    url = "http://" + b.process.stdout.readline().removeprefix("ready metrics ").strip()
    yield b, lambda: samples(url)
    assert b.stop() == 0


def samples(url):
    """Those of groups: {name without kafka_consumergroup_, and labels: value}."""
    lines = httpx.get(url + "/metrics", timeout=10).text.splitlines()
    pairs = (line.removeprefix("kafka_consumergroup_").rsplit(" ", 1) for line in lines if line.startswith("kafka_consumergroup_"))
    return {name: float(value) for name, value in pairs}


def eventually(look, expected, timeout=10):
    until = time.time() + timeout
    while (found := look()) != expected:
        assert time.time() < until, found
        time.sleep(0.05)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_offsets_and_lag_of_a_group(metered, protocol):
    broker, look = metered
    members = lambda: look().get('members{consumergroup="g"}')
    broker.create("t", 2)
    p = broker.producer()
    for i in range(30):
        p.produce("t", b"x", partition=i % 2)  # else all may be in one
    assert p.flush(10) == 0
    assert look() == {}
    consumers = [broker.consumer("g", group_protocol=protocol) for _ in range(2)]
    for c in consumers:
        c.subscribe(["t"])
    poll_until(consumers, lambda: all(len(c.assignment()) == 1 for c in consumers))
    eventually(members, 2)
    for c in consumers:
        [part] = c.assignment()
        c.commit(offsets=[TopicPartition("t", part.partition, 3)], asynchronous=False)
    now = look()
    of = 'consumergroup="g",topic="t"'
    assert [now[f'current_offset{{{of},partition="{p}"}}'] for p in (0, 1)] == [3, 3]
    assert now[f"current_offset_sum{{{of}}}"] == 6
    assert now[f'lag{{{of},partition="0"}}'] + now[f'lag{{{of},partition="1"}}'] == now[f"lag_sum{{{of}}}"] == 24
    leave(consumers[0])
    poll_until(consumers[1:], lambda: len(consumers[1].assignment()) == 2)
    eventually(members, 1)
    leave(consumers[1])
    eventually(members, 0)  # nobody is in it, and it is known
    admin = broker.admin()
    admin.delete_consumer_groups(["g"])["g"].result(10)
    assert look() == {}
