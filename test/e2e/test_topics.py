"""Topics, their configs and their metrics, by a client that administers them."""
import re

import httpx
import pytest
from broker import Broker, produce
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import ConfigResource, NewPartitions


def test_topics_are_made_described_grown_and_deleted(broker):
    a = broker.admin()
    broker.create("t", 3, retention_ms="1000000", cleanup_policy="compact,delete")
    with pytest.raises(KafkaException, match="already exists"):
        broker.create("t")
    with pytest.raises(KafkaException, match="larger than available brokers"):
        broker.create("u", replicas=2)
    with pytest.raises(KafkaException, match="Unknown topic config name"):
        broker.create("u", no_such="1")
    with pytest.raises(KafkaException, match="Invalid value"):
        broker.create("u", retention_ms="soon")
    with pytest.raises(KafkaException, match="name is invalid"):
        broker.create("not a name")
    [f] = a.create_partitions([NewPartitions("t", 5)]).values()
    f.result(10)
    assert len(a.list_topics(timeout=10).topics["t"].partitions) == 5
    [f] = a.describe_configs([ConfigResource("topic", "t")]).values()
    config = f.result(10)
    assert (config["retention.ms"].value, config["retention.ms"].source) == ("1000000", 1)
    assert (config["segment.bytes"].value, config["segment.bytes"].source) == ("1073741824", 5)
    [f] = a.delete_topics(["t"]).values()
    f.result(10)
    assert "t" not in a.list_topics(timeout=10).topics
    [f] = a.delete_topics(["t"]).values()
    with pytest.raises(KafkaException):
        f.result(10)


def test_configs_are_altered_by_steps(broker):
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry
    a = broker.admin()
    broker.create("t", cleanup_policy="delete", retention_ms="1000")
    steps = [ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND),
             ConfigEntry("retention.ms", "", incremental_operation=AlterConfigOpType.DELETE),
             ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)]
    [f] = a.incremental_alter_configs([ConfigResource("topic", "t", incremental_configs=steps)]).values()
    f.result(10)
    [f] = a.describe_configs([ConfigResource("topic", "t")]).values()
    config = f.result(10)
    assert [config[n].value for n in ("cleanup.policy", "retention.ms", "max.message.bytes")] == [
        "delete,compact", "604800000", "2000"]
    failed = produce(broker, "t", [b"x" * 3000])
    assert failed and failed[0].name() in ("MSG_SIZE_TOO_LARGE", "_MSG_SIZE_TOO_LARGE")
    failed = produce(broker, "t", [b"no key"])
    assert failed and failed[0].name() == "INVALID_RECORD"


def test_records_are_deleted(broker):
    broker.create("t")
    assert not produce(broker, "t", [b"%d" % i for i in range(10)])
    a = broker.admin()
    [f] = a.delete_records([TopicPartition("t", 0, 4)]).values()
    assert f.result(10).low_watermark == 4
    c = broker.consumer("d")
    assert c.get_watermark_offsets(TopicPartition("t", 0), 10) == (4, 10)
    c.close()


def test_three_brokers_in_one(arus, tmp_path):
    b = Broker(arus, tmp_path / "data").start(brokers=3)
    try:
        b.create("t", 9, 3)
        meta = b.admin().list_topics(timeout=10)
        assert sorted(meta.brokers) == [1, 2, 3]
        assert sorted(m.port for m in meta.brokers.values()) == sorted(b.ports)
        parts = meta.topics["t"].partitions
        assert all(sorted(p.replicas) == [1, 2, 3] and sorted(p.isrs) == [1, 2, 3] for p in parts.values())
        assert sorted(p.leader for p in parts.values()) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
        assert not produce(b, "t", [b"%d" % i for i in range(900)])
        assert len(b.read("t", 900, 9)) == 900
    finally:
        assert b.stop() == 0


def test_metrics_have_the_exporters_names(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "arus.metrics.listeners=http://127.0.0.1:0").start()
    url = "http://" + b.process.stdout.readline().removeprefix("ready metrics ").strip()
    assert httpx.get(url + "/healthz").text == "ok\n"
    b.create("t", 2)
    assert not produce(b, "t", [b"x"] * 10, partitioner="consistent")
    c = b.consumer(group_id="g\"1", enable_auto_commit=False)
    c.commit(offsets=[TopicPartition("t", 0, 0), TopicPartition("t", 1, 0)], asynchronous=False)
    c.close()
    r = httpx.get(url + "/metrics")
    assert r.headers["content-type"] == "text/plain; version=0.0.4"
    lines = r.text.splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    end = [int(samples[f'kafka_topic_partition_current_offset{{topic="t",partition="{p}"}}']) for p in (0, 1)]
    assert sum(end) == 10
    assert samples["kafka_brokers"] == "1" and samples['kafka_topic_partitions{topic="t"}'] == "2"
    assert samples["kafka_server_brokertopicmetrics_messagesinpersec"] == "10"
    assert int(samples["kafka_server_brokertopicmetrics_bytesinpersec"]) > 61
    assert samples['kafka_consumergroup_lag{consumergroup="g\\"1",topic="t",partition="0"}'] == str(end[0])
    assert samples['kafka_consumergroup_lag_sum{consumergroup="g\\"1",topic="t"}'] == "10"
    # Each family has one head, and its samples stand behind it.
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(set(families)) == len(families)
    family = None
    for line in lines:
        family = line.split()[2] if line.startswith("#") else family
        assert line.startswith("#") or re.split("[{ ]", line)[0] == family
    assert b.stop() == 0
