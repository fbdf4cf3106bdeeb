"""Locust as floodmark runs it: in a process of its own, for it replaces half the standard library."""

import os
import subprocess
import sys
from pathlib import Path

COUNTS = """
import runpy
from time import perf_counter, time

import gevent
import locust.main
from locust import HttpUser, constant_pacing, events
from locust.env import Environment

def begin():
    environment = Environment(user_classes=[])
    now = int(time())
    for second in range(now - 5000, now):
        environment.stats.total.num_reqs_per_sec[second] = 1
        environment.stats.get("/", "GET").num_fail_per_sec[second] = 1
    environment.stats.total.last_request_timestamp = now
    events.init.fire(environment=environment)
    import locust as patched
    wait = patched.constant_throughput(100)
    user = type("User", (), {"_cp_last_run": perf_counter() - 0.05, "_cp_last_wait_time": 0})()
    waits = [wait(user), wait(user)]
    gevent.sleep(0.5)
    stats = environment.stats
    print(len(stats.total.num_reqs_per_sec), len(stats.get("/", "GET").num_fail_per_sec), waits[0], 0 < waits[1] < 0.01)

locust.main.main = begin
runpy.run_module("floodmark_soak._locust", run_name="__main__")
"""


def test_what_grows_each_second_is_cut_and_what_is_omitted_is_counted(tmp_path: Path) -> None:
    """Of counts by second the last minute stays, and who was 40 ms late for a request each 10 ms omitted four."""
    env = {**os.environ, "FLOODMARK_LOAD_EVERY": "0.05", "FLOODMARK_LOAD_OMITTED": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", COUNTS], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["60", "60", "0.0", "True"], done.stderr
    (file,) = tmp_path.iterdir()
    assert 3.9 < float(file.read_text()) < 6
