"""Types whose instances become ever more: named where no container tells of them, and only there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from floodmark_sidecar.culprits import Capture, parse_capture
from tests.sidecar.culprits.scripted import MINUTE, START, container, names, ranked, verdict

OWNER = {"module": "app.models", "file": "/srv/app/models.py", "qualname": "", "attribute": "Job", "each_bytes": 500.0}
JOB = "app.models.Job"
GROWS = [1000, 2000, 3000, 4000]
FLAT = [1000, 1000, 1000, 1000]


def seen(
    types: Mapping[str, Sequence[int | None]], containers: Mapping[str, Sequence[int]] | None = None
) -> list[Capture]:
    """One capture a minute, with so many instances of each type, of 100 bytes, and so many entries in each container."""
    captures = []
    for minute in range(4):
        counts = {name: sizes[minute] for name, sizes in types.items()}
        file: dict[str, Any] = {
            "floodmark_capture": 1,
            "t": START + minute * MINUTE,
            "containers": [container(path, sizes[minute]) for path, sizes in (containers or {}).items()],
            "types": [[name, count, 100 * count] for name, count in counts.items() if count is not None],
            "type_owners": {JOB: OWNER},
        }
        captures.append(parse_capture(file, worker="web-0", life=1))
    return captures


def test_a_class_that_nothing_holds_is_named() -> None:
    """With its line, the number of its instances, and what they take with all they hold."""
    (culprit,) = ranked(seen({JOB: GROWS}))

    assert (culprit.kind, culprit.name, culprit.path, culprit.where) == ("type", JOB, JOB, "Job.py:7")
    assert culprit.bytes_per_hour == pytest.approx(60_000 * 500)
    assert culprit.measured == "instances"
    assert culprit.evidence == "grew from 1,000 to 4,000 instances over 4 captures, 500 B each"


def test_what_a_container_gains_is_told_by_the_container() -> None:
    """As many instances as entries, or two for each, are what is in it."""
    types = {JOB: GROWS, "str": [2 * size for size in GROWS]}

    assert names(ranked(seen(types, {"app.jobs": GROWS}))) == ["jobs"]


def test_what_a_container_does_not_gain_is_named_beside_it() -> None:
    """Ten times as many instances as entries are held elsewhere, too."""
    many = [10 * size for size in GROWS]

    assert names(ranked(seen({JOB: many}, {"app.jobs": GROWS}))) == [JOB, "jobs"]


def test_containers_that_explain_the_climb_need_no_types() -> None:
    """Where they cover three fifths of it."""
    captures = seen({JOB: [10 * size for size in GROWS]}, {"app.jobs": GROWS})
    grown = 60_000 * 120.0

    assert names(ranked(captures, judged=verdict(slope=grown / 0.61))) == ["jobs"]
    assert JOB in names(ranked(captures, judged=verdict(slope=grown / 0.59)))


def test_what_instances_hold_is_theirs() -> None:
    """The dicts and texts of a class that grows are not named beside it; far more of them are."""
    few = {JOB: GROWS, "dict": GROWS, "str": [3 * size for size in GROWS]}

    assert names(ranked(seen(few))) == [JOB]
    assert names(ranked(seen({**few, "tuple": [50 * size for size in GROWS]}))) == ["tuple", JOB]


def test_a_builtin_that_grows_alone_is_named() -> None:
    """As where C code has lost count of what it was given; it has no line."""
    (culprit,) = ranked(seen({"tuple": GROWS, JOB: FLAT}))

    assert (culprit.name, culprit.where) == ("tuple", None)


def losing(orphans: Mapping[str, object], sizes: Mapping[str, Sequence[int]]) -> list[Capture]:
    """One capture a minute with so many instances of builtin types, of 100 bytes, the last three with *orphans*."""
    captures = []
    for minute in range(4):
        file = {
            "floodmark_capture": 1,
            "t": START + minute * MINUTE,
            "containers": [],
            "types": [[name, counts[minute], 100 * counts[minute]] for name, counts in sizes.items()],
            "orphans": orphans if minute else {},
        }
        captures.append(parse_capture(file, worker="web-0", life=1))
    return captures


def test_what_c_code_has_lost_is_named_with_what_it_holds() -> None:
    """That nobody holds most of what came says which of the types it is, whatever has more bytes."""
    orphans = {
        "list": {"of": 1000, "count": 990, "holds": ["str", "tuple"]},
        "tuple": {"of": 990, "count": 9, "holds": ["int"]},
    }
    (culprit,) = ranked(losing(orphans, {"str": GROWS, "tuple": GROWS, "list": GROWS}))

    assert (culprit.kind, culprit.name) == ("type", "list")
    assert culprit.bytes_per_hour == pytest.approx(60_000 * 300)
    assert culprit.evidence.endswith(
        "with what one holds of str, tuple; 990 of 1,000 that came last are held by nothing that the collector knows: C code "
        "holds or lost them"
    )


def test_a_few_orphans_are_everywhere() -> None:
    """They tell nothing of the others."""
    orphans = {"list": {"of": 1000, "count": 499, "holds": ["tuple"]}}
    found = ranked(losing(orphans, {"tuple": GROWS, "list": GROWS}))

    assert sorted(names(found)) == ["list", "tuple"]
    assert not any("C code" in culprit.evidence for culprit in found)


@pytest.mark.parametrize(
    "orphans", [7, {"dict": 7}, {"dict": {"count": 1}}, {"dict": {"count": -1, "of": 2, "holds": []}}]
)
def test_orphans_that_are_none_are_refused(orphans: Any) -> None:
    """With what is wrong."""
    file = {"floodmark_capture": 1, "t": START, "containers": [], "types": [["dict", 1, 1]], "orphans": orphans}
    with pytest.raises(ValueError, match="orphans of"):
        parse_capture(file, worker="web-0", life=1)


def test_what_entries_hold_comes_behind_their_container() -> None:
    """Texts that a container gains a few of with each entry have no place of their own; far more of them come first."""
    few, many = [10 * size for size in GROWS], [50 * size for size in GROWS]

    assert names(ranked(seen({"str": few}, {"app.jobs": GROWS, "app.seen": FLAT}))) == ["jobs", "str"]
    assert names(ranked(seen({"str": many}, {"app.jobs": GROWS}))) == ["str", "jobs"]
    both = {"str": few, "tuple": [5 * size for size in GROWS], "bytes": many}
    assert names(ranked(seen(both, {"app.jobs": GROWS}))) == ["bytes", "jobs", "str"]


def holding(holds: Mapping[str, Sequence[str]], sizes: Mapping[str, Sequence[int]]) -> list[Capture]:
    """Captures of classes, with so many instances of 100 bytes each a minute, of which each holds some of others."""
    owners = {name: OWNER | {"attribute": name, "each_bytes": 100.0, "holds": holds.get(name, [])} for name in sizes}
    return [
        parse_capture(
            {
                "floodmark_capture": 1,
                "t": START + minute * MINUTE,
                "containers": [],
                "types": [[name, counts[minute], 100 * counts[minute]] for name, counts in sizes.items()],
                "type_owners": owners,
            },
            worker="web-0",
            life=1,
        )
        for minute in range(4)
    ]


def test_what_holds_another_is_named_with_it() -> None:
    """A class whose instances hold one of another is what to look at, with the bytes of both."""
    (culprit,) = ranked(
        holding({"Node": ["Record"], "Record": ["Text"]}, {"Record": GROWS, "Node": GROWS, "Text": GROWS})
    )

    assert culprit.name == "Node"
    assert culprit.bytes_per_hour == pytest.approx(60_000 * 300)
    assert culprit.evidence.endswith("300 B each; with what one holds of Record, Text")


def test_a_class_that_grows_at_another_pace_is_not_part_of_its_holder() -> None:
    """Who holds the others is not known."""
    many = [10 * size for size in GROWS]

    assert names(ranked(holding({"Node": ["Record"]}, {"Record": many, "Node": GROWS}))) == ["Record", "Node"]


def test_of_classes_that_hold_each_other_one_stays() -> None:
    """Whatever the round they make."""
    three = dict.fromkeys("abc", GROWS)

    (one,) = names(ranked(holding({"a": ["b"], "b": ["a"]}, {"a": GROWS, "b": GROWS})))
    assert one in "ab"
    (one,) = names(ranked(holding({"a": ["b"], "b": ["c"], "c": ["a"]}, three)))
    assert one in "abc"
    assert names(ranked(holding({"a": ["b"], "b": ["a"], "c": ["a"]}, three))) == ["c"]


def test_a_few_numbers_more_are_nothing() -> None:
    """A handful of small objects of the interpreter's is no culprit, however steadily they came; large ones may be."""
    some = [1000, 1010, 1020, 1030]
    large = [
        replace(each, types=tuple(replace(kind, bytes=kind.count << 12) for kind in each.types))
        for each in seen({"bytes": some})
    ]

    assert ranked(seen({"int": some})) == ()
    assert names(ranked(seen({JOB: some}))) == [JOB]
    assert names(ranked(large)) == ["bytes"]


@pytest.mark.parametrize("sizes", [FLAT, [4000, 3000, 2000, 1000], [1000, 5000, 1000, 5000], [1000, 4000, 4000, 4000]])
def test_what_does_not_go_on_growing_is_not_named(sizes: Sequence[int]) -> None:
    """By the same rules as containers."""
    assert ranked(seen({JOB: sizes})) == ()


def test_a_type_that_was_too_small_to_be_listed_is_judged_from_then_on() -> None:
    """It was not counted before; that is not none at all."""
    assert names(ranked(seen({JOB: [None, 2000, 3000, 4000], "dict": FLAT}))) == [JOB]
    assert ranked(seen({JOB: [None, 3000, 3000, 3000], "dict": FLAT})) == ()


@pytest.mark.parametrize(
    "types", [{"dict": 3}, [["dict", 1]], [["dict", -1, 5]], [["dict", 1, "5"]], [[7, 1, 5]], ["dict"], 7]
)
def test_rows_that_are_none_are_refused(types: object) -> None:
    """With the place in the file."""
    with pytest.raises(ValueError, match="type"):
        parse_capture({"floodmark_capture": 1, "t": START, "containers": [], "types": types}, worker="web-0", life=1)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"held_by": "app.jobs[…]", "searched": True}, "; one is held by app.jobs[…]"),
        (
            {"held_by": None, "searched": True},
            "; nothing that has a name holds one: they hold each other, or C code does",
        ),
        ({"held_by": None, "searched": False}, ""),
        ({}, ""),
        ({"holds": ["app.models.Unknown"]}, ""),
    ],
)
def test_who_holds_one_is_said(known: dict[str, object], said: str) -> None:
    """As far as the census looked."""
    captures = []
    for minute, size in enumerate(GROWS):
        file: dict[str, Any] = {
            "floodmark_capture": 1,
            "t": START + minute * MINUTE,
            "containers": [],
            "types": [[JOB, size, 100 * size]],
            "type_owners": {JOB: OWNER | known},
        }
        captures.append(parse_capture(file, worker="web-0", life=1))

    (culprit,) = ranked(captures)
    assert culprit.evidence == f"grew from 1,000 to 4,000 instances over 4 captures, 500 B each{said}"
