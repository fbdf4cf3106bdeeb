"""What is drawn of a verdict, and the chart of it in a terminal."""

import re

import numpy as np
import pytest

from floodmark_sidecar.cli._chart import chart, charts
from floodmark_sidecar.cli._shown import Shown, shown
from floodmark_sidecar.cli._ticks import size_ticks, time_ticks
from floodmark_sidecar.judge import judge
from tests.sidecar.cli.drawn import CLOCK, LEAK, MAP, ONE_OF_TEN, RECYCLED, STEPS
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have set how wide their terminal is."""
    monkeypatch.setenv("COLUMNS", "140")


def test_what_is_drawn_follows_the_readings_over_a_jump() -> None:
    """A jump that was taken out is in the line, its band and the line of δ: they lie among the floors on both sides."""
    what = shown(STEPS, judge(STEPS))
    assert what.fit is not None
    ((time, size),) = what.jumps

    before, after = np.interp([time - 60, time + 60], what.fit.x, what.fit.line)
    assert after - before == pytest.approx(size, rel=0.1)
    x, y = what.floors
    assert np.median(np.abs(y - np.interp(x, what.fit.x, what.fit.line))[x > what.fit.x[0]]) < size / 4
    assert (what.fit.low <= what.fit.line).all()
    assert (what.fit.line <= what.fit.high).all()
    assert what.fit.delta[0] == what.fit.line[0]


def test_where_a_worker_decides_it_is_drawn_and_the_sum_besides() -> None:
    """Its own readings, floors and slope; a map or a count likewise, and no second time below."""
    what = shown(ONE_OF_TEN, judge(ONE_OF_TEN))
    (worker,) = what.decisive

    assert (worker.name, worker.counted) == ("worker w4", False)
    assert worker.readings[1].max() < 140 * MIB < 1000 * MIB < what.readings[1].min()
    assert worker.fit is not None
    x, y = worker.floors
    assert np.abs(y - np.interp(x, worker.fit.x, worker.fit.line))[x > worker.fit.x[0]].max() < MIB
    assert worker.fit.line[-1] - worker.fit.line[0] > 2 * (worker.fit.delta[-1] - worker.fit.delta[0])

    mapped = shown(MAP, judge(MAP))
    assert [(each.name, each.counted) for each in mapped.decisive] == [("map $jobs$ <&>", True)]
    assert mapped.maps == ()
    assert shown(LEAK, judge(LEAK)).decisive == ()


def test_a_worker_whose_lives_follow_each_other_is_drawn_life_by_life() -> None:
    """No line from one to the next, and floors where its readings are."""
    verdict = judge(RECYCLED)
    (worker,) = shown(RECYCLED, verdict).decisive

    assert (worker.name, worker.joined, len(worker.breaks)) == ("worker w1", True, 3)
    x, y = worker.floors
    assert np.abs(y - np.interp(x, *worker.readings)).max() < MIB


def test_charts_name_what_decided_before_the_sum() -> None:
    """Each chart has a heading, and both end at the same time; a name is no control sequence."""
    lines = charts(shown(ONE_OF_TEN, judge(ONE_OF_TEN)), width=90)
    headings = [
        i for i, line in enumerate(lines) if line.startswith("  worker w4: climbing, +") or "together: steady" in line
    ]

    assert headings[0] == 0
    assert lines[headings[1]].startswith("  memory of all 10 workers together: steady, +")
    first, second = (lines[begin:end] for begin, end in ((0, headings[1]), (headings[1], len(lines))))
    assert any("132 MiB┤" in line for line in first)
    assert any("GiB┤" in line for line in second)
    assert "\n".join(charts(shown(ONE_OF_TEN, judge(ONE_OF_TEN)), width=90, ascii_only=True)).isascii()

    hostile = made.trace_of(CLOCK.t, {"uss_bytes": CLOCK.y, "map.\x1b[2J.entries": np.linspace(0, 4000, len(CLOCK.t))})
    assert "\x1b" not in "".join(charts(shown(hostile, judge(hostile)), width=90))


def test_what_is_drawn_follows_the_readings_over_a_fall() -> None:
    """Floors are drawn as they were read, and the line falls where they do."""
    trace = made.daily(1, 200 * MIB).step(-60 * MIB, 0.5).trace()
    what = shown(trace, judge(trace))

    assert what.fit is not None
    x, y = what.floors
    assert y[x > 0.6 * made.DAY].max() < 150 * MIB < y[(x > 0.2 * made.DAY) & (x < 0.4 * made.DAY)].min()
    assert np.abs(y - np.interp(x, what.fit.x, what.fit.line))[x > what.fit.x[0]].max() < 10 * MIB


def test_a_chart_shows_where_memory_rises() -> None:
    """Floors go from the lower left to the upper right, δ stays below the slope, and both axes are labelled."""
    lines = chart(shown(LEAK, judge(LEAK)), width=80)
    rows = [i for i, line in enumerate(lines[:-3]) if "━" in line]
    delta = [i for i, line in enumerate(lines[:-3]) if "╌" in line]

    assert max(map(len, lines[:-2])) <= 80
    assert lines[rows[0]].rindex("━") > lines[rows[-1]].rindex("━")
    assert min(rows) < min(delta)
    assert any("MiB┤" in line for line in lines)
    assert lines[-2].split()[:4] == ["0", "s", "30", "s"]


@pytest.mark.parametrize("width", [60, 90, 110, 117])
def test_labels_of_times_never_run_into_each_other(width: int) -> None:
    """The last one is drawn to the left of its place where it has to, and then the one before is left out."""
    lines = chart(shown(STEPS, judge(STEPS)), width=width)
    below = lines[next(i for i, line in enumerate(lines) if "└" in line) + 1]
    labels = below.split("  ")
    assert [label.strip() for label in labels if label][-1] == "120 min"
    assert all(re.fullmatch(r"\d+ min", label.strip()) for label in labels if label)


def test_a_chart_marks_jumps_on_its_axis() -> None:
    """An arrow for each."""
    lines = chart(shown(STEPS, judge(STEPS)), width=100)
    assert lines[-3].count("↑") == 1
    assert "↑ jump taken out" in lines[-1]
    narrow = chart(shown(STEPS, judge(STEPS)), width=60)
    assert max(map(len, narrow)) <= 60
    assert narrow[-1].strip().endswith("↑ jump taken out")


def test_a_chart_of_a_terminal_without_unicode_is_ascii() -> None:
    """Every character has a stand-in."""
    for trace in (LEAK, STEPS):
        assert "\n".join(chart(shown(trace, judge(trace)), width=80, ascii_only=True)).isascii()


@pytest.mark.parametrize("sizes", [[], [5.0], [7.0, 7.0]])
def test_a_chart_of_next_to_nothing_is_none_or_flat(sizes: list[float]) -> None:
    """No reading and one reading make no chart; two that are equal do."""
    x = np.arange(float(len(sizes)))
    what = Shown((x, np.array(sizes)), (x[:0], x[:0]), None, (), ())
    assert bool(chart(what, width=60)) == (len(sizes) > 1)


@pytest.mark.parametrize(
    ("end", "labels"),
    [
        (170.0, ["0 min", "1 min", "2 min"]),
        (86_400.0, ["0 h", "6 h", "12 h", "18 h", "24 h"]),
        (86_385.0, ["0 h", "6 h", "12 h", "18 h", "24 h"]),
        (2.5 * 86_400.0, ["0 d", "1 d", "2 d"]),
        (40 * 86_400.0, ["0 d", "10 d", "20 d", "30 d", "40 d"]),
    ],
)
def test_times_are_told_in_one_round_unit(end: float, labels: list[str]) -> None:
    """Seconds to days, whatever the run."""
    assert [label for _, label in time_ticks(end, 4)] == labels


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (260 * MIB, 340 * MIB, ["260 MiB", "280 MiB", "300 MiB", "320 MiB", "340 MiB"]),
        (1.0 * 2**30, 1.1 * 2**30, ["1.00 GiB", "1.02 GiB", "1.04 GiB", "1.06 GiB", "1.08 GiB", "1.10 GiB"]),
        (0.0, 100.0, ["0 B", "20 B", "40 B", "60 B", "80 B", "100 B"]),
    ],
)
def test_sizes_are_told_in_one_unit_that_tells_them_apart(low: float, high: float, labels: list[str]) -> None:
    """As many digits as the steps between them need."""
    assert [label for _, label in size_ticks(low, high, 5)] == labels


def test_no_line_is_drawn_across_a_gap() -> None:
    """After more than three intervals without a reading, and after a life that ended, a new line begins."""
    keep = (LEAK.t - LEAK.t[0] < 40) | (LEAK.t - LEAK.t[0] > 70)
    gap = made.trace_of(LEAK.t[keep], {"uss_bytes": LEAK.column("uss_bytes")[keep]})
    what = shown(gap, judge(gap))
    (first,) = what.breaks
    assert what.readings[0][first] - what.readings[0][first - 1] > 30

    lives = made.recycled(3, 40_000.0, lives=3, workers=1)
    assert len(shown(lives, judge(lives)).breaks) == 2
    assert shown(LEAK, judge(LEAK)).breaks == ()
