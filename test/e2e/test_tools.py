"""Kafka's own commands, as links to the program, on its own broker."""
import json
import re
import subprocess

import pytest
from confluent_kafka import KafkaException, Producer


class Tools:
    def __init__(self, program, folder):
        self.bin = folder / "bin"
        subprocess.run([program, "links", str(self.bin)], check=True)
        self.broker = subprocess.Popen(
            [program, "broker", "--listen", "127.0.0.1:0", "--data", str(folder / "data")],
            stdout=subprocess.PIPE, text=True)
        line = self.broker.stdout.readline()
        self.address = re.match(r"ready broker (\S+)", line).group(1)

    def __call__(self, name, *args, text=None, code=0):
        r = subprocess.run([str(self.bin / name), "--bootstrap-server", self.address, *args], input=text,
                           capture_output=True, text=True, timeout=60, check=False)
        assert r.returncode == code, (name, args, r.returncode, r.stdout, r.stderr)
        return r.stdout if code == 0 else r.stderr


@pytest.fixture
def tools(arus, tmp_path):
    t = Tools(arus, tmp_path)
    yield t
    t.broker.terminate()
    assert t.broker.wait(timeout=10) == 0


def test_topics(tools):
    out = tools("kafka-topics", "--create", "--replication-factor", "1", "--partitions", "9",
                "--config", "cleanup.policy=compact", "--topic", "streaming.goapi.idx.stock.json")
    assert out.splitlines()[0].startswith("WARNING: Due to limitations in metric names")
    assert out.splitlines()[1] == "Created topic streaming.goapi.idx.stock.json."
    assert tools("kafka-topics.sh", "--create", "--topic", "t") == "Created topic t.\n"
    assert tools("kafka-topics", "--list") == "streaming.goapi.idx.stock.json\nt\n"
    assert "Topic 't' already exists." in tools("kafka-topics", "--create", "--topic", "t", code=1)
    assert tools("kafka-topics", "--create", "--topic", "t", "--if-not-exists") == ""
    lines = tools("kafka-topics", "--describe", "--topic", "stream.*").splitlines()
    assert re.fullmatch(r"Topic: streaming\.goapi\.idx\.stock\.json\tTopicId: [\w-]{22}\tPartitionCount: 9\t"
                        r"ReplicationFactor: 1\tConfigs: cleanup\.policy=compact", lines[0])
    assert lines[9] == ("\tTopic: streaming.goapi.idx.stock.json\tPartition: 8\tLeader: 1\tReplicas: 1\tIsr: 1"
                        "\tElr: \tLastKnownElr: ")
    assert tools("kafka-topics", "--alter", "--topic", "t", "--partitions", "3") == ""
    assert "PartitionCount: 3" in tools("kafka-topics", "--describe", "--topic", "t")
    assert tools("kafka-topics", "--delete", "--topic", "t") == ""
    assert "does not exist" in tools("kafka-topics", "--describe", "--topic", "t", code=1)
    assert tools("kafka-topics", "--delete", "--topic", "t", "--if-exists") == ""
    assert "exactly one action" in tools("kafka-topics", "--create", "--list", code=1)
    assert "--nothing" in tools("kafka-topics", "--nothing", code=2)


def test_configs(tools):
    tools("kafka-topics", "--create", "--topic", "t")
    topic = ("--entity-type", "topics", "--entity-name", "t")
    assert tools("kafka-configs", *topic, "--alter", "--add-config",
                 "retention.ms=1000,cleanup.policy=[compact,delete]") == "Completed updating config for topic t.\n"
    out = tools("kafka-configs", *topic, "--describe")
    assert out.startswith("Dynamic configs for topic t are:\n")
    assert "  retention.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1000" in out
    assert "  cleanup.policy=compact,delete " in out
    tools("kafka-configs", *topic, "--alter", "--delete-config", "retention.ms")
    assert "retention.ms=1000" not in tools("kafka-configs", *topic, "--describe")
    assert "  segment.bytes=" in tools("kafka-configs", *topic, "--describe", "--all")
    assert "retention.ms" in tools("kafka-configs", *topic, "--alter", "--add-config", "retention.ms=x", code=1)


def test_records_and_groups(tools):
    tools("kafka-topics", "--create", "--topic", "t", "--partitions", "2")
    tools("kafka-console-producer", "--topic", "t", "--property", "parse.key=true", "--property", "key.separator=:",
          text="a:1\nb:2\nc:\u00e9\n")
    lines = tools("kafka-console-consumer", "--topic", "t", "--from-beginning", "--max-messages", "3", "--group", "g",
                  "--property", "print.key=true", "--property", "print.offset=true").splitlines()
    assert sorted(line.split("\t", 1)[1] for line in lines) == ["a\t1", "b\t2", "c\t\u00e9"]
    ends = dict(line.rsplit(":", 1) for line in tools("kafka-get-offsets", "--topic", "t").splitlines())
    assert sum(map(int, ends.values())) == 3 and set(ends) == {"t:0", "t:1"}
    assert tools("kafka-get-offsets", "--topic", "t", "--time", "earliest") == "t:0:0\nt:1:0\n"
    assert tools("kafka-consumer-groups", "--list") == "g\n"

    def at():
        rows = [line.split() for line in
                tools("kafka-consumer-groups", "--describe", "--group", "g").splitlines()[2:]]
        return {f"{r[1]}:{r[2]}": (r[3], r[4], r[5]) for r in rows}
    assert all(at()[p][0] == ends[p] and at()[p][2] == "0" for p in at())
    tools("kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t", "--to-earliest", "--execute")
    assert {p: a[0] for p, a in at().items()} == {"t:0": "0", "t:1": "0"}
    tools("kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t", "--shift-by", "1", "--execute")
    assert {p: int(a[0]) for p, a in at().items()} == {p: min(1, int(n)) for p, n in ends.items()}
    dry = tools("kafka-consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t:0", "--to-latest")
    assert dry.splitlines()[2].split() == ["g", "t", "0", ends["t:0"]]
    assert at()["t:0"][0] == str(min(1, int(ends["t:0"])))
    assert tools("kafka-consumer-groups", "--delete", "--group", "g") == (
        "Deletion of requested consumer groups ('g') was successful.\n")
    assert tools("kafka-consumer-groups", "--list") == ""
    assert "does not exist" in tools("kafka-consumer-groups", "--describe", "--group", "g", code=1)


def test_nobody_there(arus, tmp_path):
    subprocess.run([arus, "links", str(tmp_path)], check=True)
    subprocess.run([arus, "links", str(tmp_path)], check=True)
    r = subprocess.run([str(tmp_path / "kafka-topics"), "--bootstrap-server", "127.0.0.1:1", "--list"],
                       capture_output=True, text=True, timeout=20, check=False)
    assert r.returncode == 1 and "127.0.0.1:1" in r.stderr


def test_transactions(tools):
    tools("kafka-topics", "--create", "--topic", "t")
    p = Producer({"bootstrap.servers": tools.address, "transactional.id": "pay"})
    p.init_transactions(10)
    p.begin_transaction()
    p.produce("t", b"x", partition=0)
    assert p.flush(10) == 0
    head, row = (line.split() for line in tools("kafka-transactions", "list").splitlines())
    assert head == ["TransactionalId", "Coordinator", "ProducerId", "TransactionState"]
    assert (row[0], row[3]) == ("pay", "Ongoing")
    [described] = map(json.loads, tools("kafka-transactions", "--output", "json", "describe", "--transactional-id",
                                        "pay").splitlines())
    assert described["TransactionState"] == "Ongoing" and described["TopicPartitions"] == "t-0"
    assert described["ProducerId"] == row[2] and 0 <= int(described["TransactionDurationMs"]) < 60000
    producers = tools("kafka-transactions.sh", "describe-producers", "--topic", "t", "--partition", "0").splitlines()
    assert producers[1].split()[0] == row[2] and producers[1].split()[-1] == "0"
    assert tools("kafka-transactions", "forceTerminateTransaction", "--transactional-id", "pay") == ""
    with pytest.raises(KafkaException):
        p.commit_transaction(10)
    producers = tools("kafka-transactions", "describe-producers", "--topic", "t", "--partition", "0").splitlines()
    assert all(line.split()[-1] == "None" for line in producers[1:])
    assert "Ongoing" not in tools("kafka-transactions", "list")
    unknown = tools("kafka-transactions", "describe", "--transactional-id", "none", code=1)
    assert "transactionalId could not be found" in unknown
    assert "expects one of the commands list describe" in tools("kafka-transactions", code=2)
