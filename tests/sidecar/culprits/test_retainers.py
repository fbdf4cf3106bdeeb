"""Who holds what grows, in words and as a graph."""

from typing import Any

import pytest

from floodmark_sidecar.culprits import graph, path_text
from tests.sidecar.culprits.scripted import captures, ranked


def culprit(rank: int, name: str, *steps: tuple[str, str]) -> dict[str, Any]:
    return {"rank": rank, "name": name, "retainers": [{"name": step, "type": kind} for step, kind in steps]}


def test_the_way_of_a_culprit_is_that_of_its_container() -> None:
    """As the census saw it; none where it did not."""
    steps = [["app.scheduler", "app.Scheduler"], [".locks", "dict"]]
    (found,) = ranked(captures("app.Scheduler.locks", [100, 200, 300], retainers=steps))
    told = found.as_dict()["retainers"]
    assert told == [{"name": "app.scheduler", "type": "app.Scheduler"}, {"name": ".locks", "type": "dict"}]
    assert path_text(told) == "app.scheduler (app.Scheduler) → .locks (dict)"
    assert ranked(captures("app.locks", [100, 200, 300]))[0].as_dict()["retainers"] == []


@pytest.mark.parametrize("steps", ["app", [["app"]], [["app", "dict", 1]], [["app", 5]], [1]])
def test_ways_that_are_none_are_refused(steps: Any) -> None:
    """With what is wrong in words."""
    with pytest.raises(ValueError, match=r"retainers of container 0 must be a list|type of container 0 must be a text"):
        captures("app.locks", [100], retainers=steps)


def test_words_of_what_has_no_name() -> None:
    """What is inside something goes by its type, what is left out by its dots."""
    told = culprit(1, "fetch", ("app.fetch", "lru_cache"), ("…", ""), ("", "dict"))["retainers"]
    assert path_text(told) == "app.fetch (lru_cache) → … → (dict)"
    assert path_text([]) == ""


def test_what_several_begin_with_is_drawn_once() -> None:
    """One object of the service holds two culprits: it is one box, with two ways on."""
    scheduler = ("app.scheduler", "app.Scheduler")
    drawn = graph(
        [culprit(1, "locks", scheduler, (".locks", "dict")), culprit(3, "pending", scheduler, (".pending", "dict"))]
    )
    assert drawn is not None
    boxes = [line.partition("]")[0] for line in drawn.splitlines() if line.startswith("  n") and " [label" in line]
    assert [box.partition(", ")[0] for box in boxes] == [
        '  n0 [label="app.scheduler\\nScheduler"',
        '  n1 [label="1. .locks\\ndict"',
        '  n2 [label="3. .pending\\ndict"',
    ]
    assert ["fillcolor" in box for box in boxes] == [False, True, True]
    assert [line.strip() for line in drawn.splitlines() if "->" in line] == ["n0 -> n1;", "n0 -> n2;"]


def test_a_culprit_may_hold_another() -> None:
    """It is a step of the other's way, and marked all the same."""
    drawn = graph([culprit(1, "all", ("app.all", "dict")), culprit(2, "all", ("app.all", "dict"), ("[…]", "list"))])
    assert drawn is not None
    assert drawn.count("fillcolor") == 2
    assert "  n0 -> n1;" in drawn


def test_nothing_known_is_nothing_drawn() -> None:
    """A thread has no way that leads to it."""
    assert graph([culprit(1, "worker")]) is None
    assert graph([]) is None


def test_few_are_drawn() -> None:
    """A picture of twenty is not read."""
    drawn = graph([culprit(number, f"c{number}", (f"app.c{number}", "dict")) for number in range(1, 21)])
    assert drawn is not None
    assert drawn.count("fillcolor") == 8


def test_names_are_text_and_nothing_else() -> None:
    """Quotes, backslashes and entities of a name neither end a label nor become anything in it."""
    drawn = graph([culprit(1, "x", ('x\\N"]; b [label="', "&lt;script&gt;"))])
    assert drawn is not None
    assert 'label="1. x\\\\N\\"]; b [label=\\"\\n&amp;lt;script&amp;gt;"' in drawn


def test_long_names_lose_their_middle() -> None:
    """A box stays as wide as can be read."""
    drawn = graph([culprit(1, "c", ("a" * 300 + "tail", "dict"))])
    assert drawn is not None
    assert f'label="1. {"a" * 21}…{"a" * 19}tail\\ndict"' in drawn
