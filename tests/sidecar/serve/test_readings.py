"""What agents send is checked once, at the door."""

from typing import Any

import pytest

from floodmark_sidecar.readings import AgentReading, OutsideReading, merge, parse_captured, parse_reading
from floodmark_sidecar.wire import WireError


def _reading(**changes: Any) -> dict[str, Any]:
    return {"type": "reading", "t": 1.5, "uss_bytes": 100, "maps": [_map()]} | changes


def _map(**changes: Any) -> dict[str, Any]:
    return {
        "name": "locks",
        "kind": "KeyedLocks",
        "entries": 3,
        "removals": {"expired": 2},
        "container_ids": [7],
    } | changes


def test_what_is_absent_or_null_is_not_measured() -> None:
    """Only what was sent is known; nothing is made up."""
    reading = parse_reading({"type": "reading", "t": 2, "tasks": None})
    assert reading == AgentReading(t=2.0)


def test_a_map_is_read_whole() -> None:
    """Name, kind, entries, bounds, causes and containers arrive as they were sent."""
    (found,) = parse_reading(_reading(maps=[_map(maxsize=9, ttl_seconds=2.5)])).maps
    assert (found.name, found.entries, found.maxsize, found.ttl) == ("locks", 3, 9, 2.5)
    assert dict(found.removals) == {"expired": 2}
    assert found.container_ids == (7,)


def test_two_maps_of_one_name_are_one_line() -> None:
    """A class with a map in each instance shows their sum; the sum has a bound only if each part has one."""
    (found,) = parse_reading(_reading(maps=[_map(maxsize=9), _map(entries=4, container_ids=[8])])).maps
    assert (found.entries, found.maxsize, found.container_ids) == (7, None, (7, 8))
    assert dict(found.removals) == {"expired": 4}


@pytest.mark.parametrize(
    "changes",
    [
        {"t": None},
        {"t": float("nan")},
        {"t": "now"},
        {"uss_bytes": -1},
        {"uss_bytes": 1.5},
        {"uss_bytes": True},
        {"uss_bytes": 1 << 80},
        {"agent_cpu_seconds": float("inf")},
        {"maps": {}},
        {"maps": [3]},
        {"maps": [_map(name="")]},
        {"maps": [_map(name="x" * 5000)]},
        {"maps": [_map(entries=None)]},
        {"maps": [_map(removals=[1])]},
        {"maps": [_map(container_ids=["a"])]},
        {"maps": [_map()] * 3000},
    ],
    ids=lambda changes: f"{repr(changes)[:60]} of {len(repr(changes))}",
)
def test_nonsense_is_refused_in_words(changes: dict[str, Any]) -> None:
    """A field that makes no sense is a `WireError` of one readable line."""
    with pytest.raises(WireError) as raised:
        parse_reading(_reading(**changes))
    assert len(str(raised.value)) < 200


def test_text_that_is_no_utf8_is_made_so() -> None:
    """A lone surrogate, which JSON can carry and a database cannot, is replaced."""
    (found,) = parse_reading(_reading(maps=[_map(name="a\ud800b")])).maps
    assert found.name == "a?b"


def test_the_kernels_number_wins_and_the_agents_fills_in() -> None:
    """Where the kernel may not be asked, the agent's own numbers serve."""
    agent = AgentReading(t=1.0, uss_bytes=10, threads=2, tasks=5)
    row = merge("web-0", 1, OutsideReading(threads=3, fds=4), agent)
    assert (row.uss_bytes, row.threads, row.fds, row.tasks) == (10, 3, 4, 5)


def test_a_captured_message_gives_its_duration() -> None:
    """Seconds are from start to end, never negative."""
    answer = parse_captured({"id": "a", "started": 10.0, "ended": 12.5, "stall_seconds": 0.01, "path": "/etc/passwd"})
    assert (answer.seconds, answer.stall_seconds, answer.refused) == (2.5, 0.01, None)
