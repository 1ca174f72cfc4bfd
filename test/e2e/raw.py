"""Kafka's protocol by hand: what no client would send."""
import socket
import struct


class Raw:
    """A connection on which requests are made by hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def frame(self, data):
        self.socket.sendall(struct.pack(">i", len(data)) + data)

    def read(self, n):
        data = b""
        while len(data) < n:
            try:
                got = self.socket.recv(n - len(data))
            except ConnectionResetError:
                return None
            if not got:
                return None
            data += got
        return data

    def answer(self):
        head = self.read(4)
        return None if head is None else self.read(struct.unpack(">i", head)[0])

    def call(self, key, version, body):
        """The answer behind its correlation id; None: the connection was closed."""
        try:
            self.frame(struct.pack(">hhi", key, version, 7) + b"\xff\xff" + body)
            answer = self.answer()
        except (BrokenPipeError, ConnectionResetError):
            return None
        return None if answer is None else answer[4:]

    def handshake(self, mechanism, version=1):
        return self.call(17, version, struct.pack(">h", len(mechanism)) + mechanism.encode())

    def authenticate(self, token, version=1):
        return self.call(36, version, struct.pack(">i", len(token)) + token)

    def plain(self, user, password):
        assert self.handshake("PLAIN")[:2] == b"\0\0"
        return self.authenticate(f"\0{user}\0{password}".encode())

    def closed(self, within=10):
        self.socket.settimeout(within)
        return self.read(1) is None


class Wire(Raw):
    """The same, with what is sent and what comes apart; who hangs up is an error."""

    def send(self, key, version, body, correlation=1, header=b"\0\1c"):
        self.frame(struct.pack(">hhi", key, version, correlation) + header + body)

    def receive(self):
        return self.exactly(struct.unpack(">i", self.exactly(4))[0])

    def exactly(self, n):
        data = self.read(n)
        if data is None:
            raise ConnectionError("closed")
        return data


def compact(s):
    """A text as flexible versions have it."""
    return struct.pack("B", len(s) + 1) + s.encode()
