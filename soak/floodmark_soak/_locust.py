"""Locust's own command line with a writing pace that suits a run of any length, and with what it keeps for ever cut.

Run as `python -P -m floodmark_soak._locust`, never imported: locust replaces half the standard library in its process.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import gevent
import locust
from locust import events, stats
from locust.main import main
from locust.user import wait_time

_EVERY: Final = float(os.environ["FLOODMARK_LOAD_EVERY"])
_OMITTED: Final = os.environ.get("FLOODMARK_LOAD_OMITTED", "")
_KEPT: Final = 60
"""Seconds of counts by second that stay; locust looks at the last twelve."""

_paced: Final = wait_time.constant_pacing
_omitted = 0.0


def _counted(seconds: float) -> Callable[[Any], float]:
    """Return locust's `constant_pacing`, which also counts the requests for which it was too late."""
    wait = _paced(seconds)

    def counted(user: Any) -> float:
        global _omitted  # noqa: PLW0603 -- greenlets share one number
        late = perf_counter() - user._cp_last_run - user._cp_last_wait_time - seconds  # noqa: SLF001 -- as locust counts
        _omitted += max(0.0, late) / seconds
        return float(wait(user))

    return counted


def _begin(environment: Any, **_: Any) -> None:
    gevent.spawn(_keep, environment)


def _keep(environment: Any) -> None:
    """Cut what grows by an entry each second, and say how many requests were omitted, for as long as the process lives."""
    while True:
        gevent.sleep(min(_EVERY, _KEPT))
        now = environment.stats.last_request_timestamp or 0
        for entry in [environment.stats.total, *environment.stats.entries.values()]:
            for counts in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
                for second in [second for second in counts if second < now - _KEPT]:
                    del counts[second]
        if _OMITTED:
            Path(_OMITTED, f"omitted-{os.getpid()}").write_text(f"{_omitted:.1f}\n")


events.init.add_listener(_begin)
wait_time.constant_pacing = _counted
locust.constant_pacing = _counted
stats.CSV_STATS_INTERVAL_SEC = _EVERY
stats.CSV_STATS_FLUSH_INTERVAL_SEC = 0
# The history in memory serves locust's own charts, which are never drawn here; it grows by an entry each time.
stats.HISTORY_STATS_INTERVAL_SEC = 3600
sys.argv[0] = "locust"
main()
