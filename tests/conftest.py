"""What every test may count on."""

import gc
import signal

import pytest

_LONG = 100
_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """Where the suite runs under `nohup` or as a script's background job, these are ignored, and children inherit that."""
    for number in _ASKING:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Keep names of tests short: one of 33 MB took 12 s on its way through the pipes between the suite's processes."""
    return f"{val[:40]!a} of {len(val)}" if isinstance(val, str | bytes) and len(val) > _LONG else None


def pytest_collection_finish() -> None:
    """Let the collector pass over what all tests are made of: it stays to the end, and is walked hundreds of times else."""
    gc.collect()
    gc.freeze()
