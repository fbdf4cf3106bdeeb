"""What entries own, far below them: it makes a container dear, and types and lines come behind the one that owns them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from floodmark_sidecar.culprits import Capture, Culprit, parse_capture, rank
from tests.sidecar.culprits.scripted import MINUTE, START, container, locate, names, ranked, verdict
from tests.sidecar.culprits.test_lines import line, window

GROWS = [100, 200, 300, 400]
OWNS = {"bytes": 20_000.0, "types": {"dict": 60.0, "list": 20.0, "app.Job": 1.0}}
JOB = {"module": "app", "file": "/srv/app.py", "qualname": "", "attribute": "Job", "each_bytes": 500.0}


def seen(
    types: Mapping[str, Sequence[int]],
    *containers: tuple[str, Sequence[int], Mapping[str, Any] | None],
) -> list[Capture]:
    """One capture a minute, with so many objects of each type, of 200 bytes, and containers whose entries own so much."""
    return [
        parse_capture(
            {
                "floodmark_capture": 1,
                "t": START + minute * MINUTE,
                "containers": [container(path, sizes[minute], owned=own) for path, sizes, own in containers],
                "types": [[name, sizes[minute], 200 * sizes[minute]] for name, sizes in types.items()],
                "type_owners": {"app.Job": JOB},
            },
            worker="web-0",
            life=1,
        )
        for minute in range(4)
    ]


def times(factor: int) -> list[int]:
    return [factor * size for size in GROWS]


def of(culprits: Sequence[Culprit], name: str) -> Culprit:
    return next(each for each in culprits if each.name == name)


def test_an_entry_costs_what_it_owns() -> None:
    """With its share of the table; where no census looked so deep, what it holds near by."""
    (culprit,) = ranked(seen({}, ("app.jobs", GROWS, OWNS)))
    assert culprit.bytes_per_hour == pytest.approx(6000 * 20_020.0)
    assert "19.6 KiB each" in culprit.evidence
    assert "an entry owns 60 dict, 20 list" in culprit.evidence
    (culprit,) = ranked(seen({}, ("app.jobs", GROWS, None)))
    assert culprit.bytes_per_hour == pytest.approx(6000 * 120.0)
    assert "owns" not in culprit.evidence


def test_the_census_that_saw_the_median_counts() -> None:
    """One that met odd entries does not."""
    captures = [
        seen({}, ("app.jobs", GROWS, own))[minute]
        for minute, own in enumerate([None, OWNS, {"bytes": 9e9, "types": {}}, OWNS])
    ]
    (culprit,) = ranked(captures)
    assert culprit.bytes_per_hour == pytest.approx(6000 * 20_020.0)


def test_types_that_entries_own_come_behind_their_container() -> None:
    """Even where their bytes are more, as what an entry owns was sampled; and they say so. None is left out."""
    types = {"dict": times(60), "list": times(20)}
    modest = OWNS | {"bytes": 5000.0}
    without = ranked(seen(types, ("app.jobs", GROWS, None)))
    culprits = ranked(seen(types, ("app.jobs", GROWS, modest)))
    assert names(without) == ["dict", "list", "jobs"]
    assert names(culprits) == ["jobs", "dict", "list"]
    assert "the entries of app.jobs own most of these" in of(culprits, "dict").evidence
    assert "own most" not in of(without, "dict").evidence


def test_what_entries_own_keeps_its_place_by_size() -> None:
    """Behind its container it is not before what is dearer."""
    types = {"list": times(20)}
    other = ("app.other", times(100), None)
    assert names(ranked(seen(types, ("app.jobs", GROWS, OWNS), other))) == ["jobs", "other", "list"]


def test_what_entries_do_not_own_stays_ahead() -> None:
    """Many more objects than they own are somewhere else, whatever the entries own of them."""
    culprits = ranked(seen({"dict": times(200)}, ("app.jobs", GROWS, OWNS)))
    assert names(culprits) == ["dict", "jobs"]
    assert "own most" not in culprits[0].evidence


def test_containers_own_together() -> None:
    """What is left of a type by one, another may own: it comes behind the one that owns most."""
    half = {"bytes": 4000.0, "types": {"dict": 30.0}}
    culprits = ranked(seen({"dict": times(80)}, ("app.a", GROWS, half), ("app.b", GROWS, half)))
    assert set(names(culprits)) == {"a", "b", "dict"}
    assert culprits[0].kind == "container"
    culprits = ranked(seen({"dict": times(80)}, ("app.a", GROWS, half)))
    assert names(culprits)[0] == "dict"


def test_a_class_that_entries_own_comes_behind_them() -> None:
    """Though it has a line of its own."""
    owns = {"bytes": 1000.0, "types": {"app.Job": 10.0}}
    assert names(ranked(seen({"app.Job": times(10)}, ("app.jobs", GROWS, owns)))) == ["jobs", "app.Job"]
    assert names(ranked(seen({"app.Job": times(10)}, ("app.jobs", GROWS, None)))) == ["app.Job", "jobs"]


def test_a_container_that_was_small_at_first_owns_as_much() -> None:
    """Below what a census lists it grew as well, as the types that it owns did."""
    captures = seen({"dict": times(60)}, ("app.jobs", [10, 20, 40, 60], {"bytes": 9000.0, "types": {"dict": 300.0}}))
    late = [seen({"dict": times(60)})[minute] for minute in range(2)] + captures[2:]
    assert names(ranked(late)) == ["jobs", "dict"]


def test_what_is_named_does_not_depend_on_what_is_owned() -> None:
    """What entries own was sampled far from them: it orders, and hides nothing."""
    types = {"dict": times(60), "list": times(20)}
    near = 6000 * 120.0
    for slope, count in ((near / 0.59, 3), (near / 0.61, 1), (6000 * 20_000.0, 3)):
        for own in (None, OWNS):
            assert len(ranked(seen(types, ("app.jobs", GROWS, own)), judged=verdict(slope=slope))) == count


@pytest.mark.parametrize(
    ("size", "count", "order"),
    [
        (1 << 20, 1000, ["jobs", "lib.py:5"]),  # 105 MB an hour in 100,000 blocks, of 120 MB in 480,000 objects
        (1_500_000, 1000, ["jobs", "lib.py:5"]),
        (2_000_000, 1000, ["lib.py:5", "jobs"]),
        (1_500_000, 50_000, ["lib.py:5", "jobs"]),
    ],
)
def test_lines_that_may_allocate_what_entries_own_come_behind(size: int, count: int, order: list[str]) -> None:
    """Their bytes and blocks are no more than a few entries, sampled, may tell."""
    culprits = rank(
        seen({}, ("app.jobs", GROWS, OWNS)),
        None,
        verdict(slope=1.2e8),
        locate=locate,
        windows=[window(line("lib.py", 5, size, count=count))],
        shown=lambda file: file.removeprefix("/srv/"),
    )
    assert names(culprits) == order
    assert [each.rank for each in culprits] == [1, 2]


@pytest.mark.parametrize(
    "own", [7, {"bytes": 1.0}, {"types": {}}, {"bytes": -1, "types": {}}, {"bytes": 1, "types": {"dict": "2"}}]
)
def test_what_is_no_account_is_refused(own: object) -> None:
    """With the place in the file."""
    with pytest.raises(ValueError, match="what an entry of container 0 owns"):
        seen({}, ("app.jobs", GROWS, own))  # type: ignore[arg-type]
