"""Workers that are not read at the same instant: what they have together, and how much of the run is covered."""

import time

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, judge
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._rounds import rounds
from tests.sidecar.judge.traces import MIB, Array, trace_of

EVERY = 60.0
T = np.arange(0.0, 86_400.0, EVERY)


def service(shifts: list[float], *, leak: float = 0.0, jitter: float = 0.0, level: float = 100 * MIB) -> Trace:
    """A day of a worker for each of *shifts*, read so many seconds after the others and up to *jitter* late; the first leaks
    *leak* bytes. All but the times is the same whatever they are.
    """
    draw, late = np.random.default_rng(7), np.random.default_rng(8)
    times = [T + shift + np.floor(late.uniform(0, jitter, len(T))) for shift in shifts]
    sizes = [
        level + draw.normal(0, 0.3 * MIB, len(T)) + (0.0 if i else leak * (times[i] - times[i][0]) / 86_400)
        for i in range(len(shifts))
    ]
    return joined(times, sizes)


def joined(times: list[Array], sizes: list[Array], life: str = "1") -> Trace:
    """The trace of workers with these *times* and *sizes*."""
    names = [f"web-{i}" for i, part in enumerate(times) for _ in part]
    return trace_of(np.concatenate(times), {"uss_bytes": np.concatenate(sizes)}, worker=names, life=[life] * len(names))


TURNS = {
    "one second apart": ([0.0, 1.0], 0.0),
    "half an interval apart": ([0.0, 30.0], 0.0),
    "eight in turn": ([float(i) for i in range(8)], 0.0),
    "eight all over the interval": ([7.5 * i for i in range(8)], 0.0),
    "two seconds of jitter": ([0.0] * 4, 2.0),
    "twenty seconds of jitter": ([0.0] * 4, 20.0),
}


@pytest.mark.parametrize(("shifts", "jitter"), TURNS.values(), ids=TURNS)
@pytest.mark.parametrize(("leak", "expected"), [(0.0, "steady"), (60.0 * MIB, "climbing")])
def test_turns_change_no_verdict(shifts: list[float], jitter: float, leak: float, expected: str) -> None:
    """Workers read in turn, or each a little late, are judged as if they were read at once, clean and leaking."""
    together = judge(service([0.0] * len(shifts), leak=leak))
    in_turn = judge(service(shifts, leak=leak, jitter=jitter))

    assert (together.verdict, in_turn.verdict) == (expected, expected), in_turn.reasons
    assert together.coverage.share == 1
    assert in_turn.coverage.share > 0.99
    assert in_turn.coverage.interval == pytest.approx(EVERY, abs=3)
    assert in_turn.worker == together.worker
    assert together.memory is not None
    assert in_turn.memory is not None
    assert in_turn.memory.delta == pytest.approx(together.memory.delta, rel=0.02)
    assert in_turn.memory.slope.estimate == pytest.approx(together.memory.slope.estimate, rel=0.02, abs=20)


def test_a_round_has_every_worker_once() -> None:
    """What workers have together is the sum over the round, not what one of them has at an instant."""
    frame = Frame(service([0.0, 1.0, 2.0]))

    assert frame.t[:2].tolist() == [T[0] + frame.t[0], T[1] + frame.t[0]]
    assert frame.present(np.ones(len(frame.memory))).tolist() == [3] * len(T)
    assert frame.interval == EVERY


def test_workers_read_at_once_keep_their_times() -> None:
    """Rounds are for those that are read in turn: one worker that misses a reading, or begins late, makes none."""
    t = np.array([0.0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])
    worker = np.array([0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1])

    assert rounds(t, worker) is t


def test_who_misses_a_turn_delays_nobody() -> None:
    """A round without one of its workers ends in time."""
    t = np.array([0.0, 1, 10, 21, 30, 31, 40, 41, 50, 51])
    worker = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])

    assert rounds(t, worker).tolist() == [0, 0, 10, 21, 21, 31, 31, 41, 41, 51]


def test_a_masked_reading_leaves_out_its_round() -> None:
    """Where one worker is masked, the others' readings of that turn are not judged either."""
    rows = service([0.0, 1.0]).rows()
    for row in rows[200:220:2]:
        row["masked"] = 1
    coverage = Frame(Trace.from_rows(rows)).coverage()

    assert (coverage.masked, coverage.readings) == (10, len(T) - 10)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_worker_that_is_not_read_is_a_gap(shift: float) -> None:
    """A sum needs every worker that lives: what one of them does between its readings nobody knows."""
    seen = (T < 30_000) | (T > 60_000)
    level = np.full(len(T), 100.0 * MIB)
    verdict = judge(joined([T, (T + shift)[seen]], [level, level[seen]]))
    unlabelled = judge(joined([T, (T + shift)[seen]], [level, level[seen]], life=""))

    assert verdict.verdict == "inconclusive"
    assert verdict.coverage.share == pytest.approx(1 - 30_000 / 86_400, abs=0.01)
    assert verdict.coverage.largest_gap == pytest.approx(30_000, abs=200)
    assert unlabelled.coverage.share == 1


def test_workers_read_at_different_rates_have_no_gaps() -> None:
    """One that is read every ten minutes is covered by its own readings."""
    slow = T[::10]
    verdict = judge(joined([T, slow + 1], [np.full(len(T), 100.0 * MIB), np.full(len(slow), 100.0 * MIB)]))

    assert verdict.coverage.share == 1


def test_rounds_take_linear_time() -> None:
    """Eight workers of a day of readings every 15 s are put into rounds in no time to speak of."""
    t = np.sort(np.concatenate([np.arange(0.0, 86_400.0, 15.0) + i for i in range(8)]))
    worker = np.arange(len(t)) % 8
    began = time.perf_counter()
    found = rounds(t, worker)

    assert time.perf_counter() - began < 0.5
    assert len(np.unique(found)) == 5760
