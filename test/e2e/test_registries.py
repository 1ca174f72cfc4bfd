"""Several registries on one topic of a Kafka cluster: one leads, the others forward, each of them may be lost.

The cluster is our broker, or the one at ARUS_KAFKA=HOST:PORT; the topic and the group are each test's own.
"""
import json
import os
import random
import signal
import subprocess
import threading
import time
import uuid

import httpx
import pytest
from broker import Broker
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

SESSION_MS = 6000 if "ARUS_KAFKA" in os.environ else 2000
SHORT = {"type": "record", "name": "R", "fields": []}


class Registries:
    """As many as are started, on one topic."""

    def __init__(self, program, folder, bootstrap):
        self.program, self.folder, self.bootstrap, self.name = program, folder, bootstrap, f"registry-{uuid.uuid4().hex[:8]}"
        self.process, self.url, self.http = {}, {}, httpx.Client(timeout=25)

    def start(self, *args, name=None):
        name = name or f"r{len(self.url)}"
        with open(self.folder / f"{name}.log", "a", encoding="utf-8") as log:
            p = self.process[name] = subprocess.Popen(
                [self.program, "registry", "--listen", "127.0.0.1:0", "-D", f"kafkastore.bootstrap.servers={self.bootstrap}",
                 "-D", f"kafkastore.topic={self.name}", "-D", f"schema.registry.group.id={self.name}",
                 "-D", "kafkastore.topic.replication.factor=1", "-D", f"kafkastore.session.timeout.ms={SESSION_MS}",
                 "-D", "kafkastore.heartbeat.interval.ms=200", *args], stdout=subprocess.PIPE, stderr=log, text=True)
        line = p.stdout.readline()
        assert line.startswith("ready registry "), self.log(name)
        self.url[name] = "http://" + line.split()[2]
        return name

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def post(self, name, subject, schema=SHORT):
        return self.http.post(f"{self.url[name]}/subjects/{subject}/versions", json={"schema": json.dumps(schema)})

    def get(self, name, path):
        return self.http.get(self.url[name] + path).json()

    def leader(self):
        """The name of the one that leads, as the group's members say it."""
        admin, until = AdminClient({"bootstrap.servers": self.bootstrap}), time.time() + 30
        while time.time() < until:
            group = admin.describe_consumer_groups([self.name], request_timeout=10)[self.name].result(15)
            for m in group.members:
                if m.assignment.topic_partitions:
                    return next(n for n, url in self.url.items() if url == m.client_id)
            time.sleep(0.2)
        raise AssertionError({n: self.log(n) for n in self.process})

    def kill(self, name):
        self.process[name].kill()
        self.process[name].wait(10)

    def close(self):
        self.http.close()
        for p in self.process.values():
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for name, p in self.process.items():
            assert p.wait(20) in (0, -9), self.log(name)


def refused(arus, bootstrap, topic):
    """What a registry says that does not start on this topic."""
    p = subprocess.run([arus, "registry", "--listen", "127.0.0.1:0", "-D", f"kafkastore.bootstrap.servers={bootstrap}",
                        "-D", f"kafkastore.topic={topic}"], capture_output=True, text=True, timeout=30, check=False)
    assert p.returncode == 2
    return p.stderr


@pytest.fixture(scope="module")
def bootstrap(arus, tmp_path_factory):
    if "ARUS_KAFKA" in os.environ:
        yield os.environ["ARUS_KAFKA"]
        return
    b = Broker(arus, tmp_path_factory.mktemp("kafka"), "-D", f"group.min.session.timeout.ms={SESSION_MS}").start()
    yield b.address
    b.kill()


@pytest.fixture
def registries(arus, tmp_path, bootstrap):
    r = Registries(arus, tmp_path, bootstrap)
    yield r
    r.close()


def schema(n):
    return {"type": "record", "name": f"R{n}", "fields": [{"name": "f", "type": "long"}]}


def test_any_of_them_takes_a_change(registries):
    one, two, three = (registries.start() for _ in range(3))
    for n, name in enumerate((one, two, three, two)):
        r = registries.post(name, f"s%2F{n}%20%C3%A9", schema(n))
        assert r.status_code == 200 and r.json()["id"] == n + 1, r.text
        assert registries.get(name, f"/schemas/ids/{n + 1}")["schema"] == json.dumps(schema(n), separators=(",", ":"))
    subjects = [f"s/{n} é" for n in range(4)]
    for name in (one, two, three):
        until = time.time() + 5
        while registries.get(name, "/subjects") != subjects:
            assert time.time() < until, registries.get(name, "/subjects")
    for name, level in ((two, "FULL"), (three, "NONE")):
        assert registries.http.put(registries.url[name] + "/config", json={"compatibility": level}).json() == {"compatibility": level}
        assert registries.get(name, "/config") == {"compatibilityLevel": level}
    r = registries.post(three, "s%2F0%20%C3%A9", {"type": "nonsense"})
    assert r.status_code == 422 and r.json()["error_code"] == 42201
    r = registries.http.delete(registries.url[two] + "/subjects/s%2F1%20%C3%A9/versions/latest")
    assert (r.status_code, r.json()) == (200, 1)
    assert registries.get(two, "/subjects?deletedOnly=true") == [subjects[1]]


def test_what_one_wrote_is_there_for_the_next(registries):
    one = registries.start()
    for n in range(5):
        assert registries.post(one, f"s{n}", schema(n)).json()["id"] == n + 1
    registries.kill(one)
    two = registries.start()
    assert registries.get(two, "/subjects") == [f"s{n}" for n in range(5)]
    assert registries.post(two, "s9", schema(9)).json()["id"] == 6
    c = Consumer({"bootstrap.servers": registries.bootstrap, "group.id": "look", "enable.partition.eof": True})
    c.assign([TopicPartition(registries.name, 0, 0)])
    keys = []
    while not (m := c.consume(1, 10)[0]).error():
        keys.append(json.loads(m.key()))
    c.close()
    assert [k["keytype"] for k in keys] == ["SCHEMA"] * 6 and [k["subject"] for k in keys] == [*(f"s{n}" for n in range(5)), "s9"]


def test_one_that_may_not_lead(registries):
    one = registries.start("-D", "leader.eligibility=false", "-D", "kafkastore.timeout.ms=1000")
    two = registries.start()
    assert registries.leader() == two
    assert registries.post(one, "s").json()["id"] == 1
    assert registries.get(one, "/subjects") == ["s"]


def test_a_registry_of_one_partition_only(arus, tmp_path, bootstrap, registries):
    name = registries.start()
    p = subprocess.run([arus, "topic", "--bootstrap-server", bootstrap, "--alter", "--topic", registries.name, "--partitions", "2"],
                       capture_output=True, text=True, timeout=30, check=False)
    assert p.returncode == 0, p.stderr
    registries.kill(name)
    assert "has 2 partitions: a registry's has one" in refused(arus, bootstrap, registries.name)


def test_a_topic_that_would_lose_schemas(arus, bootstrap, registries):
    subprocess.run([arus, "topic", "--bootstrap-server", bootstrap, "--create", "--topic", registries.name], check=True, timeout=30)
    assert "cleanup.policy=delete, which loses schemas: set it to compact" in refused(arus, bootstrap, registries.name)


def wait_for(happened, registries):
    until = time.time() + 40
    while not happened():
        assert time.time() < until, {n: registries.log(n) for n in registries.process}
        time.sleep(0.1)


@pytest.mark.parametrize("how", ["killed", "stopped for a while"])
def test_the_leader_is_lost(registries, how):
    """Writers go on with whoever answers; no id is given twice, and nothing that was answered is lost."""
    names = [registries.start() for _ in range(3)]
    first = registries.leader()
    given, ends, chance = {}, threading.Event(), random.Random(1)
    faults = []

    def write(k):
        n = 0
        while not ends.is_set():
            subject, name = f"w{k}-{n}", chance.choice(names)
            try:
                r = registries.post(name, subject, schema(f"{k}x{n}"))
            except httpx.HTTPError:
                continue  # it was lost, or is: another one
            if r.status_code == 200:
                try:
                    given[subject] = r.json()["id"]
                except ValueError:
                    faults.append(r.text)
                n += 1
            elif r.status_code != 500:
                faults.append(r.text)
    writers = [threading.Thread(target=write, args=(k,), daemon=True) for k in range(3)]
    for w in writers:
        w.start()
    wait_for(lambda: len(given) >= 10 or faults, registries)
    if how == "killed":
        registries.kill(first)
        names.remove(first)
    else:
        registries.process[first].send_signal(signal.SIGSTOP)
        names.remove(first)
        time.sleep(SESSION_MS / 1000 + 2)
        registries.process[first].send_signal(signal.SIGCONT)
        names.append(first)
    at = len(given)
    wait_for(lambda: len(given) >= at + 30 or faults, registries)
    ends.set()
    for w in writers:
        w.join(30)
        assert not w.is_alive()
    assert not faults
    assert len(set(given.values())) == len(given), "an id twice"
    for name in names:
        until = time.time() + 10
        while not set(given) <= set(registries.get(name, "/subjects")):
            assert time.time() < until, sorted(set(given) - set(registries.get(name, "/subjects")))
            time.sleep(0.1)
        for subject, i in given.items():
            assert registries.get(name, f"/subjects/{subject}/versions/1")["id"] == i


def test_the_cluster_is_away(arus, tmp_path):
    """Reads go on; a change is refused, and taken again once the cluster is back."""
    kafka = Broker(arus, tmp_path / "kafka", "-D", f"group.min.session.timeout.ms={SESSION_MS}").start()
    port, registries = kafka.ports[0], Registries(arus, tmp_path, kafka.address)
    try:
        name = registries.start("-D", "kafkastore.timeout.ms=1000")
        assert registries.post(name, "s", schema(1)).json()["id"] == 1
        kafka.kill()
        r = registries.post(name, "s2", schema(2))
        assert r.status_code == 500 and r.json()["error_code"] in (50001, 50002, 50003, 50004), r.text
        assert registries.get(name, "/schemas/ids/1")["schema"] == json.dumps(schema(1), separators=(",", ":"))
        kafka.start(port)
        until = time.time() + 30
        while (r := registries.post(name, "s3", schema(3))).status_code != 200:
            assert time.time() < until, registries.log(name)
            time.sleep(0.2)
        assert set(registries.get(name, "/subjects")) >= {"s", "s3"}
    finally:
        registries.close()
        kafka.kill()


def test_it_stops_while_a_change_waits_for_a_leader(registries):
    name = registries.start("-D", "leader.eligibility=false")

    def change():
        try:
            registries.post(name, "s")
        except httpx.HTTPError:
            pass  # it is closed without an answer

    waiting = threading.Thread(target=change, daemon=True)
    waiting.start()
    time.sleep(0.5)
    assert waiting.is_alive()
    begun = time.time()
    registries.process[name].send_signal(signal.SIGTERM)
    assert registries.process[name].wait(20) == 0 and time.time() - begun < 8
    waiting.join(10)
