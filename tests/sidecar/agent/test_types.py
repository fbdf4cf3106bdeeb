"""What the census counts by type. Given objects directly, it needs no fork."""

import gc
import sys
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from pympler import summary

from floodmark_sidecar.agent import _types
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._origin import Modules

HERE = Modules(sys.modules)


class Job:
    """Something that holds a text and a number."""

    def __init__(self, number: int) -> None:
        self.path = f"/in/{number:05}.jpg"
        self.at = number + 0.5


class Hostile(type):
    """A metaclass none of whose methods must run."""

    def __hash__(cls) -> int:
        raise AssertionError

    __eq__ = __repr__ = __instancecheck__ = __getattribute__ = __hash__  # type: ignore[assignment,misc]


class Bad(metaclass=Hostile):
    """Its instances must not be asked anything, either."""

    def __repr__(self) -> str:
        raise AssertionError

    __len__ = __hash__ = __sizeof__ = __getattribute__ = __repr__  # type: ignore[assignment,misc]


def tallies(*values: Any, ignore: Sequence[object] = ()) -> list[_types.Tally]:
    tracked = [value for value in values if gc.is_tracked(value)]
    dicts = [value for value in values if type(value) is dict]
    return _types.count(ByType(tracked, ignore=ignore), [*dicts, *dicts], pause=lambda: None)


def counted(*values: Any, ignore: Sequence[object] = ()) -> dict[str, tuple[int, int]]:
    return {name: (count, size) for name, count, size in _types.rows(tallies(*values, ignore=ignore), HERE)}


def test_instances_and_what_they_hold_are_counted_once() -> None:
    """Ten jobs have ten texts and ten numbers, however often they are met."""
    jobs = [Job(number) for number in range(10)]
    found = counted(*jobs, [*jobs], [*jobs])

    assert found[f"{__name__}.Job"][0] == 10
    assert found["str"][0] >= 10
    assert found["float"] == (10, 240)
    assert found["list"][0] == 2


class Labels(dict[object, object]):
    """A dict with attributes."""


class Open:
    """Whose attributes have names made while running: its dictionaries share a table of keys."""


def one_by_one(tracked: Sequence[object]) -> Counter[str]:
    """Count *tracked* and all that the collector does not track below them, each by its id."""
    seen, waiting = {id(value): value for value in tracked}, [*tracked]
    while waiting:
        value = waiting.pop()
        below = gc.get_referents(value) if gc.is_tracked(value) or type(value) in {dict, tuple} else []
        if isinstance(value, dict):
            below += [*value]
        fresh = {id(each): each for each in below if not gc.is_tracked(each) and id(each) not in seen}
        seen |= fresh
        waiting += fresh.values()
    return Counter(type(value).__name__ for value in seen.values())


def test_whoever_holds_an_object_it_is_counted_once() -> None:
    """As an element, a value and a key, in a shared table of keys, and several times in one container."""
    held: list[object] = []
    for number in range(200):
        labels = Labels({number * 1000: f"value {number}", f"key {number}": None, (number, b"x"): f"tuple {number}"})
        labels.own = f"own {number}"  # type: ignore[attr-defined]
        one = Open()
        setattr(one, f"made_{number % 7}", f"dynamic {number}")
        text, both = f"twice {number}", f"both {number}"
        held += [
            [both],
            {"both": both},
            labels,
            one,
            [text, text],
            {f"path {n}": (float(n), f"{number}/{n}") for n in range(40)},
        ]
        held += [{f"few {number}": text, number + 0.5: text}, frozenset([f"set {number}"]), {b"k" * 9: [number + 0.25]}]
    gc.collect()
    tracked = [value for value in held if gc.is_tracked(value)]
    tracked += [vars(one) for one in held if type(one) is Open and gc.is_tracked(vars(one))]
    untracked = [value for value in held if not gc.is_tracked(value)]
    counted = _types.count(ByType(tracked), [*untracked, *untracked], pause=lambda: None)

    expected = one_by_one([*tracked, *untracked])
    assert {each.kind.__name__: each.count for each in counted} == expected
    assert expected["str"] > 200 * 45


def test_untracked_containers_are_looked_into() -> None:
    """A dict of path to (path, time) is unknown to the collector, and so is all that is in it."""
    held = {f"/in/{number}": (f"/out/{number}", float(number)) for number in range(100)}
    gc.collect()
    assert not gc.is_tracked(held)
    found = counted(held)

    assert found["str"][0] == 200
    assert (found["tuple"][0], found["float"][0], found["dict"][0]) == (100, 100, 1)


def test_bytes_are_those_of_the_interpreter() -> None:
    """A size is `sys.getsizeof` of each."""
    lists: Sequence[list[int]] = [[*range(size)] for size in range(20)]

    assert counted(*lists)["list"] == (20, sum(map(sys.getsizeof, lists)))


def test_rows_are_those_of_pympler() -> None:
    """Name, count and bytes of every type agree with `pympler.summary.summarize` of the same objects."""
    lists = [[object() for _ in range(size)] for size in range(20)]
    jobs = {number: Job(number) for number in range(5)}
    atoms = [each for values in (lists, jobs.values()) for each in values]
    ours = counted(*atoms)
    theirs = {name: (count, size) for name, count, size in summary.summarize(atoms)}  # type: ignore[no-untyped-call]

    assert {name: ours[name] for name in theirs} == theirs


def test_no_code_of_the_service_runs() -> None:
    """Classes that raise at every touch are counted like any other."""
    bad = [Bad() for _ in range(7)]
    name = f"{__name__}.Bad"
    found = tallies(*bad)

    assert next(row for row in _types.rows(found, HERE) if row[0] == name)[1] == 7
    assert _types.owners(found, HERE)[name]["attribute"] == "Bad"


def test_classes_say_where_they_are_written_and_what_one_holds() -> None:
    """The interpreter's own types say neither, whatever module they say they are from."""
    jobs = [Job(number) for number in range(100)]
    found = _types.owners(tallies(*jobs, *map(weakref.ref, jobs)), HERE)
    assert weakref.ref.__module__ == "weakref"

    owner = found[f"{__name__}.Job"]
    assert (owner["module"], owner["file"], owner["qualname"]) == (__name__, __file__, "")
    assert owner["each_bytes"] == pytest.approx(48 + len("/in/00000.jpg") + 49 + 24, abs=48)
    assert not {"dict", "list", "str", "weakref.ReferenceType"} & found.keys()


def test_what_is_ignored_is_not_counted() -> None:
    """The census does not count its own lists."""
    own = [1.5]

    assert "list" not in counted(own, ignore=[own])


def test_samples_are_of_classes_that_grew() -> None:
    """By enough instances, the steepest first; of what was not counted before nothing is known to have grown."""
    found = tallies(*[Job(number) for number in range(100)])
    name = f"{__name__}.Job"

    def sampled(before: dict[str, int]) -> list[str]:
        return [*_types.samples(found, HERE, known={name}, before=before)]

    assert sampled({name: 60}) == [name]
    assert sampled({name: 69}) == []
    assert sampled({}) == []
    assert not _types.samples(found, HERE, known=set(), before={name: 0})
