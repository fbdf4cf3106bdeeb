"""Growth outside Python's objects: named where the others leave much of a climb open."""

from typing import Any

import pytest

from floodmark_sidecar.culprits import Culprit
from floodmark_sidecar.culprits._native import with_native

MB = 1 << 20


def judged(growth_class: str = "native", *, word: str = "climbing", slope: float = 100.0 * MB) -> dict[str, Any]:
    row = {"native": "native malloc in use", "mmap": "mmap", "retention": "malloc free but kept"}.get(growth_class, "x")
    return {
        "verdict": word,
        "growth_class": growth_class,
        "slope_bytes_per_hour": {"estimate": slope},
        "ledger": [{"row": "python objects", "bytes": 1 * MB}, {"row": row, "bytes": 7 * MB}],
        "worker": None,
    }


def culprit(name: str, megabytes: float | None, kind: str = "container") -> Culprit:
    return Culprit(
        rank=1,
        kind=kind,
        name=name,
        where=None,
        path=None,
        worker=None,
        share=None,
        bytes_per_hour=None if megabytes is None else megabytes * MB,
        entries_per_hour=1.0,
        measured="entries",
        points=(),
        evidence="",
    )


@pytest.mark.parametrize(
    ("growth_class", "name"), [("native", "malloc"), ("mmap", "mmap"), ("retention", "malloc, free")]
)
def test_what_nothing_of_pythons_explains_is_named(growth_class: str, name: str) -> None:
    """With the bytes that are left, and the ledger's row for them."""
    (found,) = with_native([], judged(growth_class))

    assert (found.rank, found.kind, found.name, found.where) == (1, "native", name, None)
    assert (found.bytes_per_hour, found.share) == (100.0 * MB, 1.0)
    assert "7.0 MiB of 8.0 MiB that memory grew by" in found.evidence


def test_what_the_ledger_says_goes_where_nothing_else_has_a_name() -> None:
    """A few objects of Python's that came with a warm-up make the class Python's, and are not what climbs."""
    (found,) = with_native([], {**judged("native"), "growth_class": "python"})

    assert found.name == "malloc"
    line = culprit("app.py:3", 9, kind="line")
    assert with_native([line], {**judged("native"), "growth_class": "python"}) == (line,)
    mostly = {**judged("native"), "growth_class": "python"}
    mostly["ledger"] = [{"row": "python objects", "bytes": 5 * MB}, {"row": "native malloc in use", "bytes": 7 * MB}]
    assert with_native([], mostly) == ()


def elsewhere(unexplained: float, *, without: str = "") -> dict[str, Any]:
    rows = {"python objects": 0.2, "native malloc in use": 0.5, "malloc free but kept": -0.2, "mmap": 0.5}
    ledger = [{"row": row, "bytes": size * MB} for row, size in {**rows, "unexplained": unexplained}.items()]
    return {**judged("unknown"), "ledger": [row for row in ledger if row["row"] != without]}


def test_what_no_allocator_has_is_named_too() -> None:
    """Pages that the interpreter or a library maps by itself, where all allocators were asked."""
    (found,) = with_native([], elsewhere(9.0))

    assert (found.kind, found.name, found.share) == ("native", "mapped", 1.0)
    assert "unexplained: 9.0 MiB of 10.0 MiB that memory grew by" in found.evidence


@pytest.mark.parametrize(
    "about", [elsewhere(3.0), elsewhere(9.0, without="mmap"), elsewhere(9.0, without="python objects")]
)
def test_what_was_not_measured_is_nobodys(about: dict[str, Any]) -> None:
    """Nothing is said of where growth is while one of those who may have it was not asked, or has a part in it."""
    assert with_native([], about) == ()


def test_its_rank_is_that_of_what_is_left() -> None:
    """Among those that hold something, by bytes; what grows in number only is not counted."""
    found = with_native([culprit("jobs", 45), culprit("small", 5), culprit("odd", None)], judged())

    assert [(each.rank, each.name) for each in found] == [(1, "malloc"), (2, "jobs"), (3, "small"), (4, "odd")]
    assert found[0].bytes_per_hour == 50.0 * MB


def test_lines_come_after() -> None:
    """They are Python's own allocations, and may be under way."""
    found = with_native([culprit("app.py:7", 300, "line"), culprit("jobs", 5)], judged())

    assert [each.name for each in found] == ["malloc", "jobs", "app.py:7"]


@pytest.mark.parametrize(
    ("named", "about"),
    [
        (61, judged()),
        (0, judged("python")),
        (0, judged("unknown")),
        (0, judged(word="inconclusive")),
        (0, judged(slope=0.0)),
        (0, judged(slope=-5.0)),
        (0, {}),
    ],
)
def test_else_nothing_is_added(named: float, about: dict[str, Any]) -> None:
    """Where three fifths have a name, where it is Python's or nobody's, and where there is no climb."""
    culprits = [culprit("jobs", named)]

    assert with_native(culprits, about) == tuple(culprits)
