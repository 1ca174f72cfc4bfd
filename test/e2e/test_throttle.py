"""A Fetch whose client has used up its quota: an empty answer at once, and nothing is read from the connection meanwhile."""
import struct
import subprocess
import time

import pytest

from broker import Broker
from raw import Raw


@pytest.fixture
def broker(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "quota.window.num=2", "-D", "quota.window.size.seconds=1").start()
    yield b
    assert b.stop() == 0


def limit_consumers(arus, broker, bytes_per_second):
    subprocess.run([arus, "configs", "--bootstrap-server", broker.address, "--alter", "--entity-type", "clients", "--entity-default",
                    "--add-config", f"consumer_byte_rate={bytes_per_second}"], check=True, capture_output=True, timeout=30)


def fetch(raw, offset):
    """Fetch 4 of a partition of t: the wait that is told, in seconds, and how many batches of 20 kB came."""
    answer = raw.call(1, 4, struct.pack(">iiiibi", -1, 0, 1, 1 << 20, 0, 1) + b"\0\1t" + struct.pack(">iiqi", 1, 0, offset, 1 << 20))
    wait_ms, topics = struct.unpack(">ii", answer[:8])
    assert topics or len(answer) == 8
    return wait_ms / 1000, len(answer) // 20000


def test_a_fetch_over_quota_is_empty_and_the_connection_is_muted(arus, broker):
    broker.create("t")
    p = broker.producer(batch_size=20000, linger_ms=0)
    for i in range(20):
        p.produce("t", b"%02d" % i + b"x" * 20000)
        assert p.flush(10) == 0
    limit_consumers(arus, broker, 50_000)
    with Raw(broker.ports[0]) as raw:
        begun, offset, must_wait, answers = time.monotonic(), 0, 0, []
        while offset < 15:
            asked = time.monotonic()
            told, batches = fetch(raw, offset)
            took = time.monotonic() - asked
            assert not (told and batches)
            assert took > must_wait - 0.05  # what is asked while it is muted is answered after it
            assert took < must_wait + 1  # and an answer does not wait itself
            must_wait, offset = told, offset + batches
            answers.append((told, batches))
        assert answers[0][0] == 0 and 1 <= answers[0][1] <= 5  # as much as the windows hold
        assert [told for told, _ in answers if told]
        assert time.monotonic() - begun > 15 * 20_000 / 50_000 - 2 - 1  # all but what was saved up, and the last debt
    with Raw(broker.ports[0]) as one, Raw(broker.ports[0]) as other:  # of one client id: they share the count
        while not fetch(one, 0)[0]:
            pass
        begun = time.monotonic()
        assert fetch(other, 0)[0] > 0
        assert time.monotonic() - begun < 0.5
