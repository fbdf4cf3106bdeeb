"""Signals as a state: noticed at once, raised only where a run waits."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._interrupts import InterruptedRunError, Interrupts


def send(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_counted_and_raised_at_the_next_wait(number: int) -> None:
    """Nothing is raised where the signal strikes; the next wait raises."""
    with Interrupts() as interrupts:
        send(number)

        assert interrupts.count == 1
        with pytest.raises(InterruptedRunError) as caught:
            interrupts.wait_until(lambda: True, 60)

    assert caught.value.exit_code is ExitCode.INTERRUPTED


def test_a_wait_ends_as_soon_as_a_signal_comes() -> None:
    """A long pause is cut short by the signal and not by its end."""
    with Interrupts() as interrupts:
        timer = threading.Timer(0.05, send)
        timer.start()
        began = time.monotonic()

        interrupts.pause(30)

        assert time.monotonic() - began < 15
        assert interrupts.count == 1
        timer.join()


def test_the_second_signal_hurries() -> None:
    """One signal asks, two insist."""
    with Interrupts() as interrupts:
        send()
        assert not interrupts.hurried
        send()
        assert interrupts.hurried


def test_a_wait_returns_what_it_waited_for() -> None:
    """True when the condition holds, false when the time is over."""
    with Interrupts() as interrupts:
        assert interrupts.wait_until(lambda: True, 0)
        assert not interrupts.wait_until(lambda: False, 0.01)


def test_handlers_are_put_back() -> None:
    """After the run the process is as it was."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupts():
        pass

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_ignored_signal_stays_ignored() -> None:
    """`nohup floodmark soak` survives the end of its terminal."""
    code = """
import os, signal
from floodmark_soak._interrupts import Interrupts
with Interrupts() as interrupts:
    os.kill(os.getpid(), signal.SIGHUP)
    print(interrupts.count)
"""
    nohup = shutil.which("nohup") or "nohup"
    done = subprocess.run([nohup, sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "0\n"
