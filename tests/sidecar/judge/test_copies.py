"""Pages that forked workers copy: no growth of the service, named in the ledger, and no place for a leak to hide."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, judge
from floodmark_sidecar.judge._copies import copies
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._lives import Life, split_lives
from floodmark_sidecar.traces import generate
from tests.sidecar.judge.traces import MIB, Array, trace_of

RUN = 6 * 3600.0
ROW = "copy-on-write un-sharing"
SAID = " of pages that they shared when they began, by writing to them: "
SEEDS = range(200, 202)


@cache
def forked(seed: int) -> Trace:
    """Four workers and their master, without a leak."""
    return generate("N18", seed=seed, duration=RUN, workers=4).trace


def leaking(trace: Trace, size: float) -> Trace:
    """Let the first worker grow by *size* of its own."""
    grown = np.where(trace.worker == trace.workers.index("web-1"), size * (trace.t - trace.t[0]) / RUN, 0.0)
    more = {name: trace.column(name) + grown for name in ("uss_bytes", "rss_bytes")}
    return replace(trace, columns={**trace.columns, **more})


def without(trace: Trace, *names: str) -> Trace:
    return replace(trace, columns={name: values for name, values in trace.columns.items() if name not in names})


def pair(values: Array) -> Array:
    return np.tile(values, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_that_copy_their_masters_pages_are_steady(seed: int) -> None:
    """Their own memory rises by up to what they shared; the reasons say how much, the ledger has a row for it."""
    verdict = judge(forked(seed))

    assert verdict.verdict == "steady"
    assert any(SAID in reason for reason in verdict.reasons)
    assert verdict.evidence is not None
    assert verdict.evidence.copied > 20 * MIB
    assert dict(verdict.ledger)[ROW] > MIB
    rows = {row["row"]: row["bytes"] for row in verdict.as_dict()["ledger"]}
    assert rows[ROW] > 2 * sum(abs(size) for row, size in rows.items() if row != ROW)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leak_beside_the_copies_climbs(seed: int) -> None:
    """What one worker grows by of its own shows in full, and is no part of the copies."""
    verdict, twin = judge(leaking(forked(seed), 20 * MIB)), judge(forked(seed))

    assert (verdict.verdict, verdict.worker) == ("climbing", "web-1")
    assert verdict.memory is not None
    assert verdict.memory.slope.estimate * RUN == pytest.approx(20 * MIB, rel=0.05)
    assert dict(verdict.ledger)[ROW] == pytest.approx(dict(twin.ledger)[ROW], rel=0.05)
    assert any(SAID in reason for reason in verdict.reasons)


def test_without_resident_memory_nothing_is_known_of_copies() -> None:
    """The same growth may then be anything: it is not taken out, and not spoken of."""
    trace = without(forked(205), "rss_bytes")
    verdict, frame = judge(trace), Frame(trace)

    assert verdict.verdict != "steady"
    assert not any(SAID in reason for reason in verdict.reasons)
    assert ROW not in dict(verdict.ledger)
    assert np.array_equal(frame.memory, frame.used)


def test_a_leak_while_the_kernel_drops_shared_pages_is_not_steady() -> None:
    """Two workers whose objects grow by 15 MiB each, while 20 MiB of the libraries that both map are dropped."""
    t = np.arange(0.0, RUN, 30.0)
    u = t / RUN
    own = 60 * MIB + 15 * MIB * u
    columns = {
        "uss_bytes": own,
        "rss_bytes": own + 40 * MIB - 20 * MIB * u,
        "python_blocks": 3e5 + 15 * MIB * u / 80,
        "heap_used_bytes": np.full(len(t), 5.0 * MIB),
        "heap_free_bytes": np.full(len(t), 1.0 * MIB),
        "mmap_bytes": np.full(len(t), 1.0 * MIB),
    }
    workers = ["web-1"] * len(t) + ["web-2"] * len(t)

    verdict = judge(trace_of(pair(t), {name: pair(values) for name, values in columns.items()}, worker=workers))

    assert verdict.verdict != "steady"


def slots_of(*ends: tuple[int, ...], readings: int = 20) -> tuple[tuple[Life, ...], ...]:
    """One slot for each of *ends*, the readings at which its lives end; rows are slot by slot."""
    worker = np.repeat(np.arange(len(ends)), readings)
    key = np.concatenate([np.searchsorted(end, np.arange(readings), side="right") for end in ends])
    return split_lives(worker, key, np.tile(np.arange(float(readings)), len(ends)), late=2.5)


RISE = 50.0 * MIB + np.linspace(0, 10, 20) * MIB
LEVEL = np.full(20, 80.0 * MIB)


def test_copies_are_what_a_life_shares_fewer_than_at_first() -> None:
    """By row: nothing at first, then as much as its own memory rose while its resident memory stayed."""
    found = copies(slots_of((), ()), pair(RISE), pair(LEVEL), np.full(len(pair(RISE)), np.nan))

    assert np.all(found[:3] < MIB)
    assert found[19] == found[39] == pytest.approx(9 * MIB, abs=MIB / 4)
    assert np.all(np.diff(found[:20]) >= 0)


def test_growth_that_resident_memory_has_too_is_no_copy() -> None:
    """What is new is resident as well."""
    assert not copies(slots_of((), ()), pair(RISE), pair(LEVEL + RISE), np.full(len(pair(RISE)), np.nan)).any()


def test_a_worker_that_shares_more_has_copied_nothing() -> None:
    """It is never less than nothing, whatever others copied."""
    own, resident = np.concatenate([LEVEL, RISE]), np.concatenate([LEVEL + RISE, LEVEL])

    found = copies(slots_of((), ()), own, resident, np.full(len(own), np.nan))

    assert found.min() == 0
    assert not found[3:20].any()
    assert found[39] > 8 * MIB


def test_one_process_alone_shares_with_nobody() -> None:
    """Pages of files that it alone maps may come and go; nothing of its growth is a copy."""
    assert not copies(slots_of(()), RISE, LEVEL, np.full(len(RISE), np.nan)).any()
    assert copies(slots_of((), ()), pair(RISE), pair(LEVEL), np.full(len(pair(RISE)), np.nan)).any()


def test_copies_of_less_than_a_mib_are_no_matter() -> None:
    """A few pages in each worker are noise."""
    small = 50.0 * MIB + np.linspace(0, 0.4, 20) * MIB

    assert not copies(slots_of((), ()), pair(small), pair(LEVEL), np.full(len(pair(small)), np.nan)).any()


def test_each_life_begins_with_what_it_shares_itself() -> None:
    """A worker that is forked anew shares all again: its life before is no measure."""
    twice = np.tile(RISE[:10], 2)
    resident = LEVEL - 10 * MIB * (np.arange(20) >= 10)

    found = copies(slots_of((10,), (10,)), pair(twice), pair(resident), np.full(len(pair(twice)), np.nan))

    assert np.all(found[10:13] < MIB)
    assert found[19] == pytest.approx(found[9])
    assert found[9] > 3 * MIB


def test_a_life_whose_resident_memory_was_not_read_throughout_has_none() -> None:
    """One missing reading leaves that life as it is, and no other."""
    resident = pair(LEVEL)
    resident[4] = np.nan

    found = copies(slots_of((), ()), pair(RISE), resident, np.full(len(pair(RISE)), np.nan))

    assert not found[:20].any()
    assert found[39] > 8 * MIB


def test_a_process_that_comes_alone_leaves_growth_as_it_is() -> None:
    """One worker's trace, cut out of a forked service, is judged with all that it grew by."""
    trace = forked(205)
    rows = trace.worker == trace.workers.index("web-1")
    alone = Trace(
        trace.t[rows],
        np.zeros(np.count_nonzero(rows), np.intp),
        ("web-1",),
        trace.life[rows],
        trace.lives,
        trace.segment[rows],
        trace.segments,
        trace.masked[rows],
        {name: values[rows] for name, values in trace.columns.items()},
    )

    verdict = judge(alone)

    assert verdict.evidence is not None
    assert verdict.evidence.copied == 0
    assert ROW not in dict(verdict.ledger)


def test_what_is_in_use_is_no_copy() -> None:
    """Pages of files that the kernel drops are shared no more either: what a worker keeps of its own is growth."""
    assert not copies(slots_of((), ()), pair(RISE), pair(LEVEL), pair(RISE)).any()
    assert copies(slots_of((), ()), pair(RISE), pair(LEVEL), pair(LEVEL)).any()
