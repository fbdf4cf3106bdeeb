"""Why a side comes out as it does, where that is not as its case expects: by case and side, found by looking into it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Explanation:
    """What lies behind a row; `still_leaks` where a side that counts as fixed was seen to grow without floodmark, too."""

    text: str
    still_leaks: bool = False


EXPLAINED: Final = {
    ("cheroot_thread", "fixed"): Explanation(
        "The threads are gone, as they should be, but each server that was started and stopped is still kept: "
        "`logging.statistics` has an entry for each, whose functions hold it. After twelve triggers and a collection "
        "there are twelve servers, and none once that dict is cleared. So the climb is real, and its container is "
        "named first.",
        still_leaks=True,
    ),
    ("httpcore_cancel_pool", "fixed"): Explanation(
        "Every twentieth cancelled request still leaves an entry in the pool, a connection and a task of the case's own "
        "server in this version: 10, 20, 30, 40 requests of the pool after 200, 400, 600, 800 triggers, counted without "
        "floodmark. So the climb is real.",
        still_leaks=True,
    ),
    ("otel_starlette_apps", "fixed"): Explanation(
        "The set of apps is gone, but each app that is instrumented still adds a meter to a list of the OpenTelemetry API "
        "(`_PROXY_METER_PROVIDER._meters`): 200, 400, 600 after so many triggers, counted without floodmark. So the climb "
        "is real, and its culprit is named first, with its line.",
        still_leaks=True,
    ),
    ("sqlalchemy_modulemarker", "leaky"): Explanation(
        "It loses 0.7 kB a trigger, 0.5 MiB in this run, half of the 1 MiB by which allocators step: `steady` says so, "
        "below 48 MiB an hour. In 300 s (`--only sqlalchemy_modulemarker --seconds 300`) it is climbing, and the set is named "
        "first, with its line. But then the fixed version is climbing, too, by 1.1 MiB: garbage in cycles that the collector "
        "has not come to in five minutes. When it does, Python's blocks fall back to where they began.",
    ),
    ("use_zombies", "leaky"): Explanation(
        "Ended children climb, and are named first by their command, `true`, with what keeps their Popen objects and its line, "
        "`case.keep` at case.py:4: the case goes by other words.",
    ),
}
