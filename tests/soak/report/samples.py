"""Runs that never were: what result.json and the readings say of them."""

from collections.abc import Callable
from typing import Any

from floodmark_soak.report import Record

START = 1_760_000_000.0
MIB = 1 << 20

MakeRecord = Callable[..., Record]


WAY = [{"name": "app.listener", "type": "app.Listener"}, {"name": ".processed", "type": "dict"}]


def culprit(rank: int, name: str, path: str | None, **more: Any) -> dict[str, Any]:
    made = {
        "rank": rank,
        "kind": "container",
        "name": name,
        "where": f"app/{name}.py:{rank}1",
        "path": path,
        "worker": None,
        "share": 0.6 / rank,
        "bytes_per_hour": 100.0 * MIB / rank,
        "entries_per_hour": 72_000.0 / rank,
        "measured": "entries",
        "points": [[START + 10 * n, 1000.0 * n] for n in range(2, 6)],
        "evidence": f"grew from 1,000 to 4,000 entries over 4 captures; held by {path}",
    }
    return made | more


def fix(**more: Any) -> dict[str, Any]:
    made = {
        "title": "SeenSet of at most 20,000 entries, each for 1 h",
        "class": "SeenSet",
        "maxsize": 20_000,
        "ttl_seconds": 3600.0,
        "why": "none of 90 entries that were followed left within 3 min",
        "code": 'from floodmark_caches import SeenSet\n\nprocessed = SeenSet("app.processed", maxsize=20_000, ttl=3_600)',
    }
    return made | more


def result(**more: Any) -> dict[str, Any]:
    """Return what result.json says of a climb, with *more* laid over it."""
    made = {
        "verdict": "climbing",
        "exit_code": 1,
        "shape": "linear",
        "growth_class": "python",
        "slope_bytes_per_hour": {"estimate": 312.0 * MIB, "low": 305.0 * MIB, "high": 319.0 * MIB},
        "delta_bytes_per_hour": 17.5 * MIB,
        "detectable_bytes_per_hour": 14.6 * MIB,
        "longest_life_seconds": 179.0,
        "hours_to_limit": 1.5,
        "hours_to_decide": None,
        "worker": None,
        "reasons": ["memory climbs by 312 MiB/h", "this run could have told growth of 14.6 MiB/h from noise"],
        "notes": [],
        "warmup_seconds": 20.0,
        "window": [START + 20, START + 59],
        "coverage": {"share": 0.98},
        "ledger": [{"row": "python objects", "bytes": 9 * MIB}, {"row": "unexplained", "bytes": -MIB}],
        "workers": {
            "web-0": {"verdict": "climbing", "slope_bytes_per_hour": {"estimate": 300.0 * MIB}, "lives": 1},
            "web-1": {"verdict": "steady", "slope_bytes_per_hour": {"estimate": None}, "lives": 2},
        },
        "maps": {"pending": {"state": "at bound"}},
        "floors": [[START + 5 * n, 60.0 * MIB + n * MIB] for n in range(12)],
        "culprits": [
            culprit(1, "processed", "app.listener.processed", fix=fix(), retainers=WAY),
            culprit(2, "locks", "app.Scheduler.locks"),
        ],
        "duration_seconds": 60.0,
    }
    return made | more


def rows(count: int = 60, *, map_name: str = "pending") -> list[dict[str, object]]:
    return [
        {
            "t": START + n,
            "worker": f"web-{worker}",
            "uss_bytes": 30 * MIB + n * MIB // 10,
            "swap_bytes": MIB,
            "masked": int(n == 30),
            f"map.{map_name}.entries": min(1000, n * 40),
            f"map.{map_name}.maxsize": 1000,
        }
        for n in range(count)
        for worker in range(2)
    ]
