"""Planted leaks are named, and healthy services are not accused; each is a process of its own beside a real sidecar."""

from typing import Final

import pytest

from tests.planted._drive import CONTROL_SECONDS, SECONDS, DriveError, drive
from tests.planted._score import score
from tests.planted._truth import Truth, find, truths

QUICK: Final = ("module_dict", "full_lru")

LOOKS: Final = 10
"""Censuses of a control: four or five may by chance see a queue that swings only rise."""

LATER: Final = {
    "files": (3, "where memory climbs by chance, the lines that allocate come before the descriptors"),
    "c_heap": (3, "on a slow machine a cache may fill during all of a trace window"),
}
"""Leaks that need not be the first culprit: which one at the latest, and why."""


@pytest.mark.parametrize("name", QUICK)
def test_a_leak_is_named_within_a_second(name: str) -> None:
    """Four censuses are enough for what grows to be first, with the line on which it is made."""
    said = drive(name, seconds=0.8, censuses=4, window=None)
    found = score(find(name), said.culprits)
    assert (found.place, found.line, said.captures) == (1, "right", 4), said


def test_a_quiet_service_is_not_accused_within_a_second() -> None:
    """A full cache, a queue that swings and lists of a moment are everyday work."""
    said = drive("quiet", seconds=2.25, censuses=LOOKS, window=None)
    assert (said.culprits, said.captures) == ((), LOOKS)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("truth", [truth for truth in truths() if not truth.is_control], ids=lambda truth: truth.name)
def test_a_leak_is_named(truth: Truth) -> None:
    """Once the planted one is named, it is the first culprit, but for a few that may come later."""
    said = drive(truth.name, seconds=SECONDS, until=lambda said: score(truth, said.culprits).place)
    found = score(truth, said.culprits)
    latest, _ = LATER.get(truth.name, (1, ""))
    assert found.place is not None, said
    assert found.place <= latest, said
    assert said.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("truth", [truth for truth in truths() if truth.is_control], ids=lambda truth: truth.name)
def test_a_control_is_not_accused(truth: Truth) -> None:
    """Nothing is named where nothing leaks, and nothing is judged to climb."""
    said = drive(truth.name, seconds=CONTROL_SECONDS, censuses=LOOKS)
    assert (said.culprits, said.judged == "climbing", said.notes) == ((), False, ())


def test_a_service_that_is_not_planted_says_so() -> None:
    """The error of a service that does not begin has its own words."""
    with pytest.raises(DriveError) as caught:
        drive("nothing", seconds=SECONDS)
    assert "no service 'nothing' is planted" in str(caught.value.hint)
