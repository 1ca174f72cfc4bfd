"""What the end-to-end tests share: the program, folders of their own, runs that end by themselves."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARUS = ROOT / "build" / "src" / "app" / "arus"
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def arus():
    assert ARUS.exists(), "run `make` first"
    return str(ARUS)


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
