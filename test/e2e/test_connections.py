"""The broker's connections, byte by byte: what no client would send, and what the broker bounds."""
import os
import re
import struct
import time

import pytest
from broker import Broker, produce
from conftest import ROOT
from raw import Wire


def test_an_unknown_version_of_api_versions_is_answered_in_version_0(wire):
    wire.send(18, 99, b"\0\0\0")
    answer = wire.receive()
    assert struct.unpack(">ihi", answer[:10]) == (1, 35, 1)
    assert struct.unpack(">hhh", answer[10:]) == (18, 0, 4)


def test_api_versions_has_a_header_without_tags_and_checks_the_name(wire):
    wire.send(18, 3, b"\x05good\x041.0\0", header=b"\0\1c\0")
    correlation, error, n = struct.unpack(">ihB", wire.receive()[:7])
    assert (correlation, error) == (1, 0) and n > 20
    wire.send(18, 3, b"\x05-bad\x041.0\0", header=b"\0\1c\0")
    assert struct.unpack(">ih", wire.receive()[:6]) == (1, 42)


def test_produce_is_advertised_from_0_and_below_3_not_answered(wire):
    wire.send(18, 0, b"")
    answer = wire.receive()[6:]
    n = struct.unpack(">i", answer[:4])[0]
    keys = dict((k, (a, b)) for k, a, b in struct.iter_unpack(">hhh", answer[4:4 + 6 * n]))
    assert keys[0] == (0, 13) and keys[1] == (4, 18) and 71 not in keys
    wire.send(0, 2, b"")
    assert wire.closed()


@pytest.mark.parametrize("length", [-1, 0, 7, 0x7fffffff])
def test_a_length_that_cannot_be_closes_the_connection(broker, wire, length):
    wire.socket.sendall(struct.pack(">i", length) + b"x" * 100)
    assert wire.closed()
    assert broker.admin().list_topics(timeout=10).brokers


def test_a_promised_request_takes_no_memory(broker):
    def resident():
        with open(f"/proc/{broker.process.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before, wires = resident(), [Wire(broker.ports[0]) for _ in range(50)]
    for w in wires:
        w.socket.sendall(struct.pack(">i", 100_000_000) + b"\0\0\0\x09" + b"x" * 1000)
    time.sleep(0.5)
    assert resident() - before < 16 << 20
    for w in wires:
        w.socket.close()


def test_a_count_that_cannot_be_closes_the_connection(wire):
    wire.send(3, 1, b"\x7f\xff\xff\xff\0\1a")
    assert wire.closed()


def test_answers_come_in_order(wire):
    for i in range(50):
        wire.send(18 if i % 2 else 3, 0 if i % 2 else 1, b"" if i % 2 else b"\0\0\0\0", correlation=i)
    assert [struct.unpack(">i", wire.receive()[:4])[0] for _ in range(50)] == list(range(50))


def test_a_request_byte_by_byte(wire):
    frame = struct.pack(">hhi", 18, 0, 7) + b"\0\1c"
    for byte in struct.pack(">i", len(frame)) + frame:
        wire.socket.sendall(bytes([byte]))
    assert struct.unpack(">ih", wire.receive()[:6]) == (7, 0)


@pytest.mark.alone
def test_idle_connections_are_closed(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "connections.max.idle.ms=300").start()
    try:
        w = Wire(b.ports[0])
        start = time.time()
        assert w.closed()
        assert 0.2 < time.time() - start < 3
    finally:
        assert b.stop() == 0


def test_no_more_connections_than_allowed(arus, tmp_path):
    b = Broker(arus, tmp_path / "data", "-D", "max.connections=2").start()
    try:
        two = [Wire(b.ports[0]) for _ in range(2)]
        time.sleep(0.2)
        assert Wire(b.ports[0]).closed()
        two[0].socket.close()
        time.sleep(0.2)
        w = Wire(b.ports[0])
        w.send(18, 0, b"")
        assert w.receive()
    finally:
        assert b.stop() == 0


def test_the_docs_say_what_is_served(broker, wire):
    wire.send(18, 0, b"")
    answer = wire.receive()[6:]
    n = struct.unpack(">i", answer[:4])[0]
    served = [f"| {k} | {a}-{b} |" if a != b else f"| {k} | {a} |" for k, a, b in struct.iter_unpack(">hhh", answer[4:4 + 6 * n])]
    rows = [line.split("|") for line in (ROOT / "docs" / "kafka.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert [f"|{r[1]}|{r[3]}|" for r in rows] == served


def test_who_never_reads_holds_up_nobody(broker, wire):
    broker.create("t")
    assert not produce(broker, "t", [b"x" * 100_000 for _ in range(100)])
    with open(f"/proc/{broker.process.pid}/statm") as f:
        before = int(f.read().split()[1])
    fetch = struct.pack(">iiiibi", -1, 100, 1, 50_000_000, 0, 1) + b"\0\1t" + struct.pack(">iiqi", 1, 0, 0, 50_000_000)
    for _ in range(100):  # 10 MB each
        wire.send(1, 4, fetch)
    assert not produce(broker, "t", [b"y" * 1000 for _ in range(1000)])
    with open(f"/proc/{broker.process.pid}/statm") as f:
        assert (int(f.read().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE") < 48 << 20
    n = struct.unpack(">i", wire.exactly(4))[0]  # and when it reads, all is there
    assert n > 10_000_000
    wire.exactly(n)
