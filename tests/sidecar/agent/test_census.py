"""What the census counts. Given objects directly, it needs no fork."""

import gc
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Sequence
from typing import Any

import pytest

from floodmark_sidecar.agent import _census
from floodmark_sidecar.agent._by_type import ByType
from tests.sidecar.agent.hostile import Hostile


def census(*values: Any, ignore: Sequence[object] = ()) -> list[_census.Container]:
    tracked = [value for value in values if gc.is_tracked(value)]
    untracked = [value for value in values if not gc.is_tracked(value)]
    return _census.biggest(ByType(tracked, ignore=ignore), [*untracked, *untracked], pause=lambda: None)[0]


class Registry(dict[str, int]):
    """A subclass whose own methods must not be asked."""

    def __len__(self) -> int:
        raise AssertionError

    __iter__ = __getitem__ = items = keys = __sizeof__ = __len__  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({f"/in/{number}.jpg": float(number) for number in range(100)}, "dict"),
        ({number: [number] for number in range(100)}, "dict"),
        (list(range(100)), "list"),
        (set(range(100)), "set"),
        (deque(range(100)), "deque"),
        (OrderedDict.fromkeys(range(100)), "OrderedDict"),
        (defaultdict(list, {number: [number] for number in range(100)}), "defaultdict"),
        (Counter(range(100)), "Counter"),
        (Registry({str(number): number for number in range(100)}), f"{__name__}.Registry"),
    ],
    ids=["untracked dict", "dict", "list", "set", "deque", "OrderedDict", "defaultdict", "Counter", "subclass"],
)
def test_kinds(value: Any, kind: str) -> None:
    """Every builtin container and its subclasses are counted by the builtin's own length, once."""
    (found,) = census(value)
    assert (found.kind, found.entries) == (kind, 100)
    assert found.shallow_bytes >= 8 * 100


def test_small_containers_are_left_out() -> None:
    """Below 32 entries nothing is said of a container."""
    assert census(list(range(31))) == []
    assert len(census(list(range(32)))) == 1


def test_a_container_may_be_ignored() -> None:
    """The census does not count its own lists."""
    value = list(range(100))
    assert census(value, ignore=[value]) == []


def test_entry_bytes_of_text_and_number() -> None:
    """One entry of `path → time` is the size of the path and of the float, the table left out."""
    (found,) = census({f"/in/{number:04}.jpg": float(number) for number in range(1000)})
    assert found.entry_bytes == pytest.approx(len("/in/0000.jpg") + 49 + 24, abs=9)


def test_entry_bytes_look_below_an_instance() -> None:
    """What a value holds belongs to its entry, whether its attributes are in a dictionary or inside it."""

    class Job:
        def __init__(self, number: int) -> None:
            self.payload = bytes(1000) + bytes([number % 256])

    jobs = {number: Job(number) for number in range(300)}
    (found,) = census(jobs)
    assert found.entry_bytes is not None
    assert 1000 < found.entry_bytes < 1600
    vars(jobs[0])
    assert census(jobs)[0].entry_bytes == pytest.approx(found.entry_bytes, rel=0.2)


def test_what_entries_share_is_counted_once() -> None:
    """A value that all entries refer to does not make each of them big."""
    shared = bytes(100_000)
    (found,) = census({number: [number, shared] for number in range(1000)})
    assert found.entry_bytes is not None
    assert found.entry_bytes < 100_000 / 20


def test_the_heaviest_come_first_and_few_are_kept() -> None:
    """A short list of large values outweighs a long one of small ones; at most 400 are kept."""
    heavy = [bytes(50_000 + number) for number in range(40)]
    found = census(list(range(5000)), heavy, *(list(range(40)) for _ in range(500)))
    assert found[0].value is heavy
    assert len(found) == _census.MOST_CONTAINERS


def test_types_that_raise_from_everything() -> None:
    """No method, attribute or metaclass of a foreign type is ever asked."""
    hostile = Hostile()
    thing, sequence = hostile.type("Thing"), hostile.type("Hostile", list)
    value = list.__new__(sequence)
    list.extend(value, (object.__new__(thing) for _ in range(50)))
    (found,) = census(value)
    assert found.entries == 50
    assert found.kind.endswith(".Hostile")
    assert hostile.asked == []


def test_a_rationed_child_sleeps_most_of_the_time() -> None:
    """At a duty of a quarter, each second of work is followed by three of sleep; at one, by none."""
    now = 0.0
    slept: list[float] = []
    pacer = _census.Pacer(0.25, clock=lambda: now, sleep=slept.append)
    now = 1.0
    pacer()
    assert slept == [3.0]
    _census.Pacer(1.0, clock=lambda: now, sleep=slept.append)()
    assert slept == [3.0]
