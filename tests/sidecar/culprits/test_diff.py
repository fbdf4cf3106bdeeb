"""What grew and shrank between two captures: what goes with what, in which order, and what is said of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pympler import summary

from floodmark_sidecar.culprits import Change, Diff, Snapshot, diff, parse_snapshot
from tests.sidecar.culprits.scripted import START, container, locate

Row = tuple[str, int, int]
IN_ALL = {"floodmark_capture": 1, "service": "web", "pid": 77, "python": "3.11.7", "complete": True}


def snapshot(
    t: float = 0.0,
    *containers: dict[str, Any],
    types: Sequence[Row] | None = None,
    worker: str = "web-0",
    life: int = 1,
    **more: Any,
) -> Snapshot:
    """Return a capture taken *t* seconds after the start."""
    file = IN_ALL | {"t": START + t, "containers": list(containers)} | more
    if types is not None:
        file["types"] = [list(row) for row in types]
    return parse_snapshot(file, worker=worker, life=life)


def compared(before: Snapshot, after: Snapshot, at_most: int | None = None) -> Diff:
    """Return the difference, located by the fake that knows a line for every owner."""
    return diff(before, after, locate=locate, at_most=at_most)


def rows(found: Diff) -> list[tuple[str | None, int | None, int | None]]:
    """Return (path, entries before, entries after) of the containers that changed."""
    return [(row.path, row.entries.before, row.entries.after) for row in found.containers.rows]


def counts(found: Diff) -> list[tuple[str, int | None, int | None, int]]:
    """Return (name, count before, count after, change in bytes) of the types that changed."""
    assert found.types is not None
    return [(row.name, row.count.before, row.count.after, row.bytes.by) for row in found.types.rows]


def test_types_are_pymplers_difference_with_both_ends() -> None:
    """The rows are those of `summary.get_diff`, the largest growth first, without those that did not change."""
    first: list[Row] = [("dict", 10, 640), ("app.Job", 5, 480), ("gone", 3, 300), ("same", 1, 1)]
    second: list[Row] = [("app.Job", 50, 4800), ("dict", 9, 600), ("same", 1, 1), ("new", 2, 100)]
    found = compared(snapshot(0, types=first), snapshot(60, types=second))

    assert counts(found) == [
        ("app.Job", 5, 50, 4320),
        ("new", None, 2, 100),
        ("dict", 10, 9, -40),
        ("gone", 3, None, -300),
    ]
    assert found.types is not None
    ours = {(row.name, row.count.by, row.bytes.by) for row in found.types.rows}
    theirs = summary.get_diff([list(row) for row in first], [list(row) for row in second])  # type: ignore[no-untyped-call]
    assert ours == {tuple(row) for row in theirs if row[1] or row[2]}


def test_two_classes_of_one_name_are_one_row() -> None:
    """A class that was made twice is two rows of a summary; what counts is their sum."""
    before = snapshot(0, types=[("m.T", 1, 10), ("m.T", 2, 20)])
    after = snapshot(60, types=[("m.T", 3, 30), ("m.T", 4, 40)])

    assert counts(compared(before, after)) == [("m.T", 3, 7, 40)]


def test_a_type_has_the_line_of_its_class() -> None:
    """`type_owners` says where the class is written."""
    owners = {"app.Job": {"module": "app", "file": "/srv/app.py", "qualname": "", "attribute": "Job", "each_bytes": 9}}
    before = snapshot(0, types=[("app.Job", 1, 10)], type_owners=owners)
    after = snapshot(60, types=[("app.Job", 2, 20)], type_owners=owners)
    found = compared(before, after)

    assert found.types is not None
    assert [row.where for row in found.types.rows] == ["Job.py:7"]


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        (None, [("int", 1, 28)], "the first does not count types: only containers are compared"),
        ([("int", 1, 28)], None, "the second does not count types: only containers are compared"),
        (None, None, "neither capture counts types: only containers are compared"),
    ],
)
def test_a_capture_without_types_is_compared_by_its_containers(
    first: list[Row] | None, second: list[Row] | None, note: str
) -> None:
    """No types is not the same as no objects."""
    before = snapshot(0, container("app.jobs", 40), types=first)
    after = snapshot(60, container("app.jobs", 400), types=second)
    found = compared(before, after)

    assert found.types is None
    assert found.as_dict()["types"] is None
    assert rows(found) == [("app.jobs", 40, 400)]
    assert found.notes == (note,)


def test_a_container_is_told_with_its_ends_its_bytes_and_its_line() -> None:
    """Bytes are those of the table and of what its entries hold."""
    found = compared(snapshot(0, container("app.jobs", 40)), snapshot(60, container("app.jobs", 400)))
    (row,) = found.containers.rows

    assert (row.name, row.path, row.where, row.kind) == ("jobs", "app.jobs", "jobs.py:7", "dict")
    assert (row.entries, row.bytes) == (Change(40, 400), Change(40 * 120, 400 * 120))
    assert row.containers == Change(1, 1)


def test_a_size_that_only_one_capture_has_sampled_is_no_growth() -> None:
    """Tables are compared where entries were not sampled on both sides."""
    before = snapshot(0, container("app.jobs", 40, entry_bytes=None))
    found = compared(before, snapshot(60, container("app.jobs", 40)))

    assert rows(found) == []


def test_in_one_process_a_container_is_the_same_by_its_id() -> None:
    """One without a name is followed, and so is one whose path was not found, or was another, the first time."""
    before = snapshot(
        0,
        container(None, 40, id=1),
        container(None, 50, id=2, entry_bytes=5.0),
        container("app.old", 60, id=3, entry_bytes=1.0),
    )
    after = snapshot(
        60,
        container(None, 90, id=1),
        container("app.late", 95, id=2, entry_bytes=5.0),
        container("app.new", 99, id=3, entry_bytes=1.0),
    )

    assert rows(compared(before, after)) == [(None, 40, 90), ("app.late", 50, 95), ("app.new", 60, 99)]


def test_an_id_that_was_used_again_is_another_container() -> None:
    """In another place and with fewer entries it is not the one that was there."""
    found = compared(
        snapshot(0, container("app.old", 600, id=3)), snapshot(60, container("app.new", 99, id=3, entry_bytes=1.0))
    )

    assert rows(found) == [("app.new", None, 99), ("app.old", 600, None)]


def test_of_two_processes_containers_are_the_same_by_their_path() -> None:
    """Ids mean nothing there; what has no name goes by its kind and the shape of its keys, summed up."""
    before = snapshot(
        0,
        container("app.jobs", 40, id=1),
        container("app.other", 77, id=2),
        container(None, 50, id=3, shape="task-#", entry_bytes=1.0),
        container(None, 60, id=4, shape="task-#", entry_bytes=1.0),
    )
    after = snapshot(
        60,
        container("app.other", 77, id=1),
        container("app.jobs", 400, id=2),
        container(None, 200, id=5, shape="task-#", entry_bytes=1.0),
        pid=78,
    )
    found = compared(before, after)

    assert rows(found) == [("app.jobs", 40, 400), (None, 110, 200)]
    assert found.containers.rows[1].name == "dict of task-#"
    assert found.containers.rows[1].containers == Change(2, 1)
    assert found.notes[0] == ("they are of two processes: containers are the same here if they have the same path")


def test_all_that_one_path_holds_is_one_row() -> None:
    """Of many instances of a class the sum counts, and how many there are."""
    before = snapshot(0, *(container("app.Session.cache", 40, id=number) for number in range(3)))
    after = snapshot(60, *(container("app.Session.cache", 50, id=number) for number in range(2, 7)))
    (row,) = compared(before, after).containers.rows

    assert (row.entries, row.containers) == (Change(120, 250), Change(3, 5))


@pytest.mark.parametrize(
    "other",
    [
        {"pid": 78},
        {"service": "api"},
        {"python": "3.12.1"},
        {"life": 2},
        {"worker": "web-1"},
        {"pid": None},
    ],
    ids=str,
)
def test_what_is_not_known_to_be_one_process_is_two(other: dict[str, Any]) -> None:
    """A pid alone is not enough: in a container it is 1 after every restart."""
    before = snapshot(0, container(None, 40, id=1, shape="a"))
    after = snapshot(60, container(None, 90, id=1, shape="b"), **other)
    found = compared(before, after)

    assert not found.one_process
    assert [(row.entries.before, row.entries.after) for row in found.containers.rows] == [(None, 90), (40, None)]


def test_a_file_that_says_no_worker_goes_by_service_and_pid() -> None:
    """A capture that was renamed is still of its process."""
    before = snapshot(0, container(None, 40, id=1), worker="", life=0)

    assert compared(before, snapshot(60, container(None, 90, id=1))).one_process


NOTES = [
    ({"service": "api"}, "they are of two services, web and api"),
    (
        {"python": "3.12.1"},
        "they are of two versions of Python, 3.11.7 and 3.12.1, in which the same objects may have other sizes",
    ),
    (
        {"complete": False, "how": "process", "notes": ["taken in the process itself: gRPC is loaded"]},
        "the census of the second was taken in the process itself: gRPC is loaded",
    ),
    ({"complete": False}, "the census of the second was cut short: what it lacks may be there all the same"),
    (
        {"t": -60},
        "the second is 1 min older than the first: what is shown to grow here has shrunk, and the other way round",
    ),
    ({"t": 0}, "both are the same capture: there is nothing to compare"),
]


@pytest.mark.parametrize(("other", "note"), NOTES, ids=[str(other) for other, _ in NOTES])
def test_what_makes_a_difference_hard_to_read_is_a_note(other: dict[str, Any], note: str) -> None:
    """It is said, and is no error."""
    assert (
        note in compared(snapshot(0, types=[("a", 1, 1)]), snapshot(**{"t": 60, "types": [("a", 1, 1)], **other})).notes
    )


def test_two_captures_of_one_process_need_no_note() -> None:
    """What is as it should be is not mentioned."""
    assert compared(snapshot(0, types=[("a", 1, 1)]), snapshot(60, types=[("a", 1, 1)])).notes == ()


def test_the_largest_changes_are_kept_and_the_rest_is_summed_up() -> None:
    """What shrank much is not pushed out by what grew little; what is left out has a number and its bytes."""
    first: list[Row] = [("falls", 90, 900), ("a", 1, 10), ("b", 1, 10), ("c", 1, 10)]
    second: list[Row] = [("falls", 1, 10), ("a", 1, 500), ("b", 1, 12), ("c", 1, 13)]
    found = compared(snapshot(0, types=first), snapshot(60, types=second), at_most=2)

    assert [name for name, *_ in counts(found)] == ["a", "falls"]
    assert found.as_dict()["more"] == {"types": {"rows": 2, "bytes": 5}, "containers": {"rows": 0, "bytes": 0}}


def test_only_what_is_kept_is_looked_up_in_the_sources() -> None:
    """Each look parses a file."""
    asked = []
    before = snapshot(0, *(container(f"app.c{number}", 40) for number in range(9)))
    after = snapshot(60, *(container(f"app.c{number}", 50 + number) for number in range(9)))
    diff(before, after, locate=lambda owner: asked.append(owner.attribute), at_most=2)

    assert asked == ["c8", "c7"]


BAD = [
    ({"types": 5}, "types of a capture must be a list"),
    ({"types": [["a", 1]]}, "type 0 must be a row of name, count and bytes"),
    ({"types": [["a", -1, 2]]}, "count of type 0 must be a whole number >= 0 (got -1)"),
    ({"pid": "x"}, "pid of the capture must be a whole number >= 0 (got 'x')"),
    ({"service": 3}, "service of the capture must be a text (got int)"),
    ({"floodmark_capture": 2}, "not a capture of format 1"),
]


@pytest.mark.parametrize(("wrong", "sentence"), BAD, ids=[sentence[:30] for _, sentence in BAD])
def test_a_capture_that_makes_no_sense_says_what(wrong: dict[str, Any], sentence: str) -> None:
    """The value is in the sentence."""
    with pytest.raises(ValueError, match=r".+") as caught:
        parse_snapshot(IN_ALL | {"t": START, "containers": []} | wrong)
    assert str(caught.value).startswith(sentence)


_NUMBERS = st.integers(0, 10**9)
_TYPES = st.none() | st.lists(st.tuples(st.sampled_from("abcd"), _NUMBERS, _NUMBERS), max_size=5)
_CONTAINERS = st.lists(
    st.builds(
        lambda path, number, entries, more: container(path, entries, id=number, **more),
        st.sampled_from([None, "app.a", "app.b", "app.c"]),
        st.integers(1, 4),
        st.integers(32, 10**6),
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["dict", "list"]),
                "entry_bytes": st.none() | st.floats(0, 1e6),
                "shape": st.sampled_from([None, "#"]),
            }
        ),
    ),
    max_size=5,
    unique_by=lambda each: each["id"],
)
_SNAPSHOTS = st.builds(
    lambda t, containers, types, pid: snapshot(t, *containers, types=types, pid=pid),
    st.integers(0, 3),
    _CONTAINERS,
    _TYPES,
    st.sampled_from([77, 78]),
)


@given(_SNAPSHOTS, _SNAPSHOTS)
def test_the_other_way_round_everything_has_the_other_sign(first: Snapshot, second: Snapshot) -> None:
    """diff(A, B) is the negative of diff(B, A), whatever goes with what."""
    there, back = compared(first, second), compared(second, first)

    def changes(found: Diff, sign: int) -> list[tuple[int, ...]]:
        of_types = () if found.types is None else found.types.rows
        every = [(row.count, row.bytes) for row in of_types]
        every += [(row.entries, row.bytes) for row in found.containers.rows]
        return sorted((sign * number.by, sign * size.by) for number, size in every)

    def ends(found: Diff, *, swapped: bool) -> list[str]:
        pairs = [(row.entries.before, row.entries.after) for row in found.containers.rows]
        return sorted(str(pair[::-1] if swapped else pair) for pair in pairs)

    assert changes(there, 1) == changes(back, -1)
    assert ends(there, swapped=False) == ends(back, swapped=True)


@given(_SNAPSHOTS)
def test_a_capture_and_itself_do_not_differ(one: Snapshot) -> None:
    """Nothing changed, and that they are one is said."""
    found = compared(one, replace(one))

    assert not found.containers.rows
    assert found.types is None or not found.types.rows
    assert found.notes[0] == "both are the same capture: there is nothing to compare"
