"""The report of the cost's bench: what was reached, from what was measured."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench.cost._load import Answers
from tests.bench.cost._measure import CENSUS, NATIVE, NOTHING, OBJGRAPH, PYMPLER, WINDOW, Act, Block, Measured, Steady
from tests.bench.cost._report import draw, reached, render
from tests.bench.cost._subject import AGAIN, OFF, READINGS, WAYS


def steady(*costs: float, agent: float = 0.0, sidecar: float = 0.0) -> Steady:
    """Rounds of a hundred requests, each of which cost so much."""
    blocks = tuple(Block(100 * cost, Answers(tuple(number / 1e4 for number in range(100)))) for cost in costs)
    return Steady(blocks, 50 << 20, 30 << 20, agent=agent, sidecar=sidecar)


def act(stall: float) -> Act:
    return Act(1.0, 0.36, stall, Answers((0.001, stall)), 1 << 20)


def measured(
    floodmark: float = 1.0,
    *,
    sidecar: float = 0.0,
    census: float = 0.01,
    pympler: float = 0.3,
    objects: int = 1_000_000,
) -> Measured:
    ways = {way.name: steady(1e-3, 2e-3, 1e-3) for way in WAYS}
    ways[READINGS.name] = steady(floodmark * 1e-3, floodmark * 2e-3, 9e-3, agent=1e-4, sidecar=sidecar)
    stalls = {NOTHING: 0.001, CENSUS: census, WINDOW: 0.01, NATIVE: 0.02, PYMPLER: pympler, OBJGRAPH: 0.1}
    return Measured(objects, 100.0, ways, {kind: (act(stall / 2), act(stall)) for kind, stall in stalls.items()})


def test_a_round_is_compared_with_itself() -> None:
    """The machine of the second was twice as slow for all; the third met something of its own."""
    found = measured(1.005)

    usual, least, most = found.steady[READINGS.name].over(found.steady[OFF.name])

    assert (usual, least, most) == pytest.approx((1.005, 1.005, 9.0))


@pytest.mark.parametrize(("sidecar", "said"), [(7.9e-4, "reached"), (8.1e-4, "**not reached**")])
def test_a_hundredth_more_a_request_is_allowed(sidecar: float, said: str) -> None:
    """Of a millisecond at a hundred requests a second: of the agent 0.1 ms a second, of a census an hour as much."""
    line, _ = reached([measured(1.02, sidecar=sidecar)])

    assert line.endswith(f": {said}")
    assert "+1.0 % with floodmark, as counted; by difference +2.0 %, where chance alone gives +0.0 %" in line


def test_what_is_counted_is_told_by_part() -> None:
    """In microseconds of processor time a request, and as a share of one without floodmark."""
    text = render({}, [measured(sidecar=3e-4)])

    assert "| the agent's thread | 1.0 µs | 0.10 % |" in text
    assert "| the sidecar | 3.0 µs | 0.30 % |" in text
    assert "| a census an hour | 1.0 µs | 0.10 % |" in text
    assert "| all of floodmark | 5.0 µs | 0.50 % |" in text


@pytest.mark.parametrize(
    ("census", "pympler", "objects", "said"),
    [
        (0.029, 0.3, 1_000_000, "reached"),
        (0.031, 9.9, 1_000_000, "**not reached**"),
        (0.029, 0.28, 1_000_000, "**not reached**"),
        (0.05, 0.6, 5_000_000, "reached"),
    ],
)
def test_a_census_stalls_a_tenth_of_what_pympler_does(census: float, pympler: float, objects: int, said: str) -> None:
    """The worst of each counts, and of a million objects also how long it is."""
    _, line = reached([measured(census=census, pympler=pympler, objects=objects)])

    assert line.endswith(f": {said}")


def test_a_report_has_every_way_and_every_capture() -> None:
    """With the heading that it was given."""
    text = render({"machine": "a few cores"}, [measured(), measured(objects=5_000_000)])

    assert "- machine: a few cores" in text
    for name in (*(way.name for way in WAYS), NOTHING, CENSUS, WINDOW, NATIVE, PYMPLER, OBJGRAPH):
        assert text.count(f"\n| {name} |") == 2
    assert f"| {AGAIN.name} | 1,000 µs | +0.0 % (+0.0 % to +0.0 %) |" in text


def test_the_picture_is_one(tmp_path: Path) -> None:
    """Of all ways and captures, over the sizes of the heap."""
    draw(tmp_path / "cost.svg", [measured(objects=100_000), measured()])

    text = (tmp_path / "cost.svg").read_text()
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own
