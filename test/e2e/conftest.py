"""What the end-to-end tests share: the program, folders of their own, runs that end by themselves."""
import fcntl
import os
import pathlib
import shutil
import socket
import subprocess

import pytest
from broker import Broker
from raw import Wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARUS = pathlib.Path(os.environ.get("ARUS_PROGRAM", ROOT / "build" / "src" / "app" / "arus"))  # or a sanitized one
SHARED = ROOT.parent / "shared"
SOAK = bool(os.environ.get("ARUS_SOAK"))
SANITIZED = ARUS.exists() and b"__asan_init" in ARUS.read_bytes()  # it takes more memory then


def pytest_addoption(parser):
    parser.addoption("--bootstrap", metavar="127.0.0.1:PORT", help="the conversations of test/wire, with this broker")


@pytest.fixture(scope="session")
def arus():
    assert ARUS.exists(), "run `make` first"
    return str(ARUS)


@pytest.fixture
def broker(arus, tmp_path):
    b = Broker(arus, tmp_path / "data").start()
    yield b
    if b.process.poll() is None:
        assert b.stop() == 0


@pytest.fixture
def wire(broker):
    w = Wire(broker.ports[0])
    yield w
    w.socket.close()


class Up:
    """`arus up` over a script in a folder; each run ends by itself once it is idle."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.data = folder / "data"

    def run(self, sql, *args, show="", idle="400ms", timeout=30, properties=""):
        (self.folder / "a.sql").write_text(sql)
        (self.folder / "a.properties").write_text(f"ksql.queries.file=a.sql\narus.show={show}\n{properties}")
        return subprocess.run(
            [self.program, "up", str(self.folder / "a.properties"), "--data", str(self.data), "--until-idle", idle,
             "--stats", *args], capture_output=True, text=True, timeout=timeout, env={**os.environ, "TZ": "UTC"},
            check=False)


@pytest.fixture
def up(arus, tmp_path):
    return Up(arus, tmp_path)


def rows(result):
    """The rows that `arus up` showed, each a list of words; the last one a key counts."""
    last = {}
    for line in result.stdout.splitlines():
        if line.startswith("  "):
            words = line.split()
            last[words[0]] = words[1:]
    return last


def stats(result, kind):
    """The --stats lines of a kind as dictionaries."""
    out = []
    for line in result.stdout.splitlines():
        if line.startswith(kind + "="):
            out.append(dict(word.split("=", 1) for word in line.split()))
    return out


class Mongo:
    """A look-alike server of ../shared on a port and in a folder of its own. "python" is installed in seconds and has
    fail points, "rust" is built by cargo and fast."""

    def __init__(self, server, folder):
        self.script, self.folder = SHARED / "peers" / "mongo" / "mongo", pathlib.Path(folder)
        self.installed = pathlib.Path(f"{os.environ.get('MONGO_HOME') or ROOT / 'build' / 'mongo'}-{server}")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.uri = f"mongodb://127.0.0.1:{self.port}"
        self.env = {**os.environ, "MONGO_HOME": str(self.folder / "home"), "MONGO_SERVER": server}
        if server == "python":
            self.env["MONGO_FAILPOINTS"] = "1"

    def call(self, *args, timeout=180):
        subprocess.run(["bash", str(self.script), *args], env=self.env, check=True, stdout=subprocess.DEVNULL,
                       timeout=timeout)

    def install(self):
        """Once for all servers; each has a home of its own where that is found."""
        self.installed.mkdir(parents=True, exist_ok=True)
        with open(self.installed / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            subprocess.run(["bash", str(self.script), "install"], env={**self.env, "MONGO_HOME": str(self.installed)},
                           check=True, stdout=subprocess.DEVNULL, timeout=3600)
        home = self.folder / "home"
        home.mkdir(parents=True)
        for name in ("bin", "venv"):
            (home / name).symlink_to(self.installed / name)

    def start(self):
        self.call("start", str(self.port), str(self.folder / "data"))

    def kill(self):
        self.call("kill")

    def fail(self, mode, **data):
        import pymongo
        with pymongo.MongoClient(self.uri) as client:
            client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})


def mongo_server(server, folder):
    """Runs it while the generator is open; skips where it cannot be had."""
    if not (SHARED / "peers" / "mongo" / "mongo").exists():
        pytest.skip("../shared/peers/mongo is not beside the checkout")
    pytest.importorskip("pymongo")
    if server == "rust" and not shutil.which("cargo"):
        pytest.skip("there is no cargo to build the server with")
    m = Mongo(server, folder)
    try:
        m.install()
    except subprocess.CalledProcessError:
        pytest.skip("the look-alike MongoDB cannot be installed here")
    m.start()
    try:
        yield m
    finally:
        m.call("stop")


@pytest.fixture(scope="module")
def mongo(tmp_path_factory):
    yield from mongo_server("python", tmp_path_factory.mktemp("mongo"))


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """An authority, a server and a client, by the openssl command; and another authority that nobody knows."""
    d = tmp_path_factory.mktemp("pki")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=d, check=True, capture_output=True, timeout=60)

    for ca in ("ca", "stranger-ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj", f"/CN={ca}")
    (d / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name, ca, subject in (("server", "ca", "/CN=server"), ("client", "ca", "/C=ID/O=Arus/CN=carol"),
                              ("stranger", "stranger-ca", "/CN=mallory")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", subject)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-days", "2", "-out", f"{name}.crt", "-extfile", "san")
        (d / f"{name}.pem").write_text((d / f"{name}.key").read_text() + (d / f"{name}.crt").read_text())
    return d
