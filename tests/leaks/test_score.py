"""What counts as right, and what the report makes of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from floodmark_sidecar.culprits import Culprit
from tests.leaks._cases import Case, Side
from tests.leaks._record import Run
from tests.leaks._report import Row, render
from tests.leaks._score import Score, score
from tests.planted._drive import Said
from tests.planted.fix_culprits import culprit

LEAK = Case("one", Path(), "a==1", "a==2", "climbing", ("_kept",), "`a.py` `_kept`", 30, 3)
CONTROL = Case("two", Path(), "b==1", None, "steady", (), "a cache that fills", 30, 3)
RUN = Run(75.0, 120, ("a==1",), (), "abc", "today")


def scored(match: str, *culprits: Culprit, text: str = "") -> Score:
    """The score where every line reads *text*."""
    return score((match,), culprits, lambda _where: text)


@pytest.mark.parametrize(
    ("match", "said", "place"),
    [
        ("_kept", culprit("_kept"), 1),
        ("_kept", culprit("x", path="a.Pool._kept"), 1),
        ("_kept", culprit("kept"), None),
        ("events", culprit("revents"), None),
        ("cookiejar", culprit("x", where="aiohttp/cookiejar.py:9"), 1),
        ("unservic", culprit("_unserviceable"), 1),
        ("thread", culprit("worker", kind="thread"), 1),
        ("native", culprit("malloc", kind="native"), 1),
        ("str", culprit("builtins.str", kind="type"), 1),
        ("str", culprit("structlog"), None),
        ("thread", culprit("threading.py:9", kind="line", where="threading.py:9"), None),
        ("case.py", culprit("case.py:5", kind="line", where="case.py:5"), 1),
    ],
)
def test_a_culprit_is_right_by_a_word(match: str, said: Culprit, place: int | None) -> None:
    """Of its kind, name, path or line; a word may go on after what the case gives, unless that is short."""
    assert scored(match, said).place == place


def test_a_culprit_may_be_right_by_what_holds_it() -> None:
    """What the user wrote is named, and the chain leads to the place."""
    held = culprit("s", path="case.s", evidence="grew from 1 to 9 entries; held by case.s.events; keys like events-#")
    assert (scored("events", held).place, scored("events", held).by_chain) == (1, True)
    assert scored("entries", held).place is None
    assert not scored("case", held).by_chain


@pytest.mark.parametrize(
    ("where", "text", "line"),
    [
        ("a/pool.py:9", "self._kept = {}", "right"),
        ("a/pool.py:9", "self._other = {}", "wrong"),
        ("a/pool.py:9", "", "wrong"),
        (None, "", "none"),
    ],
)
def test_a_line_is_right_by_its_text(where: str | None, text: str, line: str) -> None:
    """One that cannot be read is wrong, one that is not told is none."""
    assert scored("_kept", culprit("_kept", where=where), text=text).line == line


def test_a_line_may_be_where_the_user_made_what_holds_the_leak() -> None:
    """A culprit that is right by its chain is made in the user's code, where nothing is said of the package's inside."""
    held = culprit("pool", where="case.py:3", evidence="held by case.pool._kept")
    assert [scored("_kept", held, text=text).line for text in ("pool = a.Pool()", "x = 1")] == ["right", "wrong"]
    assert scored("prom", culprit("prom.values.Value", where="prom/values.py:9"), text="class Value:").line == "right"


def test_a_line_of_the_case_is_right_where_the_case_says_so() -> None:
    """Nearer one cannot get to what C code loses."""
    assert scored("case.py", culprit("x", kind="line", where="case.py:7"), text="pass").line == "right"


def test_those_ahead_are_counted() -> None:
    """All of them where none is right."""
    ahead = [culprit("x"), culprit("y", where="a.py:1")]
    assert scored("_kept", *ahead, culprit("_kept")).before == ("container x", "container y (a.py:1)")
    assert scored("_kept", *ahead).before == ("container x", "container y (a.py:1)")


def row(side: Side, judged: str, *culprits: Culprit) -> Row:
    """A side of which this was said."""
    said = Said(judged, "python", culprits, 12, (), ("memory moves",))
    return Row(side, RUN, said, scored("_kept", *culprits))


def test_what_is_known_of_a_side_is_said() -> None:
    """A fixed side that leaks something else is accused all the same, and the report says that it leaks."""
    cheroot = replace(LEAK, name="cheroot_thread")
    text = render({}, [row(Side(cheroot, "fixed", "a==2"), "climbing")])
    assert "Of 1 fixed sides 1 are accused" in text
    assert "1 of the accused do leak, by counts taken without floodmark: cheroot_thread-fixed." in text
    assert "`logging.statistics` has an entry for each" in text


def test_the_report_adds_up() -> None:
    """A leak named second, one that was not run, a fixed side that is accused, and a control that is undecided."""
    rows = [
        row(Side(LEAK, "leaky", "a==1"), "climbing", culprit("x"), culprit("_kept")),
        Row(Side(LEAK, "leaky", "c==1"), failed="pip says no"),
        row(Side(LEAK, "fixed", "a==2"), "climbing"),
        row(Side(CONTROL, "control", "b==1"), "inconclusive", culprit("cache")),
    ]
    assert [each.is_accused for each in rows] == [False, False, True, False]
    text = render({"date": "today"}, rows)
    assert (
        "Of 2 leaky sides 1 are climbing; the right culprit is named first in 0, within three in 1, at all in 1" in text
    )
    assert "Of 1 fixed sides 1 are accused, 0 are steady; 0 have anything named" in text
    assert "Of 1 controls 0 are accused, 0 are steady; 1 have anything named" in text
    assert "| floodmark | 2 | 1 | 0 | 1 | 1 of 1 | 0 of 1 |" in text
    assert "| one | a==1 | climbing | python | container x | 2 | container _kept | none | 1 |" in text
    assert "| two | b==1 | inconclusive | python | no | container cache |" in text
    assert "pip says no" in text
    assert text.count("### one-leaky") == 2
