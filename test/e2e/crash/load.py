"""Clients that go on while their broker is killed, and note in a History (checker.py) what they did and saw.

Each is a thread with a confluent-kafka client of its own. They must not mistake what they do not know for what they
know: a write, a commit or a transaction whose end was not told is in doubt.
"""
import itertools
import random
import threading
import time

from broker import leave
from checker import Commit, Fetched, Run, Transaction, Write
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

PARTITIONS = 3
PAUSE = 0.004  # between two bursts
QUIET = {"log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "socket.timeout.ms": 5000}
CLASSIC = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 300}


class Client(threading.Thread):
    """Works until `end` is set; what it died of is raised by check()."""

    def __init__(self, history, address, name, seed):
        super().__init__(name=name, daemon=True)
        self.history, self.random, self.end, self.fault = history, random.Random(f"{seed} {name}"), threading.Event(), None
        self.options = {"bootstrap.servers": address, "client.id": name, **QUIET}

    def run(self):
        try:
            self.work()
        except BaseException as e:  # noqa: B902, whatever it is the test must fail by it
            self.fault = e

    def check(self):
        if self.fault:
            raise self.fault

    def finish(self, seconds=60):
        self.end.set()
        self.join(seconds)
        self.check()
        assert not self.is_alive(), f"{self.name} does not come to an end"


# ---- writers


class Writer(Client):
    """Plain: nothing is sent twice, so that what fails is in doubt. Idempotent: sent again until it is there."""

    def __init__(self, history, address, name, seed, topic, **options):
        super().__init__(history, address, name, seed)
        self.topic, self.n = topic, 0
        self.options.update({"acks": "all", "linger.ms": 2, "compression.type": self.random.choice(["none", "lz4"]), **options})

    def write(self, producer, transaction=None, topic=None, partition=None, text=""):
        """Its value is "producer.n", with a text after it."""
        partition = self.random.randrange(PARTITIONS) if partition is None else partition
        w = self.history.write(Write(f"{self.name}.{self.n}{text}", self.name, self.n, (topic or self.topic, partition),
                                     transaction))
        self.n += 1

        def delivered(error, message):
            if not error:
                w.offset = message.offset()

        value = w.value.encode() + b" " * self.random.choice([0, 20, 500])
        producer.produce(w.partition[0], value, partition=partition, on_delivery=delivered)

    def work(self):
        p = Producer(self.options)
        while not self.end.is_set():
            for _ in range(self.random.randrange(1, 8)):
                self.write(p)
            p.poll(0)
            time.sleep(PAUSE)
        p.flush(30)


class TransactionalWriter(Writer):
    """Now and then aborts a transaction, or leaves one open for the next producer of its id to fence."""

    def __init__(self, history, address, name, seed, topic, transactional_id=None):
        super().__init__(history, address, name, seed, topic, **{"transactional.id": transactional_id or name})
        self.abandoned = False

    def work(self):
        p = self.start_producer()
        while not self.end.is_set():
            p, _ = self.transact(p, self.fill)
        p.flush(30)

    def start_producer(self):
        while True:
            assert not self.abandoned
            p = Producer(self.options)
            try:
                p.init_transactions(30)
                return p
            except KafkaException as e:
                if not e.args[0].retriable():
                    raise

    def fill(self, producer, transaction):
        """Its writes; false: it shall be aborted."""
        for _ in range(self.random.randrange(1, 20)):
            self.write(producer, transaction)
            producer.poll(0)
        time.sleep(PAUSE * self.random.randrange(4))
        return self.random.random() > 0.2

    def transact(self, producer, fill):
        """The producer to go on with, and what came of the transaction."""
        t = Transaction()
        try:
            producer.begin_transaction()
            if fill(producer, t):
                t.committing = self.history.now()
                self.until_it_is_known(producer.commit_transaction)
                t.outcome = "committed"
                return producer, t
            if self.random.random() < 0.1:
                producer.flush(self.random.random())
                producer = self.start_producer()
                t.outcome = "aborted"
            else:
                self.abort(producer, t)
            return producer, t
        except KafkaException as e:
            if not e.args[0].txn_requires_abort():
                return self.start_producer(), t
        try:
            self.abort(producer, t)
            return producer, t
        except KafkaException:
            return self.start_producer(), t

    def abort(self, producer, transaction):
        """Whatever is not sent yet. After that the client was seen to send new records under numbers that the broker had already
        taken, by the same epoch (seed 78): they must be refused, which aborts the transaction, and not be taken for a copy."""
        self.until_it_is_known(producer.abort_transaction)
        transaction.outcome = "aborted"

    def until_it_is_known(self, end):
        while True:
            try:
                return end(30)
            except KafkaException as e:
                if not e.args[0].retriable():
                    raise


# ---- readers


class Reader(Client):
    """A member of a group that commits what it has read."""

    def __init__(self, history, address, name, seed, topics, group, committed, **options):
        super().__init__(history, address, name, seed)
        self.topics, self.group, self.committed, self.open = topics, group, committed, {}
        self.options.update({
            "group.id": group, "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100, **options})
        self.incremental = "group.protocol" in options or "cooperative" in options.get("partition.assignment.strategy", "")
        if "group.protocol" not in options:
            self.options.update(CLASSIC)

    def work(self):
        c = Consumer(self.options)
        c.subscribe(self.topics, on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.dropped)
        while not self.end.is_set():
            self.note(c.consume(self.random.choice([1, 50, 500]), 0.1))
            if self.random.random() < 0.3:
                self.commit(c)
        self.commit(c)
        leave(c)

    def assigned(self, consumer, partitions):
        """Reads on from the group's offsets, which it looks up itself so that they are known."""
        begun = self.history.now()
        for p in fetch_offsets(consumer, partitions):
            key = p.topic, p.partition
            self.history.fetched.append(Fetched(self.group, key, p.offset if p.offset >= 0 else None, begun))
            self.open[key] = Run(self.group, self.committed, key, max(p.offset, 0))
            self.history.runs.append(self.open[key])
        given = [TopicPartition(p.topic, p.partition, self.open[p.topic, p.partition].start) for p in partitions]
        consumer.incremental_assign(given) if self.incremental else consumer.assign(given)

    def revoked(self, consumer, partitions):
        self.commit(consumer)
        self.dropped(consumer, partitions)

    def dropped(self, _, partitions):
        for p in partitions:
            self.open.pop((p.topic, p.partition), None)

    def note(self, messages):
        for m in messages:
            if m.error():
                assert m.error().retriable() or m.error().code() < 0, m.error()
                continue
            run = self.open.get((m.topic(), m.partition()))
            if run:
                run.polls.append((m.offset(), m.value().decode().rstrip(), self.history.now()))

    def commit(self, consumer):
        offsets = {key: run.polls[-1][0] + 1 for key, run in self.open.items() if run.polls}
        notes = [Commit(self.group, key, offset) for key, offset in offsets.items()]
        self.history.commits += notes
        if not notes:
            return
        try:
            done = consumer.commit(offsets=[TopicPartition(*key, o) for key, o in offsets.items()], asynchronous=False)
        except KafkaException:
            return
        refused = {(p.topic, p.partition) for p in done if p.error}
        for c in notes:
            if c.partition not in refused:
                c.done = self.history.now()


def fetch_offsets(consumer, partitions):
    while True:
        try:
            return consumer.committed(partitions, 5)
        except KafkaException:
            time.sleep(0.05)


class Mover(TransactionalWriter):
    """Reads one topic and writes its records to another, each exactly once, by transactions that commit its offsets."""

    def __init__(self, history, address, name, seed, source, target, group):
        super().__init__(history, address, name, seed, target, group)
        self.source, self.alive = source, time.monotonic()
        self.reader = {"bootstrap.servers": address, "client.id": name, **QUIET, **CLASSIC, "group.id": group,
                       "group.instance.id": group, "enable.auto.commit": False, "isolation.level": "read_committed",
                       "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100}

    def work(self):
        p, c = self.start_producer(), Consumer(self.reader)  # first it fences who was before
        c.subscribe([self.source], on_assign=self.rewind)
        while not self.end.is_set():
            self.alive = time.monotonic()
            messages = [m for m in c.consume(200, 0.1) if not m.error()]
            if not messages:
                continue
            p, t = self.transact(p, lambda producer, t, found=messages: self.move(c, found, producer, t))
            if t.outcome != "committed":
                self.rewind(c, c.assignment())
        leave(c)

    def rewind(self, consumer, partitions):
        consumer.assign([TopicPartition(p.topic, p.partition, max(p.offset, 0)) for p in fetch_offsets(consumer, partitions)])

    def move(self, consumer, messages, producer, transaction):
        after = {}
        for m in messages:
            self.write(producer, transaction, partition=m.partition(), text=" " + m.value().decode().rstrip())
            after[m.partition()] = m.offset() + 1
        producer.send_offsets_to_transaction([TopicPartition(self.source, p, o) for p, o in after.items()],
                                             consumer.consumer_group_metadata(), 30)
        return self.random.random() > 0.1


class Movers(Client):
    """One mover after the other: one that hangs is given up, for librdkafka may wait for ever for a group's coordinator
    that was gone for a while (its issues 5456 and 5511)."""

    def __init__(self, history, address, name, seed, source, target):
        super().__init__(history, address, name, seed)
        self.new = lambda n: Mover(history, address, f"{name}{n}", seed, source, target, name)

    def work(self):
        for n in itertools.count():
            m = self.new(n)
            m.start()
            while time.monotonic() - m.alive < 5 and not self.end.wait(0.1):
                m.check()
            if self.end.is_set():
                m.finish()
                return
            m.abandoned = True
            m.end.set()
