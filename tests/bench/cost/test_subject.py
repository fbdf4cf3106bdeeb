"""The services that are compared: real ones, that end with the bench."""

import psutil
import pytest

from tests.bench.cost._load import under_load
from tests.bench.cost._subject import OFF, READINGS, running


@pytest.mark.slow
def test_a_service_is_watched_summarised_and_ended() -> None:
    """With its sidecar, of which neither is left."""
    with running(READINGS, 4_000) as subject:
        assert subject.sidecar is not None
        before = subject.used()
        subject.watch_stalls()
        answers, _ = under_load(subject.port, 50.0, subject.sidecar.capture)
        stall = subject.worst_stall()
        subject.sidecar.capture(trace="1s")
        subject.sidecar.capture(native="1s")
        subject.summarise()
        subject.grown()
        after = subject.used()
        assert after.total > before.total
        assert after.service > after.agent > before.agent > 0
        assert after.sidecar > before.sidecar > 0
        assert 0 < stall < 10
        assert answers.seconds
        assert subject.memory() > 1 << 20
        assert subject.sidecar.memory() > 1 << 20
        started = [subject.sidecar.process.pid, *(child.pid for child in psutil.Process().children())]
    assert not any(psutil.pid_exists(pid) for pid in started)


@pytest.mark.slow
def test_a_service_alone_has_no_sidecar() -> None:
    """It is the same program."""
    with running(OFF, 0) as subject:
        assert subject.sidecar is None
        assert subject.used().service > 0
        assert subject.used().agent == subject.used().sidecar == 0
