"""The broker's security, by real clients: TLS, SASL, access lists, quotas, and what strangers send."""
import socket
import ssl
import struct
import subprocess
import time

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient,
                                   AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourcePatternType,
                                   ResourceType, ScramCredentialInfo, ScramMechanism, UserScramCredentialDeletion,
                                   UserScramCredentialUpsertion)
from raw import Raw

PLAIN_JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="admin-secret" ' \
             'user_alice="alice-secret" user_bob="bob-secret";'
SCRAM_JAAS = 'org.apache.kafka.common.security.scram.ScramLoginModule required user_admin="admin-secret";'


class Broker:
    """`arus broker` with listeners by name; ports are those the system chose."""

    def __init__(self, program, folder, listeners, properties=""):
        self.program, self.folder, self.names = program, folder, list(listeners)
        kinds = ",".join(f"{name}:{kind}" for name, kind in listeners.items())
        hosts = ",".join(f"{name}://127.0.0.1:0" for name in listeners)
        (folder / "server.properties").write_text(
            f"listeners={hosts}\nlistener.security.protocol.map={kinds}\n"
            f"log.dirs={folder / 'data'}\n{properties}")
        self.start()

    def start(self):
        self.log = open(self.folder / "stderr", "ab")
        self.process = subprocess.Popen([self.program, "broker", str(self.folder / "server.properties")],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        lines = [self.process.stdout.readline() for _ in self.names]
        assert all(line.startswith("ready broker 127.0.0.1:") for line in lines), self.stderr()
        self.address = {name: line.split()[-1] for name, line in zip(self.names, lines)}

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0
        self.log.close()

    def stderr(self):
        return (self.folder / "stderr").read_text()

    def port(self, name):
        return int(self.address[name].rsplit(":", 1)[1])

    def conf(self, name, **more):
        return {"bootstrap.servers": self.address[name], "socket.timeout.ms": 5000,
                "log_level": 0, **{k.replace("_", "."): v for k, v in more.items()}}


@pytest.fixture
def broker(arus, tmp_path):
    started = []

    def make(listeners, properties=""):
        started.append(Broker(arus, tmp_path, listeners, properties))
        return started[-1]

    yield make
    for b in started:
        if b.process.poll() is None:
            b.stop()


def tls(pki, client=None, **more):
    conf = {"security.protocol": "ssl", "ssl.ca.location": str(pki / "ca.pem"), **more}
    if client:
        conf |= {"ssl.certificate.location": str(pki / f"{client}.crt"), "ssl.key.location": str(pki / f"{client}.key")}
    return conf


def sasl(user, password, mechanism="PLAIN", **more):
    return {"security.protocol": "sasl_plaintext", "sasl.mechanism": mechanism, "sasl.username": user,
            "sasl.password": password, **more}


def make_topic(conf, name, partitions=1):
    admin = AdminClient(conf)
    admin.create_topics([NewTopic(name, partitions)])[name].result(10)


def round_trip(conf, topic, n=100):
    """Records there and back; raises what the client says."""
    failed = []
    p = Producer({**conf, "message.timeout.ms": 8000})
    for i in range(n):
        p.produce(topic, f"v{i}", on_delivery=lambda e, _: failed.append(e) if e else None)
    p.flush(10)
    if failed:
        raise KafkaException(failed[0])
    c = Consumer({**conf, "group.id": f"g-{topic}", "auto.offset.reset": "earliest"})
    c.subscribe([topic])
    got = 0
    until = time.monotonic() + 20
    try:
        while got < n and time.monotonic() < until:
            for m in c.consume(n, timeout=0.5):
                if m.error():
                    raise KafkaException(m.error())
                got += 1
    finally:
        c.close()
    assert got == n


def refused(conf):
    """The code with which a client that cannot get in says so."""
    seen = []
    p = Producer({**conf, "error_cb": lambda e: seen.append(e.code())})
    until = time.monotonic() + 10
    while time.monotonic() < until and not seen:
        p.poll(0.1)
    return seen[0] if seen else None


# ---- TLS

def test_tls(broker, pki):
    b = broker({"SSL": "SSL", "P12": "SSL"}, f"ssl.keystore.location={pki / 'server.pem'}\n")
    conf = b.conf("SSL") | tls(pki)
    make_topic(conf, "t")
    round_trip(conf, "t", 5000)
    assert refused(b.conf("SSL") | tls(pki) | {"ssl.ca.location": str(pki / "stranger-ca.pem")}) in \
        (KafkaError._SSL, KafkaError._TRANSPORT)
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", b.port("SSL"))) as raw, \
            context.wrap_socket(raw, server_hostname="localhost") as s:
        assert s.version() == "TLSv1.2"


def test_a_clients_certificate_is_its_name(broker, pki):
    b = broker({"IN": "SSL"},
               f"ssl.keystore.location={pki / 'server.pem'}\nssl.truststore.location={pki / 'ca.pem'}\n"
               "listener.name.in.ssl.client.auth=required\n"
               "ssl.principal.mapping.rules=RULE:^CN=([a-z]+),O=Arus,C=ID$/$1/\n")
    conf = b.conf("IN") | tls(pki, "client")
    make_topic(conf, "t")
    round_trip(conf, "t")
    assert refused(b.conf("IN") | tls(pki)) is not None
    assert refused(b.conf("IN") | tls(pki, "stranger")) is not None
    assert refused(b.conf("IN") | tls(pki, "server")) is not None  # no rule makes a user of it


# ---- SASL

def test_sasl_plain(broker, pki):
    b = broker({"CLEAR": "SASL_PLAINTEXT", "SAFE": "SASL_SSL"},
               f"ssl.keystore.location={pki / 'server.pem'}\nsasl.enabled.mechanisms=PLAIN\n"
               f"listener.name.clear.plain.sasl.jaas.config={PLAIN_JAAS}\n"
               f"listener.name.safe.plain.sasl.jaas.config={PLAIN_JAAS}\n")
    conf = b.conf("SAFE") | tls(pki) | sasl("alice", "alice-secret") | {"security.protocol": "sasl_ssl"}
    make_topic(conf, "t")
    round_trip(conf, "t")
    round_trip(b.conf("CLEAR") | sasl("bob", "bob-secret"), "t", 10)
    for user, password in (("alice", "bob-secret"), ("nobody", "x"), ("alice", "")):
        if password:
            assert refused(b.conf("CLEAR") | sasl(user, password)) == KafkaError._AUTHENTICATION
    assert refused(b.conf("CLEAR") | sasl("alice", "x", "SCRAM-SHA-256")) == KafkaError._AUTHENTICATION
    assert "alice-secret" not in b.stderr() and "bob-secret" not in b.stderr()


def test_scram_users_are_made_changed_and_kept(broker):
    b = broker({"IN": "SASL_PLAINTEXT"},
               "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512\n"
               f"listener.name.in.scram-sha-512.sasl.jaas.config={SCRAM_JAAS}\n")
    conf = b.conf("IN") | sasl("admin", "admin-secret", "SCRAM-SHA-512")
    admin = AdminClient(conf)
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion(
            "alice", ScramCredentialInfo(mechanism, 8192), b"alice-secret")])["alice"].result(10)
    described = admin.describe_user_scram_credentials(["alice"])["alice"].result(10)
    assert [i.iterations for i in described.scram_credential_infos] == [8192, 8192]
    with pytest.raises(KafkaException) as e:
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion(
            "bob", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4095), b"x")])["bob"].result(10)
    assert e.value.args[0].code() == KafkaError.UNACCEPTABLE_CREDENTIAL
    b.stop()
    b.start()
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        conf = b.conf("IN") | sasl("alice", "alice-secret", mechanism)
        if mechanism == "SCRAM-SHA-256":
            make_topic(conf, "t")
        round_trip(conf, "t", 100)
        assert refused(b.conf("IN") | sasl("alice", "wrong", mechanism)) == KafkaError._AUTHENTICATION
        assert refused(b.conf("IN") | sasl("eve", "wrong", mechanism)) == KafkaError._AUTHENTICATION
        # the same group of records has been read: the next mechanism starts a new topic
        admin = AdminClient(conf)
        admin.delete_topics(["t"])["t"].result(10)
        make_topic(conf, "t")
    admin = AdminClient(b.conf("IN") | sasl("admin", "admin-secret", "SCRAM-SHA-512"))
    admin.alter_user_scram_credentials([UserScramCredentialDeletion(
        "alice", ScramMechanism.SCRAM_SHA_256)])["alice"].result(10)
    assert refused(b.conf("IN") | sasl("alice", "alice-secret", "SCRAM-SHA-256")) == KafkaError._AUTHENTICATION
    data = b"".join(p.read_bytes() for p in b.folder.rglob("*") if p.is_file() and p.name != "server.properties")
    assert b"alice-secret" not in data


@pytest.mark.alone
def test_a_session_must_be_renewed(broker):
    b = broker({"IN": "SASL_PLAINTEXT"},
               "sasl.enabled.mechanisms=PLAIN\nconnections.max.reauth.ms=1500\n"
               f"listener.name.in.plain.sasl.jaas.config={PLAIN_JAAS}\n")
    conf = b.conf("IN") | sasl("alice", "alice-secret")
    make_topic(conf, "t")
    failed = []
    p = Producer(conf)
    for _ in range(40):
        p.produce("t", "x", on_delivery=lambda e, _: failed.append(e) if e else None)
        p.poll(0.1)
    assert p.flush(10) == 0 and not failed
    with Raw(b.port("IN")) as s:  # who does not renew is cut off
        s.plain("alice", "alice-secret")
        assert s.call(3, 0, b"\0\0\0\0") is not None
        time.sleep(1.8)
        assert s.call(3, 0, b"\0\0\0\0") is None


# ---- what strangers send

@pytest.mark.alone
def test_who_has_not_said_who_it_is(broker):
    b = broker({"IN": "SASL_PLAINTEXT"},
               "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\nauthentication.timeout.ms=1500\n"
               f"listener.name.in.plain.sasl.jaas.config={PLAIN_JAAS}\n")
    port = b.port("IN")
    with Raw(port) as s:  # nothing but ApiVersions and SASL
        assert s.call(18, 0, b"")[:2] == b"\0\0"
        assert s.call(3, 0, b"\0\0\0\0") is None
    with Raw(port) as s:  # a large request, and one that only claims to be
        s.socket.sendall(struct.pack(">i", 1 << 20))
        assert s.closed()
    with Raw(port) as s:
        s.socket.sendall(struct.pack(">i", 0x7fffffff))
        assert s.closed()
    with Raw(port) as s:  # silence, or half a request
        s.socket.sendall(b"\0\0\0\x20\0\x11")
        begun = time.monotonic()
        assert s.closed(6) and 1 < time.monotonic() - begun < 5
    with Raw(port) as s:  # out of order
        assert s.authenticate(b"\0alice\0alice-secret")[:2] == struct.pack(">h", 34)
        assert s.handshake("GSSAPI")[:2] == struct.pack(">h", 33)
        assert s.handshake("PLAIN")[:2] == b"\0\0"
        assert s.handshake("PLAIN")[:2] == struct.pack(">h", 34)
    with Raw(port) as s:  # wrong: an error after a while, then the end
        begun = time.monotonic()
        assert s.plain("alice", "x")[:2] == struct.pack(">h", 58)
        assert time.monotonic() - begun >= 0.1 and s.closed()
    for token in (b"", b"\0", b"\0\0", b"alice", b"bob\0alice\0alice-secret", b"\0alice\0alice-secret\0", b"\xff" * 500):
        with Raw(port) as s:
            s.handshake("PLAIN")
            assert s.authenticate(token)[:2] == struct.pack(">h", 58) and s.closed()
    for token in (b"", b"n,,", b"n,,n=x,r=", b"n,," * 1000, b"\xff" * 500):
        with Raw(port) as s:
            s.handshake("SCRAM-SHA-256")
            assert s.authenticate(token)[:2] == struct.pack(">h", 58) and s.closed()
    with Raw(port) as s:  # the oldest way: tokens without a request around them
        assert s.handshake("PLAIN", 0)[:2] == b"\0\0"
        s.frame(b"\0bob\0bob-secret")
        assert s.answer() == b"" and s.call(3, 0, b"\0\0\0\0") is not None
    with Raw(port) as s:
        assert s.handshake("PLAIN", 0)[:2] == b"\0\0"
        s.frame(b"\0bob\0x")
        assert s.closed()


def test_a_thousand_who_never_finish(broker, pki):
    b = broker({"TLS": "SSL", "IN": "SASL_PLAINTEXT"},
               f"ssl.keystore.location={pki / 'server.pem'}\nsasl.enabled.mechanisms=PLAIN\n"
               f"listener.name.in.plain.sasl.jaas.config={PLAIN_JAAS}\nauthentication.timeout.ms=4000\n")
    held = [socket.create_connection(("127.0.0.1", b.port(name))) for name in ("TLS", "IN") for _ in range(500)]
    for s in held[:500]:
        s.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a hello
    for s in held[500:]:
        s.sendall(struct.pack(">i", 60000) + b"\0\x11\0\x01" + b"x" * 1000)
    conf = b.conf("IN") | sasl("alice", "alice-secret")
    make_topic(conf, "t")
    round_trip(conf, "t")  # others do not notice
    status = open(f"/proc/{b.process.pid}/status", encoding="ascii").read()
    assert int(status.split("VmRSS:")[1].split()[0]) < 200 << 10
    time.sleep(4)
    assert all(s.recv(100) == b"" or True for s in held[500:510])
    for s in held:
        s.settimeout(5)
        try:
            while s.recv(1000):
                pass
        except ConnectionResetError:
            pass
        s.close()


# ---- access lists

ANY_ACL = b"\1\xff\xff\1\xff\xff\xff\xff\1\1"
AUTHORIZER = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nsuper.users=User:admin\n"


@pytest.fixture
def guarded(broker):
    return broker({"IN": "SASL_PLAINTEXT"}, AUTHORIZER + "sasl.enabled.mechanisms=PLAIN\n"
                  f"listener.name.in.plain.sasl.jaas.config={PLAIN_JAAS}\n")


def user(b, name):
    return b.conf("IN") | sasl(name, f"{name}-secret")


def allow(admin, *rules, permission=AclPermissionType.ALLOW):
    for kind, name, pattern, principal, operation in rules:
        rule = AclBinding(kind, name, pattern, principal, "*", operation, permission)
        admin.create_acls([rule])[rule].result(10)


def code_of(f):
    with pytest.raises(KafkaException) as e:
        f()
    return e.value.args[0].code()


def test_access_lists(guarded):
    b, literal, prefixed = guarded, ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
    admin, alice = AdminClient(user(b, "admin")), AdminClient(user(b, "alice"))
    for t in ("orders", "secret"):
        make_topic(user(b, "admin"), t)
    # nothing is allowed, and what may not be described is not seen
    assert alice.list_topics(timeout=10).topics == {}
    assert alice.list_topics("orders", timeout=10).topics["orders"].error.code() == \
        KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert code_of(lambda: round_trip(user(b, "alice"), "orders", 1)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert code_of(lambda: make_topic(user(b, "alice"), "mine")) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    everything = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
                                  AclPermissionType.ANY)
    with Raw(b.port("IN")) as s:  # confluent-kafka does not tell these codes
        s.plain("alice", "alice-secret")
        assert s.call(29, 1, ANY_ACL)[4:6] == struct.pack(">h", 31)
        assert s.call(30, 1, b"\0\0\0\1\2\0\1t\3\0\6User:a\0\1*\2\3")[8:10] == struct.pack(">h", 31)
    # a writer, a reader
    allow(admin, (ResourceType.TOPIC, "ord", prefixed, "User:alice", AclOperation.WRITE))
    assert list(alice.list_topics(timeout=10).topics) == ["orders"]
    assert code_of(lambda: round_trip(user(b, "alice"), "orders", 1)) == KafkaError.GROUP_AUTHORIZATION_FAILED
    allow(admin, (ResourceType.GROUP, "*", literal, "User:alice", AclOperation.READ))
    assert code_of(lambda: round_trip(user(b, "alice"), "orders", 1)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    allow(admin, (ResourceType.TOPIC, "orders", literal, "User:*", AclOperation.READ))
    round_trip(user(b, "alice"), "orders", 3)
    # a transactional id
    assert code_of(lambda: Producer({**user(b, "alice"), "transactional.id": "x"}).init_transactions(5)) == \
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    # a rule that denies takes effect at once on connections that are open
    p, failed = Producer(user(b, "alice")), []
    p.produce("orders", "x", on_delivery=lambda e, _: failed.append(e))
    p.flush(10)
    allow(admin, (ResourceType.TOPIC, "orders", literal, "User:alice", AclOperation.WRITE),
          permission=AclPermissionType.DENY)
    p.produce("orders", "x", on_delivery=lambda e, _: failed.append(e))
    p.flush(10)
    assert failed[0] is None and failed[1].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    # they are kept
    rules = {str(r) for r in admin.describe_acls(everything).result(10)}
    assert len(rules) == 4
    b.stop()
    b.start()
    admin = AdminClient(user(b, "admin"))
    assert {str(r) for r in admin.describe_acls(everything).result(10)} == rules
    fits = AclBindingFilter(ResourceType.TOPIC, "orders", ResourcePatternType.MATCH, "User:alice", None,
                            AclOperation.ANY, AclPermissionType.ANY)
    assert len(admin.delete_acls([fits])[fits].result(10)) == 2
    assert len(admin.describe_acls(everything).result(10)) == 2


def test_what_may_not_be_asked(guarded):
    """What each kind of request says to who may nothing."""
    b = guarded
    make_topic(user(b, "admin"), "t")
    alice = AdminClient(user(b, "alice"))
    topic, broker_1 = ConfigResource("topic", "t"), ConfigResource("broker", "1")
    assert code_of(lambda: alice.describe_configs([topic])[topic].result(10)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert code_of(lambda: alice.describe_configs([broker_1])[broker_1].result(10)) == \
        KafkaError.CLUSTER_AUTHORIZATION_FAILED
    topic.add_incremental_config(ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET))
    assert code_of(lambda: alice.incremental_alter_configs([topic])[topic].result(10)) == \
        KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert code_of(lambda: alice.delete_topics(["t"])["t"].result(10)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert code_of(lambda: alice.delete_consumer_groups(["g"])["g"].result(10)) == \
        KafkaError.GROUP_AUTHORIZATION_FAILED
    assert alice.list_groups(timeout=10) == []
    admin = AdminClient(user(b, "admin"))
    described = admin.describe_cluster(include_authorized_operations=True).result(10)
    assert len(described.authorized_operations) == 7
    assert not alice.describe_cluster(include_authorized_operations=True).result(10).authorized_operations


def test_without_an_authorizer(broker):
    b = broker({"PLAINTEXT": "PLAINTEXT"})
    with Raw(b.port("PLAINTEXT")) as s:
        assert s.call(29, 1, ANY_ACL)[4:6] == struct.pack(">h", 54)
        assert s.handshake("PLAIN")[:2] == struct.pack(">h", 34)


# ---- quotas

def text(s):
    return b"\xff\xff" if s is None else struct.pack(">h", len(s)) + s.encode()


def set_quota(raw, entity, **values):
    """AlterClientQuotas 0; None removes. The error's code."""
    body = struct.pack(">ii", 1, len(entity)) + b"".join(text(k) + text(v) for k, v in entity.items())
    body += struct.pack(">i", len(values))
    for key, value in values.items():
        body += text(key) + struct.pack(">d?", value or 0, value is None)
    return struct.unpack(">h", raw.call(49, 0, body + b"\0")[8:10])[0]


def quotas(raw, *components, strict=False):
    """DescribeClientQuotas 0: what is between its first error and the end."""
    body = struct.pack(">i", len(components)) + b"".join(
        text(k) + struct.pack(">b", how) + text(name) for k, how, name in components)
    return raw.call(48, 0, body + struct.pack(">?", strict))[8:]


def produce_for(conf, topic, n_bytes):
    """Seconds that it takes, and the longest wait that the broker told."""
    waits = [0]
    p = Producer({**conf, "linger.ms": 5, "batch.size": 20000, "throttle_cb": lambda e: waits.append(e.throttle_time)})
    begun = time.monotonic()
    for _ in range(n_bytes // 10000):
        p.produce(topic, b"x" * 10000)
        p.poll(0)
    assert p.flush(30) == 0
    return time.monotonic() - begun, max(waits)


@pytest.mark.alone
def test_quotas(broker):
    b = broker({"IN": "SASL_PLAINTEXT"}, AUTHORIZER + "sasl.enabled.mechanisms=PLAIN\nquota.window.num=2\n"
               "allow.everyone.if.no.acl.found=true\n"
               f"listener.name.in.plain.sasl.jaas.config={PLAIN_JAAS}\n")
    make_topic(user(b, "admin"), "t")
    with Raw(b.port("IN")) as s:
        s.plain("admin", "admin-secret")
        assert set_quota(s, {"user": "alice"}, producer_byte_rate=300_000, consumer_byte_rate=300_000) == 0
        assert set_quota(s, {"user": "alice", "client-id": "fast"}, producer_byte_rate=1e9) == 0
        assert set_quota(s, {"client-id": None}, request_percentage=1000) == 0
        for entity, values in (({"user": "x"}, {"no_such": 1}), ({"user": "x"}, {"producer_byte_rate": -1}),
                               ({"ip": "1.2.3.4", "user": "x"}, {"connection_creation_rate": 1}), ({}, {}),
                               ({"user": "x"}, {"connection_creation_rate": 1}), ({"what": "x"}, {})):
            assert set_quota(s, entity, **values) == 42
        assert struct.unpack(">i", quotas(s)[:4])[0] == 3
        assert struct.unpack(">i", quotas(s, ("user", 0, "alice"))[:4])[0] == 2
        assert struct.unpack(">i", quotas(s, ("user", 0, "alice"), strict=True)[:4])[0] == 1
        assert struct.unpack(">i", quotas(s, ("client-id", 1, None))[:4])[0] == 1
    b.stop()
    b.start()
    took, wait = produce_for(user(b, "alice"), "t", 1_200_000)
    assert took > 2 and wait > 0
    for name, more in (("bob", {}), ("alice", {"client.id": "fast"})):
        took, wait = produce_for(user(b, name) | more, "t", 1_200_000)
        assert took < 1.5 and wait == 0
    begun = time.monotonic()
    c = Consumer({**user(b, "alice"), "group.id": "g", "auto.offset.reset": "earliest",
                  "max.partition.fetch.bytes": 100_000})
    c.subscribe(["t"])
    got = 0
    while got < 120:
        got += len(c.consume(100, timeout=1))
    c.close()
    assert time.monotonic() - begun > 2
    with Raw(b.port("IN")) as s:  # and when it is gone, nobody waits
        s.plain("admin", "admin-secret")
        assert set_quota(s, {"user": "alice"}, producer_byte_rate=None, consumer_byte_rate=None) == 0
    took, wait = produce_for(user(b, "alice"), "t", 1_200_000)
    assert took < 1.5 and wait == 0


def create_code(raw, name, partitions):
    """CreateTopics 6: throttle_time_ms and the topic's error code."""
    topic = bytes([len(name) + 1]) + name.encode() + struct.pack(">ih", partitions, 1) + b"\1\1\0"
    answer = raw.call(19, 6, b"\0" + b"\2" + topic + struct.pack(">i?", 5000, False) + b"\0")
    throttle_ms, _, length = struct.unpack(">iBB", answer[1:7])  # behind the header's tagged fields
    return throttle_ms, struct.unpack(">h", answer[6 + length:8 + length])[0]


@pytest.mark.alone
def test_a_quota_of_changes_refuses_what_is_beyond(broker):
    b = broker({"PLAINTEXT": "PLAINTEXT"}, "quota.window.num=2\n")
    with Raw(b.port("PLAINTEXT")) as s:
        assert set_quota(s, {"client-id": None}, controller_mutation_rate=5) == 0
        throttle_ms, code = create_code(s, "much", 20)  # the first may go beyond it, those behind may not
        assert throttle_ms > 1000 and code == 0
    with Raw(b.port("PLAINTEXT")) as s:
        throttle_ms, code = create_code(s, "more", 1)
        assert throttle_ms > 0 and code == 89
    with Raw(b.port("PLAINTEXT")) as s:
        assert set_quota(s, {"client-id": None}, controller_mutation_rate=None) == 0
        assert create_code(s, "more", 1) == (0, 0)


@pytest.mark.alone
def test_addresses_have_so_many_connections(broker):
    b = broker({"PLAINTEXT": "PLAINTEXT"}, "max.connections.per.ip=1\nmax.connections.per.ip.overrides=127.0.0.1:3\n"
               "quota.window.num=2\n")
    held = [Raw(b.port("PLAINTEXT")) for _ in range(3)]
    assert all(s.call(18, 0, b"") is not None for s in held)
    with Raw(b.port("PLAINTEXT")) as s:
        assert s.closed()
    held.pop().socket.close()
    time.sleep(0.2)
    with Raw(b.port("PLAINTEXT")) as s:
        assert s.call(18, 0, b"") is not None
    assert set_quota(held[0], {"ip": None}, connection_creation_rate=2) == 0
    held.pop().socket.close()
    time.sleep(0.2)
    alive = 0
    for _ in range(6):
        with Raw(b.port("PLAINTEXT")) as s:
            alive += s.call(18, 0, b"") is not None
        time.sleep(0.05)
    assert 1 <= alive <= 3


# ---- our own tools

def test_tools_by_tls_and_scram(broker, pki):
    b = broker({"IN": "SASL_SSL"}, AUTHORIZER + f"ssl.keystore.location={pki / 'server.pem'}\n"
               "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN\n"
               + "".join(f"listener.name.in.{m}.sasl.jaas.config={SCRAM_JAAS}\n"
                         for m in ("plain", "scram-sha-256", "scram-sha-512")))

    def run(verb, *args, mechanism="SCRAM-SHA-512", password="admin-secret", ca="ca", code=0, text=None):
        conf = b.folder / "client.properties"
        conf.write_text(f"security.protocol=SASL_SSL\nsasl.mechanism={mechanism}\n"
                        f"ssl.truststore.location={pki / ca}.pem\nssl.truststore.type=PEM\n"
                        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
                        f'    username="admin" password="{password}";\n')
        r = subprocess.run([b.program, verb, "--bootstrap-server", b.address["IN"], "--command-config", str(conf),
                            *args], input=text, capture_output=True, text=True, timeout=30, check=False)
        assert r.returncode == code, r.stderr
        return r.stdout if code == 0 else r.stderr

    for m in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        assert f"of-{m}" not in run("topic", "--list", mechanism=m)
        # records go by librdkafka, with the same file of Java's names
        assert '"offset":0' in run("produce", "--topic", f"of-{m}", "--output", "json", mechanism=m, text=f"by {m}\n")
        assert run("consume", "--topic", f"of-{m}", "--from-beginning", "--max-messages", "1", mechanism=m) == f"by {m}\n"
        run("topic", "--delete", "--topic", f"of-{m}", mechanism=m)
        assert f"of-{m}" not in run("topic", "--list", mechanism=m)
    assert "invalid credentials" in run("topic", "--list", password="x", code=1)
    assert "certificate" in run("topic", "--list", ca="stranger-ca", code=1)
    out = run("acl", "--add", "--allow-principal", "User:alice", "--operation", "Read", "--operation",
              "DescribeConfigs", "--topic", "orders")
    rule = "(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)"
    head = "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:"
    assert out.count(rule) == 1 and "operation=DESCRIBE_CONFIGS" in out
    assert head in run("acl", "--list").splitlines()
    run("acl", "--add", "--allow-principal", "User:bob", "--producer", "--topic", "ord", "--resource-pattern-type",
        "prefixed", "--transactional-id", "x")
    run("acl", "--add", "--deny-principal", "User:eve", "--deny-host", "10.0.0.1", "--consumer", "--topic", "orders",
        "--group", "*", code=1)
    out = run("acl", "--list")
    assert out.count("User:bob") == 5 and out.count("Current ACLs") == 3
    assert run("acl", "--list", "--principal", "User:bob").count("principal=") == 5
    assert run("acl", "--list", "--topic", "orders", "--resource-pattern-type", "match").count("principal=") == 5
    assert run("acl", "--remove", "--force", "--allow-principal", "User:alice", "--operation", "Read", "--topic",
               "orders") == ""
    assert run("acl", "--list", "--topic", "orders").count("User:alice") == 1
    assert run("acl", "--remove", "--force", "--topic", "orders") == ""
    assert run("acl", "--list", "--topic", "orders") == ""
    assert "exactly one action" in run("acl", "--list", "--add", code=1)
    assert "resource" in run("acl", "--add", "--allow-principal", "User:x", code=1)
    # users and quotas
    alice = ("--entity-type", "users", "--entity-name", "alice")
    assert run("configs", *alice, "--alter", "--add-config",
               "SCRAM-SHA-256=[iterations=8192,password=alice=secret],SCRAM-SHA-512=[password=x],"
               "producer_byte_rate=1024") == "Completed updating config for user alice.\n"
    assert run("configs", *alice, "--describe") == (
        "Quota configs for user-principal 'alice' are producer_byte_rate=1024.0\n"
        "SCRAM credential configs for user-principal 'alice' are SCRAM-SHA-256=iterations=8192, "
        "SCRAM-SHA-512=iterations=4096\n")
    conf = b.conf("IN") | tls(pki) | sasl("alice", "alice=secret", "SCRAM-SHA-256") | {"security.protocol": "sasl_ssl"}
    client = AdminClient(conf)
    assert client.list_topics(timeout=10).topics == {}
    run("configs", "--entity-type", "users", "--entity-name", "alice", "--entity-type", "clients", "--entity-default",
        "--alter", "--add-config", "request_percentage=50.5")
    assert run("configs", "--user", "alice", "--client-defaults", "--describe") == \
        "Quota configs for user-principal 'alice', the default client-id are request_percentage=50.5\n"
    run("configs", *alice, "--alter", "--delete-config", "SCRAM-SHA-256,SCRAM-SHA-512,producer_byte_rate")
    assert run("configs", *alice, "--describe") == ""
    assert "iterations" in run("configs", *alice, "--alter", "--add-config",
                               "SCRAM-SHA-256=[iterations=100,password=x]", code=1)
    assert "at least one" in run("configs", *alice, "--alter", code=1).lower()
    assert run("configs", "--entity-type", "ips", "--describe") == ""
