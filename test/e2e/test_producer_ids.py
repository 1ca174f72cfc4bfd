"""Producer ids: for how long the broker knows where a producer's sequence ended (`producer.id.expiration.ms`)."""
import struct
import time

import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder

from broker import Broker
from raw import Raw

OUT_OF_ORDER = 45


def batch(producer, epoch, sequence, count=1):
    b = DefaultRecordBatchBuilder(magic=2, compression_type=0, is_transactional=0, producer_id=producer, producer_epoch=epoch,
                                  base_sequence=sequence, batch_size=1 << 20)
    for i in range(count):
        assert b.append(i, int(time.time() * 1000), None, b"v", [])
    return bytes(b.build())


def produce(raw, records):
    """Produce 7 to partition 0 of t: error code and base offset."""
    answer = raw.call(0, 7, b"\xff\xff" + struct.pack(">hiih", -1, 10000, 1, 1) + b"t" + struct.pack(">iii", 1, 0, len(records)) + records)
    return struct.unpack(">hq", answer[4 + 3 + 4 + 4:][:10])


def known(broker):
    """Ids and last sequences of partition 0's producers, by DescribeProducers 0."""
    with Raw(broker.ports[0]) as raw:
        raw.frame(struct.pack(">hhi", 61, 0, 7) + b"\xff\xff\0" + b"\2\2t\2" + struct.pack(">i", 0) + b"\0\0")
        answer = raw.answer()[4 + 1 + 4 + 1 + 2 + 1:]  # correlation id, tags, throttle, one topic, t, one partition
    assert struct.unpack(">ih", answer[:6]) == (0, 0)
    found, answer = {}, answer[7:]  # no message
    for i in range(answer[0] - 1):
        id_, _, last = struct.unpack(">qii", answer[1 + i * 37:][:16])
        found[id_] = last
    return found


@pytest.fixture
def broker(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "producer.id.expiration.ms=2500", "-D", "log.retention.check.interval.ms=100").start()
    yield b
    assert b.stop() == 0


def test_an_idle_producer_is_forgotten_and_begins_anew(broker):
    broker.create("t")
    with Raw(broker.ports[0]) as raw:
        assert produce(raw, batch(70, 0, 0, 3)) == (0, 0)
        assert produce(raw, batch(70, 0, 9))[0] == OUT_OF_ORDER
        assert produce(raw, batch(70, 0, 0, 3)) == (0, 0)  # a copy
        assert produce(raw, batch(70, 0, 3)) == (0, 3)
        assert known(broker) == {70: 3}
        until = time.monotonic() + 15
        while 70 in known(broker):
            assert time.monotonic() < until
            time.sleep(0.2)
        # As Apache Kafka: who is not known may begin anywhere, and what was a copy is none any more.
        assert produce(raw, batch(70, 0, 9))[0] == 0
        assert known(broker)[70] == 9
        assert produce(raw, batch(70, 0, 11))[0] == OUT_OF_ORDER


def test_who_goes_on_is_not_forgotten_and_a_restart_forgets_nobody(broker):
    broker.create("t")
    with Raw(broker.ports[0]) as raw:
        for sequence in range(12):
            assert produce(raw, batch(70, 0, sequence))[0] == 0
            time.sleep(0.25)
    port = broker.ports[0]
    broker.kill()
    broker.start(port)
    with Raw(broker.ports[0]) as raw:
        assert produce(raw, batch(70, 0, 14))[0] == OUT_OF_ORDER
        assert produce(raw, batch(70, 0, 12))[0] == 0
