"""bench/start in a short form: a log of many partitions is served at once, also when its broker was killed."""
import re
import subprocess

import pytest
from conftest import ROOT


@pytest.mark.alone
def test_a_log_of_many_partitions_is_served_at_once(arus, tmp_path):
    # it is `make`'s program that is measured, whatever the other tests run
    run = subprocess.run([ROOT / "bench/start", "--gb", "0.1", "--rounds", "2", "--data", tmp_path], capture_output=True,
                         text=True, timeout=180, check=False)
    assert run.returncode == 0, run.stderr
    worst = {m[1]: float(m[2]) for m in re.finditer(r"^(\w+) .*worst_ms=([\d.]+)", run.stdout, re.M)}
    assert worst["closed"] < 500 and worst["killed"] < 5000, run.stdout  # the machine may be busy
    assert float(re.search(r"rss_mb=([\d.]+)", run.stdout)[1]) <= 32, run.stdout
    assert not list(tmp_path.iterdir())
