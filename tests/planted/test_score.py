"""The yardstick itself: what counts as right, as fair and as false."""

import re

import pytest

from floodmark_sidecar.culprits import Culprit
from tests.planted._drive import Said
from tests.planted._report import Row, render
from tests.planted._score import score
from tests.planted._truth import Truth, find, truths
from tests.planted.fix_culprits import culprit

ORDERS = find("module_dict")
PATH = "tests.planted.services.containers.orders"


def line_of(truth: Truth, text: str) -> int:
    """The first line of the service's source with *text*."""
    lines = truth.file.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_every_leak_has_its_lines_and_every_control_has_none() -> None:
    """The marks in the sources are found, each service has its own, and names are not given twice."""
    for truth in truths():
        assert bool(truth.lines) != truth.is_control, truth.name
    assert len({truth.name for truth in truths()}) == len(truths()) == 29
    assert [truth.name for truth in truths() if truth.is_control] == ["filling_cache", "fragmentation", "quiet"]


def test_the_lines_are_those_of_the_source() -> None:
    """Where the dict is made and where it grows are both right."""
    assert ORDERS.lines == {line_of(ORDERS, "orders: dict"), line_of(ORDERS, "orders[f")}


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (culprit("orders"), 1),
        (culprit("x", path=PATH), 1),
        (culprit("orders", path=f"{PATH}[…]"), 1),
        (culprit("orders", kind="thread"), None),
        (culprit("reorders"), None),
        (culprit("orders_total"), None),
    ],
)
def test_a_culprit_is_right_by_kind_and_name(said: Culprit, place: int | None) -> None:
    """The last part of a dotted name counts, whole, and only for a kind that is accepted."""
    assert score(ORDERS, [said]).place == place


def test_a_line_alone_is_right() -> None:
    """A line of the source needs no name; one beside it is wrong."""
    line = line_of(ORDERS, "orders[f")
    right = culprit("x", kind="line", where=f"tests/planted/services/containers.py:{line}")
    wrong = culprit("x", kind="line", where=f"tests/planted/services/containers.py:{line + 1}")
    assert (score(ORDERS, [right]).place, score(ORDERS, [right]).line) == (1, "right")
    assert (score(ORDERS, [wrong]).place, score(ORDERS, [wrong]).false) == (None, 1)


def test_a_right_name_at_a_wrong_line_shows() -> None:
    """The line is told apart from the name, and from no line at all."""
    said = [culprit("orders", where="tests/planted/services/containers.py:1"), culprit("orders")]
    assert [score(ORDERS, [each]).line for each in said] == ["wrong", "none"]


def test_false_names_are_counted_ahead_and_in_all() -> None:
    """What grows with the leak is neither right nor false."""
    ranking = [culprit("pages"), culprit("app.Record", kind="type"), culprit("orders"), culprit("queue")]
    found = score(ORDERS, ranking)
    assert (found.place, found.before, found.false, found.first) == (3, ("container pages",), 2, "container pages")


def test_whatever_is_named_in_a_control_is_false() -> None:
    """Even what would be fair beside a leak."""
    assert score(find("quiet"), [culprit("str", kind="type")]).accuses
    assert not score(find("quiet"), []).accuses


def test_the_report_has_a_row_for_each_and_adds_up() -> None:
    """A leak named second, one missed and a control that was accused."""
    ranking = (culprit("pages"), culprit("orders"))
    rows = [
        Row(truth, said, score(truth, said.culprits))
        for truth, said in [
            (ORDERS, Said("climbing", "python", ranking, 6, ())),
            (find("files"), Said("inconclusive", "unknown", (), 5, ("no room",))),
            (find("quiet"), Said("steady", "none", ranking[:1], 6, ())),
        ]
    ]
    text = render({"date": "today"}, rows, stretch=30)
    assert "- date: today" in text
    assert "| module_dict | 2 | no | yes | none | container pages | 1 | container pages | climbing, python |" in text
    assert "| files | no | no | no | none |  | 0 | nothing | inconclusive, unknown (climbing, fds) |" in text
    assert "| quiet | yes | container pages | steady, none |" in text
    assert re.search(r"Of 2 leaks 1 were named, 0 of them first \(0%\) and 1 among the first three, 0\s", text)
    assert "- files: no room" in text
