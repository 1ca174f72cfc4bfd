"""The broker is killed at random moments under load; the checker finds nothing. ARUS_SOAK=1: 200 rounds; ARUS_SEED."""
import collections
import os
import random
import time

from broker import Broker
from checker import History, check
from conftest import SOAK
from confluent_kafka import Consumer, KafkaError, TopicPartition
from load import PARTITIONS, Movers, Reader, TransactionalWriter, Writer, fetch_offsets

TOPICS = ["plain", "idempotent", "transactional", "moved"]


def clients(history, address, seed):
    def new(kind, name, *args, **options):
        return kind(history, address, name, seed, *args, **options)

    writers = [new(TransactionalWriter, f"txn{i}", "transactional") for i in range(2)]
    writers += [new(Writer, f"idem{i}", "idempotent", **{"enable.idempotence": True}) for i in range(2)]
    writers += [new(Writer, f"plain{i}", "plain", **{"message.send.max.retries": 0}) for i in range(2)]
    mover = new(Movers, "mover", "idempotent", "moved")
    readers = []
    for i in range(2):
        readers.append(new(Reader, f"eager{i}", TOPICS, "eager", False))
        readers.append(new(Reader, f"next{i}", TOPICS, "next", True, **{"group.protocol": "consumer"}))
        readers.append(new(Reader, f"coop{i}", TOPICS, "coop", True, **{"partition.assignment.strategy": "cooperative-sticky"}))
    return writers, mover, readers


def kill_and_restart(broker, chance):
    """At any moment, also while it starts; now and then it may end in order."""
    port = broker.ports[0]
    time.sleep(chance.choice([0.1, 1, 3]) * chance.random())
    if chance.random() < 0.1:
        assert broker.stop() == 0
    else:
        broker.kill()
    while chance.random() < 0.2:
        broker.launch(port)
        time.sleep(0.03 * chance.random())
        broker.kill()
    broker.start(port)


def read_all(broker, isolation):
    """{(topic, index): {offset: value}}"""
    c = broker.consumer("judge", isolation_level=isolation, enable_partition_eof=True)
    left = {(t, p) for t in TOPICS for p in range(PARTITIONS)}
    found = {key: {} for key in left}
    c.assign([TopicPartition(*key, 0) for key in left])
    until = time.monotonic() + 60
    while left:
        assert time.monotonic() < until, f"cannot be read: {left}"
        for m in c.consume(10000, 1):
            key = m.topic(), m.partition()
            if m.error():
                assert m.error().code() == KafkaError._PARTITION_EOF, m.error()
                left.discard(key)
            else:
                found[key][m.offset()] = m.value().decode().rstrip()
    c.close()
    return found


def wait_for_group(address, group, records, *members):
    """Until it has committed all that there is to read."""
    c = Consumer({"bootstrap.servers": address, "group.id": group})
    want = {key: max(offsets) + 1 for key, offsets in records.items() if offsets}
    until = time.monotonic() + 60
    while True:
        have = {(p.topic, p.partition): p.offset for p in fetch_offsets(c, [TopicPartition(*key) for key in want])}
        for m in members:
            m.check()
        behind = {key: (have[key], want[key]) for key in want if have[key] < want[key]}
        if not behind:
            break
        assert time.monotonic() < until, f"{group} does not go on: (is, should be) at {behind}"
        time.sleep(0.2)
    c.close()


def moved_once(history):
    """What the mover made of each record of its topic: how often it is there, if not once."""
    source = {v for (topic, _), values in history.visible.items() if topic == "idempotent" for v in values.values()}
    moved = collections.Counter(v.split(" ")[1] for (topic, _), values in history.visible.items() if topic == "moved"
                                for v in values.values())
    return {v: moved[v] for v in {*source, *moved} if moved[v] != (v in source)}


def report(history, title):
    """What came of the transactions."""
    transactions = {id(w.transaction): w.transaction for w in history.writes.values() if w.transaction}
    outcomes = collections.Counter(t.outcome for t in transactions.values())
    print(f"{title}, {len(history.writes)} writes, {sum(w.offset is None for w in history.writes.values())} in doubt, "
          f"transactions {dict(outcomes)}, {sum(len(r.polls) for r in history.runs)} polls in {len(history.runs)} runs, "
          f"{len(history.commits)} commits")
    return outcomes


def test_killed_again_and_again(arus, tmp_path):
    rounds, seed = (200 if SOAK else 10), int(os.environ.get("ARUS_SEED", "1"))
    chance, history = random.Random(seed), History()
    properties = ["-D", "log.segment.bytes=1048576", "-D", "group.consumer.heartbeat.interval.ms=300"]
    broker = Broker(arus, tmp_path / "data", *properties).start()
    try:
        for topic in TOPICS:
            broker.create(topic, PARTITIONS)
        writers, mover, readers = clients(history, broker.address, seed)
        for client in [*writers, mover, *readers]:
            client.start()
        for _ in range(rounds):
            kill_and_restart(broker, chance)
        for client in writers:
            client.finish()
        source = {key: values for key, values in read_all(broker, "read_committed").items() if key[0] == "idempotent"}
        wait_for_group(broker.address, "mover", source, mover)
        mover.finish()
        history.end, history.visible = read_all(broker, "read_uncommitted"), read_all(broker, "read_committed")
        wait_for_group(broker.address, "eager", history.end, *readers)
        for group in ("coop", "next"):
            wait_for_group(broker.address, group, history.visible, *readers)
        for client in readers:
            client.finish()
    finally:
        if broker.process.poll() is None:
            broker.kill()
    outcomes = report(history, f"seed {seed}: {rounds} rounds")
    found = check(history)
    assert not found, f"seed {seed}: {len(found)} anomalies: {collections.Counter(a.kind for a in found)}; {found[:20]}"
    assert not moved_once(history)
    assert outcomes["committed"] > rounds and outcomes["aborted"]
