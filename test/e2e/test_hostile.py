"""Strangers who mean harm: each is answered, closed or held alone, memory stays bounded, the others go on."""
import os
import random
import resource
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib

import pytest
from broker import Broker
from conftest import SANITIZED, SOAK
from raw import Raw

MIB = 1 << 20


@pytest.fixture
def broker(arus, tmp_path):
    started = []

    def make(*properties, **more):
        args = [word for p in properties for word in ("-D", p)]
        started.append(Broker(arus, tmp_path / f"data{len(started)}", *args).start(**more))
        return started[-1]

    yield make
    for b in started:
        assert b.process.poll() is None, "the broker is gone"
        assert b.stop() == 0


def memory(b, what="VmRSS"):
    """Bytes."""
    with open(f"/proc/{b.process.pid}/status", encoding="ascii") as f:
        return int(f.read().split(f"{what}:")[1].split()[0]) << 10


def check_grown(b, before, most, what="VmRSS"):
    """Returns by how many MiB, which must be less than `most` bytes."""
    grown = memory(b, what) - before
    assert grown < (most * 4 + 400 * MIB if SANITIZED else most), f"{grown / MIB:.0f} MiB more"
    return grown >> 20


def cpu_seconds(b):
    with open(f"/proc/{b.process.pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def text(s):
    return struct.pack(">h", len(s)) + s.encode()


def alive(b, topic="alive"):
    """Others do not notice: a record goes there and back within seconds."""
    p = b.producer(message_timeout_ms="20000")
    failed = []
    p.produce(topic, b"x", on_delivery=lambda e, _: failed.append(e))
    assert p.flush(20) == 0 and failed == [None]
    assert b.read(topic, 1)


def fetch(topic, offset=0, most=50 * MIB, partition_most=50 * MIB):
    """Fetch 4 of partition 0."""
    return struct.pack(">iiiibi", -1, 0, 1, most, 0, 1) + text(topic) + struct.pack(">iiqi", 1, 0, offset, partition_most)


def produce(topic, batch, acks=1):
    """Produce 3 to partition 0."""
    return b"\xff\xff" + struct.pack(">hii", acks, 10000, 1) + text(topic) + struct.pack(">iii", 1, 0, len(batch)) + batch


def frame(key, version, body, correlation=7):
    data = struct.pack(">hhi", key, version, correlation) + b"\xff\xff" + body
    return struct.pack(">i", len(data)) + data


# ---- many connections

def rate(b, seconds):
    """Messages a second that a producer gets through, acknowledged."""
    p = b.producer(linger_ms="5")
    done = [0]

    def on_delivery(e, _):
        done[0] += e is None
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            for _ in range(1000):
                p.produce("rate", b"x" * 100, on_delivery=on_delivery)
        except BufferError:
            p.poll(0.01)
        p.poll(0)
    assert p.flush(30) == 0
    return done[0] / (time.monotonic() - begun)


@pytest.mark.alone
def test_idle_connections(broker, pki):
    n, seconds = (10_000, 5) if SOAK else (1_000, 1.5)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < n + 500:
        pytest.skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    b = broker()
    b.create("rate")
    rate(b, 0.5)
    before_rate = rate(b, seconds)
    before = memory(b)
    held = []
    for _ in range(n):
        held.append(Raw(b.ports[0]))
        assert held[-1].call(18, 0, b"") is not None
    each = (memory(b) - before) / n
    with_rate = rate(b, seconds)
    print(f"{n} connections, {each / 1024:.1f} KiB each; {before_rate:.0f} messages/s without, {with_rate:.0f} with")
    assert SANITIZED or each < 64 << 10
    assert with_rate > before_rate / 2
    assert all(s.call(18, 0, b"") is not None for s in held[::100])
    for s in held:
        s.socket.close()
    alive(b)


def test_idle_connections_by_tls(arus, tmp_path, pki):
    n = 2_000 if SOAK else 200
    (tmp_path / "a.properties").write_text(
        f"listeners=SSL://127.0.0.1:0\nlog.dirs={tmp_path / 'data'}\nssl.keystore.location={pki / 'server.pem'}\n")
    with subprocess.Popen([arus, "broker", str(tmp_path / "a.properties")], stdout=subprocess.PIPE, text=True) as process:
        try:
            b = Broker(arus, tmp_path)
            b.process, b.ports = process, [int(process.stdout.readline().rsplit(":", 1)[1])]
            context = ssl.create_default_context(cafile=pki / "ca.pem")
            before, held = memory(b), []
            for _ in range(n):
                raw = Raw(b.ports[0])
                raw.socket = context.wrap_socket(raw.socket, server_hostname="localhost")
                held.append(raw)
                assert raw.call(18, 0, b"") is not None
            each = (memory(b) - before) / n
            print(f"{n} TLS connections, {each / 1024:.1f} KiB each")
            assert SANITIZED or each < 128 << 10
            for s in held:
                s.socket.close()
        finally:
            process.terminate()
            assert process.wait(timeout=20) == 0


@pytest.mark.alone
def test_no_descriptors_left(arus, tmp_path):
    """Who comes then waits; the broker neither spins nor stops serving those who are in."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    limited = tmp_path / "limited"
    limited.write_text(f'#!/bin/sh\nulimit -n 100\nexec "{arus}" "$@"\n')
    limited.chmod(0o755)
    b = Broker(str(limited), tmp_path / "data").start()
    try:
        first = Raw(b.ports[0])
        held = [socket.create_connection(("127.0.0.1", b.ports[0])) for _ in range(200)]
        time.sleep(0.5)
        before = cpu_seconds(b)
        time.sleep(2)
        assert cpu_seconds(b) - before < 0.5
        assert first.call(18, 0, b"") is not None
        for s in held:
            s.close()
        with Raw(b.ports[0]) as s:
            assert s.call(18, 0, b"") is not None
        first.socket.close()
    finally:
        assert b.stop() == 0


# ---- who does not read

def test_who_never_reads(broker):
    clients, asks = (200, 2000) if SOAK else (20, 500)
    b = broker("queued.max.request.bytes=268435456")
    b.create("big")
    p = b.producer(compression_type="none")
    for _ in range(50):
        p.produce("big", os.urandom(900_000))
    assert p.flush(30) == 0
    before = memory(b)
    held = []
    for _ in range(clients):
        s = socket.create_connection(("127.0.0.1", b.ports[0]))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.setblocking(False)
        held.append(s)
    for _ in range(asks):
        for s in held:
            try:
                s.send(frame(1, 4, fetch("big")) + frame(3, 1, struct.pack(">i", -1)))
            except OSError:  # its buffer is full, or it was closed
                pass
    alive(b)
    print(f"{clients} who never read: {check_grown(b, before, 400 * MIB)} MiB more")
    assert len(b.read("big", 50)) == 50
    for s in held:
        s.close()


def test_too_many_in_flight(broker):
    b = broker()
    b.create("t")
    with Raw(b.ports[0]) as s:
        n = 20_000 if SOAK else 5_000
        sender = threading.Thread(target=s.socket.sendall, args=(frame(3, 1, struct.pack(">i", -1)) * n,))
        before = memory(b)
        sender.start()
        time.sleep(1)  # it writes into a wall: nothing more is read until answers are
        check_grown(b, before, 64 * MIB)
        alive(b)
        for _ in range(n):
            assert s.answer() is not None
        sender.join(20)
        assert not sender.is_alive()


# ---- lengths

def test_lengths_that_are_claimed(broker):
    b = broker("queued.max.request.bytes=67108864")
    alive(b)
    before = memory(b)
    for length in (0x7fffffff, 0x80000000, 0xffffffff, 104857601, 0, 1, 7):
        with Raw(b.ports[0]) as s:
            s.socket.sendall(struct.pack(">I", length))
            assert s.closed(), length
    held = [Raw(b.ports[0]) for _ in range(200)]
    for s in held:  # 100 MiB each, but nothing of it comes
        s.socket.sendall(struct.pack(">ihhi", 100 * MIB, 0, 3, 1) + b"\xff\xff" + b"x" * 100)
    alive(b)
    check_grown(b, before, 32 * MIB)
    for s in held:
        s.socket.close()


def test_requests_that_never_end(broker):
    """Much of it comes: whoever makes the broker hold most of its memory is closed."""
    b = broker("queued.max.request.bytes=67108864")
    alive(b)
    before = memory(b)
    held = [Raw(b.ports[0]) for _ in range(20)]
    lost = 0
    for s in held:
        s.socket.settimeout(5)
        try:
            s.socket.sendall(struct.pack(">ihhi", 100 * MIB, 0, 3, 1) + b"\xff\xff" + b"x" * (20 * MIB))
        except (BrokenPipeError, ConnectionResetError):
            lost += 1
    alive(b)
    grown = check_grown(b, before, 200 * MIB, "VmHWM")
    print(f"400 MiB of requests that do not end: {grown} MiB more at the most")
    lost = sum(s.socket.fileno() < 0 or s.closed(0.2) for s in held if not timed_out(s))
    assert lost >= 10
    for s in held:
        s.socket.close()


def test_who_hangs_up_while_a_fetch_waits(broker):
    """What was asked behind it is not begun: a Metadata would make the topic again when its deletion wakes the Fetch."""
    b = broker()
    b.create("gone")
    for behind in (frame(3, 4, struct.pack(">i", 1) + text("gone") + b"\1"), b""):
        s = Raw(b.ports[0])
        waits = struct.pack(">iiiibi", -1, 60000, 1, MIB, 0, 1) + text("gone") + struct.pack(">iiqi", 1, 0, 0, MIB)
        s.socket.sendall(frame(1, 4, waits) + behind)
        time.sleep(0.3)
        s.socket.close()
    time.sleep(0.3)
    a = b.admin()
    a.delete_topics(["gone"])["gone"].result(20)
    time.sleep(0.3)
    assert "gone" not in a.list_topics(timeout=20).topics


def timed_out(s):
    """Whether the connection is still held: there is nothing to read, but it is open."""
    s.socket.settimeout(0.05)
    try:
        s.socket.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    except OSError:
        return False
    return False


# ---- what requests say

def versions(b):
    """API key → its range."""
    with Raw(b.ports[0]) as s:
        answer = s.call(18, 0, b"")
    n = struct.unpack(">i", answer[2:6])[0]
    rows = [struct.unpack(">hhh", answer[6 + 6 * i:12 + 6 * i]) for i in range(n)]
    return {key: (least, most) for key, least, most in rows}


def ask(b, key, version, body, then_end=False):
    """What is answered; None: the connection was closed."""
    with Raw(b.ports[0]) as s:
        s.socket.settimeout(30)
        try:
            s.socket.sendall(frame(key, version, body))
            if then_end:
                s.socket.shutdown(socket.SHUT_WR)
            return s.answer()
        except (BrokenPipeError, ConnectionResetError):
            return None


def test_counts_and_texts_that_lie(broker):
    b = broker()
    apis = versions(b)
    before = memory(b)
    rng = random.Random(4)
    bodies = [b"\x7f\xff\xff\xff" * 8, b"\xff" * 40, b"\xff\xff\xff\xff\x07" * 8, b"\x7f\xff" * 20, b"\0" * 64, b"",
              b"\0\0\0\1" + b"\x7f\xff\xff\xff" * 8, b"\0\x01a" + b"\x7f\xff\xff\xff" * 8]
    for key, (least, most) in apis.items():
        for version in {least, most, (least + most) // 2, most + 1}:
            for body in bodies + [rng.randbytes(rng.randrange(1, 200)) for _ in range(20 if SOAK else 3)]:
                ask(b, key, version, body, then_end=True)
    check_grown(b, before, 64 * MIB)
    alive(b)


def test_requests_that_ask_for_too_much(broker):
    """The same thing many times: an answer that would not fit in memory is none."""
    b = broker("auto.create.topics.enable=false")
    b.create("t", 100)
    b.create("alive")
    with Raw(b.ports[0]) as s:  # a group that can be described
        assert s.call(8, 2, text("g") + struct.pack(">i", -1) + text("") + struct.pack(">qi", -1, 1) + text("t")
                      + struct.pack(">iiq", 1, 0, 5) + text("x" * 4000)) is not None
    before = memory(b)
    many = 200_000

    def times(item, n=many):
        return struct.pack(">i", n) + item * n
    asks = {
        "Metadata of one topic": (3, 1, times(text("t"))),
        "Metadata of nothing": (3, 1, times(text(""), 3_000_000)),
        "DescribeConfigs": (32, 1, times(b"\x02" + text("t") + b"\xff\xff\xff\xff") + b"\1"),
        "AlterConfigs": (33, 0, times(b"\x02" + text("t") + b"\0\0\0\0", 20_000) + b"\1"),
        "IncrementalAlterConfigs": (44, 0, times(b"\x02" + text("t") + b"\0\0\0\0", 20_000) + b"\1"),
        "DescribeGroups": (15, 0, times(text("g"))),
        "OffsetFetch": (9, 1, text("g") + times(text("t") + struct.pack(">ii", 1, 0))),
        "Fetch of topics that differ": (1, 4, struct.pack(">iiiibi", -1, 0, 1, MIB, 0, 60_000) + b"".join(
            text(f"t{i % 7}") + struct.pack(">iiqi", 1, 0, 0, 100) for i in range(60_000))),
        "a session of long names": (1, 7, struct.pack(">iiiibiii", -1, 0, 1, MIB, 0, 0, 0, 1) + text("x" * 32000)
                                    + times(struct.pack(">iqqi", 1, 0, 0, 100), 100_000) + b"\0\0\0\0"),
        "FindCoordinator": (10, 1, text("g") + b"\0"),
        "ListOffsets": (2, 1, struct.pack(">i", -1) + times(text("t") + struct.pack(">iiq", 1, 0, -1))),
        "DescribeProducers": (61, 0, b"\x02\x02t" + b"\xc1\x84\x3d" + b"\0\0\0\0" * 1_000_000 + b"\0\0"),
        "DeleteRecords": (21, 0, times(text("u") + struct.pack(">iiq", 1, 0, 0)) + b"\0\0\0\1"),
        "CreateTopics": (19, 2, times(text("") + struct.pack(">ihii", 1, 1, 0, 0)) + b"\0\0\0\1\1"),
        "DescribeTransactions": (65, 0, b"\xc1\x84\x3d" + b"\x02x" * 1_000_000 + b"\0"),
    }
    for name, (key, version, body) in asks.items():
        begun = time.monotonic()
        answer = ask(b, key, version, body)
        assert b.process.poll() is None, name
        print(f"{name}: {len(body)} bytes, {len(answer) if answer else 'no'} bytes of answer, "
              f"{time.monotonic() - begun:.2f} s, {(memory(b, 'VmHWM') - before) / MIB:.0f} MiB at the most")
    check_grown(b, before, 500 * MIB, "VmHWM")
    alive(b)


# ---- batches that unpack to more

def varint(n):
    n, out = (n << 1) ^ (n >> 63), b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


CRC32C = []
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = _c >> 1 ^ (0x82f63b78 if _c & 1 else 0)
    CRC32C.append(_c)


def crc32c(data):
    c = 0xffffffff
    for byte in data:
        c = CRC32C[(c ^ byte) & 255] ^ c >> 8
    return c ^ 0xffffffff


def batch(codec, compressed, count=1):
    tail = struct.pack(">hiqqqhii", codec, count - 1, 1000, 1000, -1, -1, -1, count) + compressed
    return struct.pack(">qiibI", 0, 9 + len(tail), 0, 2, crc32c(tail)) + tail


def one_record(value_bytes):
    rest = b"\0" + varint(0) + varint(0) + varint(-1) + varint(value_bytes)
    return varint(len(rest) + value_bytes + 1) + rest, b"\0"


def packed(codec, n):
    """One record of n zero bytes."""
    lz4, snappy, zstandard = (pytest.importorskip(m) for m in ("lz4.frame", "snappy", "zstandard"))
    head, tail = one_record(n)
    if codec == 1:
        z = zlib.compressobj(9, wbits=31)
        return z.compress(head) + b"".join(z.compress(bytes(MIB)) for _ in range(n // MIB)) + z.compress(tail) + z.flush()
    whole = head + bytes(n) + tail
    if codec == 2:
        blocks = [snappy.compress(whole[i:i + 65536]) for i in range(0, len(whole), 65536)]
        return b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + b"".join(struct.pack(">i", len(x)) + x for x in blocks)
    return lz4.compress(whole) if codec == 3 else zstandard.compress(whole)


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_bombs(broker, codec):
    b = broker("message.max.bytes=20000000")
    b.create("bomb")
    alive(b)
    before = memory(b)
    for n, taken in ((48 * MIB, True), (80 * MIB, False), (400 * MIB, False)):
        data = packed(codec, n)
        version = 3 if codec < 4 else 7
        with Raw(b.ports[0]) as s:
            answer = s.call(0, version, produce("bomb", batch(codec, data)))
        code = struct.unpack(">h", answer[4 + 2 + 4 + 4 + 4:][:2])[0]
        assert code == (0 if taken else 10), (n, code)  # MESSAGE_TOO_LARGE
    grown = check_grown(b, before, 300 * MIB, "VmHWM")
    print(f"codec {codec}: {len(data)} bytes unpack to {n}; {grown} MiB more at the most")
    before = memory(b)
    with Raw(b.ports[0]) as s:  # it is fetched as it lies there: nobody unpacks it for a reader
        answer = s.call(1, 4 if codec < 4 else 10, fetch("bomb") if codec < 4 else struct.pack(
            ">iiiibiii", -1, 0, 1, 50 * MIB, 0, 0, -1, 1) + text("bomb") + struct.pack(
                ">iiiqqi", 1, 0, -1, 0, 0, 50 * MIB) + b"\0\0\0\0")
    assert len(answer) < 20 * MIB
    check_grown(b, before, 64 * MIB)
    alive(b)


@pytest.mark.parametrize("codec", [1, 4])
def test_a_bomb_before_a_query(arus, tmp_path, codec):
    """It is in the log, and SQL reads the topic."""
    b = Broker(arus, tmp_path / "data").start()
    b.create("bomb")
    with Raw(b.ports[0]) as s:
        assert s.call(0, 7, produce("bomb", batch(codec, packed(codec, 48 * MIB)))) is not None
    p = b.producer()
    p.produce("bomb", b'{"A": 7}')
    assert p.flush(10) == 0
    assert b.stop() == 0
    (tmp_path / "a.sql").write_text(
        "SET 'auto.offset.reset'='earliest';\n"
        "CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='bomb', VALUE_FORMAT='JSON');\n"
        "CREATE STREAM T AS SELECT A + 1 AS B FROM S EMIT CHANGES;\n")
    (tmp_path / "a.properties").write_text("ksql.queries.file=a.sql\n")
    run = subprocess.run(
        ["sh", "-c", f'ulimit -v {"unlimited" if SANITIZED else 4000000}; exec "$@"', "sh", arus, "up", str(tmp_path / "a.properties"),
         "--data", str(tmp_path / "data"), "--until-idle", "500ms"], capture_output=True, text=True, timeout=60,
        check=False)
    assert run.returncode == 0, run.stderr
    b = Broker(arus, tmp_path / "data").start()
    assert [m.value() for m in b.read("T", 1)] == [b'{"B":8}']
    assert b.stop() == 0


# ---- noise

def test_noise(arus, tmp_path, pki):
    (tmp_path / "a.properties").write_text(
        "listeners=PLAIN://127.0.0.1:0,SASL://127.0.0.1:0,TLS://127.0.0.1:0\n"
        "listener.security.protocol.map=PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL\n"
        f"log.dirs={tmp_path / 'data'}\nssl.keystore.location={pki / 'server.pem'}\nsasl.enabled.mechanisms=PLAIN\n"
        "authentication.timeout.ms=2000\n"
        "listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
        'user_alice="alice-secret";\n')
    b = Broker(arus, tmp_path)
    b.process = subprocess.Popen([arus, "broker", str(tmp_path / "a.properties")], stdout=subprocess.PIPE, text=True)
    b.ports = [int(b.process.stdout.readline().rsplit(":", 1)[1]) for _ in range(3)]
    rng = random.Random(11)
    hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=pki / "ca.pem").wrap_bio(*hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = hello[1].read()
    noises = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", hello, hello[:40], b"\x16\x03\x01\xff\xff" + b"x" * 70000,
              b"\x15\x03\x03\0\x02\x02\x28", frame(3, 1, b"\xff\xff\xff\xff"), frame(18, 0, b""), b"\0" * 1000,
              b"\x80\x2e\x01\x03\x01", hello[:60] + rng.randbytes(len(hello) - 60)]
    noises += [rng.randbytes(rng.randrange(1, 3000)) for _ in range(200 if SOAK else 40)]
    try:
        before = memory(b)
        for port in b.ports:
            for noise in noises:
                with Raw(port) as s:
                    try:
                        s.socket.sendall(noise)
                        s.socket.shutdown(socket.SHUT_WR)
                        while s.socket.recv(65536):
                            pass
                    except OSError as e:  # it was closed on us
                        assert not isinstance(e, TimeoutError)
        check_grown(b, before, 32 * MIB)
        with Raw(b.ports[1]) as s:
            assert s.plain("alice", "alice-secret")[:2] == b"\0\0"
        alive(b)
    finally:
        b.process.terminate()
        assert b.process.wait(timeout=20) == 0
        b.process.stdout.close()
