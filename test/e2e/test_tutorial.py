"""docs/tutorial.md: each of its command blocks, in order, in one shell; the text behind a block is in what it printed.

The page uses the article's ports. They are free in a network of the shell's own; where the system allows none, they
must be free here.
"""
import os
import pathlib
import re
import socket
import subprocess
import sys

import pytest

from conftest import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
PORTS = (8000, 8282, 9088, 39092, 39093, 39094)
SECONDS = 150
OWN_NETWORK = [sys.executable, str(pathlib.Path(__file__).with_name("own_network.py"))]
END = "---- end of block"


def blocks():
    """(kind, text) of the fenced blocks: "sh" is run, "text" is what the one before it prints."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def own_network_is_allowed():
    return subprocess.run([*OWN_NETWORK, "true"], timeout=30, check=False).returncode == 0


def is_free(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def pattern(line):
    return ".*".join(re.escape(part) for part in line.rstrip().split("…"))


@pytest.fixture
def checkout(arus, tmp_path):
    """What the page's blocks see of a checkout: the program, the pipelines; `make` has been."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "arus").symlink_to(arus)
    (tmp_path / "pipelines").symlink_to(ROOT / "pipelines")
    (tmp_path / "Makefile").write_text("setup build:\n")
    return tmp_path


def test_the_page(checkout):
    alone = own_network_is_allowed()
    if not alone and not all(map(is_free, PORTS)):
        pytest.skip("no network of its own, and one of the article's ports is in use")
    page = blocks()
    script = "set -eu\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
    for kind, text in page:
        script += text + f"echo '{END}'\n" if kind == "sh" else ""
    p = subprocess.Popen([*(OWN_NETWORK if alone else []), "bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, cwd=checkout, start_new_session=True)
    try:
        out = p.communicate(script, timeout=SECONDS)[0]
    finally:
        try:
            os.killpg(p.pid, 9)
        except ProcessLookupError:
            pass
    printed = out.split(END + "\n")
    assert p.returncode == 0 and len(printed) == sum(kind == "sh" for kind, _ in page) + 1, out
    at = -1
    for kind, text in page:
        if kind == "sh":
            at += 1
            continue
        lines = iter(printed[at].splitlines())
        for want in text.splitlines():
            assert any(re.fullmatch(pattern(want), line.rstrip()) for line in lines), \
                f"not printed in its place: {want}\n{printed[at]}"
    ids = re.search(r"^\|(\w{4}_[\d-]+) *\|[\d.]+ *\|\d+ *\|$", out, re.M)
    assert ids, "the pull query answered with no row\n" + out
