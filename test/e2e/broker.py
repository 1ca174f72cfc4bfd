"""`arus broker` as the end-to-end tests start it, and clients for it."""
import signal
import subprocess
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


def leave(consumer):
    """Closes it once its partitions are taken from it. Where close() has to do that itself, the client may ask its own thread,
    which has just ended, for the group's protocol, and hold all of Python while it waits for ever (confluent-kafka 2.16)."""
    consumer.unsubscribe()
    until = time.time() + 10
    while consumer.assignment() and time.time() < until:
        consumer.consume(1, 0.1)
    consumer.close()


class Broker:
    """`arus broker` on ports of its own."""

    def __init__(self, program, data, *args):
        self.program, self.data, self.args, self.ports, self.process = program, data, args, [], None

    def launch(self, port=0, brokers=1):
        self.process = subprocess.Popen(
            [self.program, "broker", "--listen", f"127.0.0.1:{port}", "--data", str(self.data),
             "-D", f"broker.count={brokers}", *self.args], stdout=subprocess.PIPE, text=True)

    def start(self, port=0, brokers=1):
        self.launch(port, brokers)
        lines = [self.process.stdout.readline() for _ in range(brokers)]
        assert all(line.startswith("ready broker 127.0.0.1:") for line in lines), lines
        self.ports = [int(line.rsplit(":", 1)[1]) for line in lines]
        return self

    @property
    def address(self):
        return f"127.0.0.1:{self.ports[0]}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=10)
        self.process.stdout.close()
        return code

    def admin(self):
        return AdminClient({"bootstrap.servers": self.address})

    def create(self, name, partitions=1, replicas=1, **config):
        config = {k.replace("_", "."): v for k, v in config.items()}
        a = self.admin()
        [f] = a.create_topics([NewTopic(name, partitions, replicas, config=config)]).values()
        return f.result(10)

    def producer(self, **options):
        return Producer({"bootstrap.servers": self.address, **{k.replace("_", "."): v for k, v in options.items()}})

    def consumer(self, group="g", **options):
        return Consumer({"bootstrap.servers": self.address, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, **{k.replace("_", "."): v for k, v in options.items()}})

    def read(self, topic, count, partitions=1, timeout=15):
        """The first `count` messages of all partitions."""
        c = self.consumer(isolation_level="read_uncommitted")
        c.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
        found, until = [], time.time() + timeout
        while len(found) < count and time.time() < until:
            found += c.consume(count - len(found), 0.5)
        c.close()
        assert not [m.error() for m in found if m.error()]
        return found


def produce(broker, topic, values, **options):
    """What could not be produced."""
    failed = []
    p = broker.producer(**options)
    for v in values:
        p.produce(topic, v, on_delivery=lambda e, m: failed.append(e) if e else None)
        p.poll(0)
    assert p.flush(15) == 0
    return failed


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
