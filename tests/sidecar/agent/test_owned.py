"""What an entry owns: all that is reached from it alone. Given objects directly, it needs no fork."""

import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from floodmark_sidecar.agent import _census, _owned
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._origin import Modules
from tests.sidecar.agent.hostile import Hostile

BIG = 10_000


class Written:
    """A class that is in its module's code."""

    kept: Any = None

    class Inner:
        """A class in a class."""

    def method(self) -> None:
        """Is there once."""


def written() -> None:
    """Do nothing."""


def last(special: list[Any]) -> list[list[Any]]:
    """Return a hundred entries of which those of the last run alone are *special*."""
    return [special if number >= 80 else [number + 1_000_000] for number in range(100)]


def found(
    *values: Any,
    before: Mapping[str, int] | None = None,
    loaded: Mapping[str, ModuleType] = sys.modules,
    clock: Callable[[], float] = lambda: 0.0,
) -> dict[int, _owned.Owned]:
    """Return what entries own of those of *values* that were looked into; where nothing is said of *before*, of each."""
    containers, _ = _census.biggest(
        ByType(values), [value for value in values if type(value) is dict], pause=lambda: None
    )
    known = {str(id(each.value)): 0 for each in containers} if before is None else before
    return _owned.owned(
        containers, known, modules=Modules(loaded), running=[sys._getframe()], pause=lambda: None, clock=clock
    )


def owned(value: Any) -> _owned.Owned:
    """Return what an entry of *value* owns."""
    return found(value)[id(value)]


def deep(number: int) -> list[Any]:
    """Return a list with 10 kB five levels down."""
    return [{"a": [{"b": [bytes(BIG) + bytes([number % 256])]}]}]


@pytest.mark.parametrize(
    "make",
    [
        lambda values: dict(enumerate(values)),
        list,
        deque,
        lambda values: set(map(Holder, values)),
        lambda values: {Holder(value): None for value in values},
    ],
    ids=["dict", "list", "deque", "set", "keys"],
)
def test_what_is_far_below_an_entry(make: Callable[[Sequence[Any]], Any]) -> None:
    """However deep: bytes and objects by type, for each entry."""
    mean = owned(make([deep(number) for number in range(100)]))
    assert BIG < mean.bytes < BIG + 1500
    assert (mean.types["dict"], mean.types["list"], mean.types["bytes"]) == (2, 3, 1)


class Holder:
    """Something that has one attribute."""

    def __init__(self, held: Any) -> None:
        self.held = held


def test_what_all_entries_share_is_nobodys() -> None:
    """Wherever they meet, with all below it."""
    shared = [deep(number) for number in range(20)]
    mean = owned({number: [[[shared]], number + 1_000_000] for number in range(1000)})
    assert mean.bytes < 500
    assert "bytes" not in mean.types


def test_what_one_entry_reaches_before_others_do_is_still_shared() -> None:
    """At whatever depth the others come to it: what is below it is no longer counted either."""
    shared = [bytes(100 * BIG)]
    depths = [[shared], [[[shared]]], [[[[[shared]]]]]]
    assert owned([[depths[number % 3]] for number in range(100)]).bytes < 500


def test_an_entry_that_is_the_same_everywhere_is_nobodys() -> None:
    """A default that all keys have is not what each of them gains."""
    default = [bytes(100 * BIG)]
    assert owned([default for _ in range(100)]).bytes < 500


def test_what_neighbours_share_is_divided_among_them() -> None:
    """As where one request leaves eight entries that hold it."""
    groups = [Holder(bytes(BIG) + bytes([number % 256])) for number in range(50)]
    mean = owned([[groups[number // 8]] for number in range(400)])
    assert BIG / 8 < mean.bytes < BIG / 3


def test_what_modules_hold_is_there_anyway() -> None:
    """Even if one entry alone leads to it, or to the module."""
    module = ModuleType("service")
    module.__dict__["cache"] = cache = [bytes(100 * BIG)]
    value = last([cache, module])
    assert found(value, loaded={"service": module})[id(value)].bytes < 200
    del module.__dict__["cache"]
    assert found(value, loaded={"service": module})[id(value)].bytes > BIG


def test_classes_and_functions_that_are_written_are_there_anyway() -> None:
    """Though one entry alone has an instance of them, or one of their methods."""
    Written.kept = [bytes(100 * BIG)]
    mean = owned(last([Written(), Written.Inner(), written, Written().method]))
    assert not {"function", "type"} & mean.types.keys()
    assert mean.bytes < 200


def test_a_class_made_once_is_shared() -> None:
    """By all that have an instance."""

    class Local:
        payload = bytes(BIG)

    assert owned([[Local()] for _ in range(100)]).bytes < 500


def test_classes_and_functions_made_for_an_entry_are_its_own() -> None:
    """With what is in them."""

    def make(number: int) -> Any:
        payload = bytes(BIG) + bytes([number % 256])
        kind = type(
            "Made", (), {"__module__": "service", "__qualname__": "make.<locals>.Made", "call": lambda: payload}
        )
        return number, kind

    mean = owned([[make(number)] for number in range(60)])
    assert mean.types["type"] == mean.types["function"] == mean.types["cell"] == 1
    assert mean.bytes > BIG


def test_an_entry_counts_whatever_it_is() -> None:
    """Also a class that a module has."""
    module = ModuleType("service")
    kinds = [type(f"Kind{number}", (), {"__module__": "service", "held": deep(number)}) for number in range(64)]
    module.__dict__.update({kind.__name__: kind for kind in kinds})
    mean = found(kinds, loaded={"service": module})[id(kinds)]
    assert mean.types["type"] == 1
    assert mean.bytes > BIG


def test_other_entries_are_not_entered() -> None:
    """As in a list of nodes that each hold the next one."""
    nodes = [Holder(bytes(BIG) + bytes([number % 256])) for number in range(100)]
    for node, after in pairwise(nodes):
        node.after = after  # type: ignore[attr-defined]
    assert owned(nodes).bytes == pytest.approx(BIG, rel=0.1)


def test_frames_that_run_are_not_entered() -> None:
    """Nor counted: they belong to nobody's entry."""
    value = last([sys._getframe()])
    containers, _ = _census.biggest(ByType([value]), [], pause=lambda: None)
    running = [sys._getframe()]
    mean = _owned.owned(containers, {}, modules=Modules({}), running=running, pause=lambda: None)[id(value)]
    assert "frame" not in mean.types


def test_keys_below_an_entry_count_but_for_names_of_attributes() -> None:
    """The former are the entry's own texts, the latter are written in the source."""
    value = [{f"{number:05}" * 400: 0} for number in range(100)]
    assert owned(value).bytes > 2000
    holders = [Holder(None) for _ in range(100)]
    for number, each in enumerate(holders):
        vars(each)["x" * 2000 + str(number)] = None
    assert owned([[each] for each in holders]).types.get("str", 0.0) == 0


def test_those_that_gained_most_are_looked_into() -> None:
    """None of those that did not, and where nothing is known from before the heaviest."""
    still, grown = [[number] for number in range(5000)], [[number] for number in range(50)]
    before = {str(id(still)): 5000, str(id(grown)): 40}
    assert found(still, grown, before=before).keys() == {id(grown)}
    assert found(still, grown, before={}).keys() == {id(still), id(grown)}
    many = [[number] * 32 for number in range(100)]
    assert len(found(*many)) == _owned.MOST_CONTAINERS


def test_time_is_limited() -> None:
    """What takes too long says nothing, and nothing is begun after it."""
    now = iter(range(1000))
    values = [[[number] for number in range(50)] for _ in range(2)]
    assert found(*values, clock=lambda: float(next(now))) == {}


def test_too_much_says_nothing() -> None:
    """Where not even one entry can be walked to its end; if it is only the next, that is counted as far as it went."""
    huge = [[[[object() for _ in range(500)] for _ in range(10)]] for _ in range(32)]
    assert found(huge) == {}
    large = [[[object() for _ in range(500)] for _ in range(5)] for _ in range(64)]
    assert 1200 < owned(large).types["object"] <= 2500


def test_only_a_part_of_a_long_container_is_looked_at() -> None:
    """A hundred thousand objects in one entry do not use up what there is for all."""
    assert owned([[object() for _ in range(5000)] for _ in range(32)]).types["object"] == 1024


def test_nothing_of_the_service_runs() -> None:
    """No method, attribute or metaclass of a foreign type is ever asked."""
    hostile = Hostile()
    thing, mapping = hostile.type("Thing"), hostile.type("Mapping", dict)
    value = dict.__new__(mapping)
    for number in range(64):
        inner = dict.__new__(mapping)
        dict.update(inner, dict.fromkeys(range(2000)))
        dict.__setitem__(value, number, [object.__new__(thing), inner, thing])
    assert owned(value).bytes > 1000
    assert hostile.asked == []
