"""The truths: what is said of a trace holds when it is measured."""

from typing import Any

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace
from floodmark_sidecar.traces import FAMILIES, PAIRS, Labelled, Pair, generate

MIB = 1 << 20
RUN = 7200.0
GROWTH = 24 * MIB / RUN
"""Twelve MiB in the second half: large against the pages that readings are rounded to."""

LEAKS = [code for code, family in FAMILIES.items() if family.kind == "leak"]
LEVEL = ["N1", "N2", "N3", "N4", "N7b", "N10a", "N10b", "N12", "N13", "N14a", "N14b", "N16"]
"""Null families whose second half rises no more than it falls."""


def leak(code: str, seed: int = 3, **parameters: Any) -> Labelled:
    return generate(code, seed=seed, duration=RUN, growth=GROWTH, **parameters)


def clean(code: str, seed: int = 3, **parameters: Any) -> Labelled:
    return generate(code, seed=seed, duration=RUN, **parameters)


def memory(trace: Trace) -> np.ndarray:
    return trace.column("uss_bytes") + trace.column("swap_bytes")


def added(column: str, code: str, **parameters: Any) -> np.ndarray:
    """What a leak adds to *column*, without any noise: the clean twin has the same."""
    with_leak, without = leak(code, **parameters).trace, clean(code, **parameters).trace
    both = [memory(trace) if column == "memory" else trace.column(column) for trace in (with_leak, without)]
    return np.asarray(both[0] - both[1])


def late_growth(trace: Trace, y: np.ndarray) -> float:
    """What *y* adds in a second over the run's second half: within lives, summed over workers."""
    total, seconds = 0.0, RUN / 2
    for slot in range(len(trace.workers)):
        rows = trace.worker == slot
        changes = np.diff(y[rows])
        counts = (np.diff(trace.life[rows]) == 0) & (trace.t[rows][:-1] >= RUN / 2)
        total += float(changes[counts].sum())
    return total / seconds


@pytest.mark.parametrize("code", [code for code in LEAKS if code not in {"L10", "L14"}])
def test_a_leak_adds_what_was_asked_for(code: str) -> None:
    """A leak differs from its clean twin by the growth that was asked for, within 3 %, and by nothing before its onset."""
    made, more = leak(code), added("memory", code)

    assert made.truth.slope_bytes_per_second == GROWTH
    assert late_growth(made.trace, more) == pytest.approx(GROWTH, rel=0.03)
    assert np.all(np.abs(more[made.trace.t < made.truth.onset_seconds]) <= 4096)


def test_garbage_that_is_not_collected_grows_as_asked() -> None:
    """Where the collector stops, its teeth go; what is left grows by what was asked for."""
    more = added("memory", "L14", onset=0.1, height=0.005, period=5.0)
    late = np.arange(len(more)) >= len(more) // 2

    assert np.polyfit(leak("L14").trace.t[late], more[late], 1)[0] == pytest.approx(GROWTH, rel=0.05)


def test_a_leak_behind_a_shrinking_cache_is_in_its_map_alone() -> None:
    """Memory is the twin's; the map's bytes grow by what was asked for."""
    made = leak("L10")
    entries = made.trace.column("map.move_history.bytes")

    assert np.all(np.abs(added("memory", "L10")) <= 4096)
    assert late_growth(made.trace, entries) == pytest.approx(GROWTH, rel=0.03)


@pytest.mark.parametrize("code", LEAKS)
def test_a_clean_twin_is_steady(code: str) -> None:
    """Without growth there is no leak, no slope and no culprit; with it the label is the family's."""
    assert clean(code).truth.label == "steady"
    assert clean(code).truth.slope_bytes_per_second == 0
    assert clean(code).truth.culprit is None
    assert leak(code).truth.label == FAMILIES[code].label
    assert leak(code).truth.reason


@pytest.mark.parametrize("code", LEVEL)
def test_a_level_family_has_no_trend(code: str) -> None:
    """Over many seeds, the end of the run is no higher than its middle."""
    rises = []
    for seed in range(15):
        made = clean(code, seed)
        y, u = memory(made.trace), made.trace.t / made.trace.t[-1]
        middle, end = np.median(y[(u > 0.5) & (u < 0.7)]), np.median(y[u > 0.8])
        rises.append(float(end - middle) / float(made.parameters["level"]))

    assert np.mean(rises) < 0.004


@pytest.mark.parametrize(
    ("code", "column"), [("L11", "heap_used_bytes"), ("L12", "mmap_bytes"), ("L13", "heap_free_bytes")]
)
def test_bytes_outside_python_are_in_their_own_column(code: str, column: str) -> None:
    """Native memory, mappings and kept memory grow where they belong, and no block does."""
    assert added(column, code)[-1] == pytest.approx(added("memory", code)[-1], rel=0.01)
    assert np.all(added("python_blocks", code) == 0)


@pytest.mark.parametrize("code", [code for code in LEAKS if FAMILIES[code].growth_class == "python"])
def test_bytes_of_python_show_in_its_blocks(code: str) -> None:
    """What Python leaks is blocks and, of large objects, heap in use; together they are the growth."""
    blocks, heap = added("python_blocks", code), added("heap_used_bytes", code)
    rest = added("memory", code) - heap
    grown = leak(code).trace.t >= 0.9 * RUN

    assert late_growth(leak(code).trace, blocks) > 0
    assert 30 < np.median(rest[grown & (blocks > 0)] / blocks[grown & (blocks > 0)]) < 200


@pytest.mark.parametrize(("code", "column"), [("L15a", "threads"), ("L15b", "fds"), ("L15c", "tasks")])
def test_counts_grow_with_their_bytes(code: str, column: str) -> None:
    """Threads, descriptors and tasks grow in number, each of the bytes that were drawn."""
    each = float(leak(code).parameters["each"])

    assert added(column, code)[-1] == pytest.approx(added("memory", code)[-1] / each, abs=1.5)


@pytest.mark.parametrize("code", list(FAMILIES))
def test_columns_agree_with_each_other(code: str) -> None:
    """The heap is within memory, memory within what is resident; a map's books balance, and its bound holds."""
    made = leak(code) if code in LEAKS else clean(code)
    trace = made.trace
    heap = sum(np.nan_to_num(trace.column(f"{part}_bytes")) for part in ("heap_used", "heap_free", "mmap"))

    assert np.all(heap <= memory(trace) + 16 * 1024)
    assert np.all(trace.column("rss_bytes") >= trace.column("uss_bytes"))
    for name in trace.map_names:
        entries, bound = trace.column(f"map.{name}.entries"), trace.column(f"map.{name}.maxsize")
        books = trace.column(f"map.{name}.adds") - trace.column(f"map.{name}.removes")
        known = np.isfinite(entries)
        assert np.array_equal(books[known], entries[known])
        assert np.all(entries[known] == np.round(entries[known]))
        assert not np.any(entries > bound)
    for slot in range(len(trace.workers)):
        rows = trace.worker == slot
        served = np.diff(trace.column("requests_total")[rows])
        # A clock that is set back puts readings among earlier ones.
        assert code == "N14b" or not np.any(served[np.diff(trace.life[rows]) == 0] < 0)


@pytest.mark.parametrize("code", [code for code in LEAKS if code != "L4" and leak(code).truth.culprit])
def test_a_culprit_is_a_map_that_holds_the_leak(code: str) -> None:
    """The named map's bytes grow by what was asked for, whatever its entries do."""
    more = added(f"map.{leak(code).truth.culprit}.bytes", code)

    assert late_growth(leak(code).trace, more) == pytest.approx(GROWTH, rel=0.05)


def test_a_table_that_doubles_grows_in_steps_and_its_entries_in_a_line() -> None:
    """Memory jumps, the map that the table holds grows all the while."""
    more = added("memory", "L4", doubling=True, steps=4, table=1.0)
    entries = added("map.results.entries", "L4", doubling=True, steps=4, table=1.0)

    assert np.count_nonzero(np.diff(more) > MIB / 4) == 4
    assert np.diff(entries).max() <= 1 + 1.5 * entries[-1] / len(entries)


def test_what_a_spike_leaves_stays() -> None:
    """After the burst malloc keeps what was drawn, and no more comes to it."""
    made = clean("N11", place=0.3, kept=0.8)
    free = made.trace.column("heap_free_bytes")
    burst = float(made.parameters["height"]) * float(made.parameters["level"])

    assert np.median(free[-100:]) - np.median(free[:100]) == pytest.approx(0.8 * burst, abs=MIB / 4)
    assert abs(np.median(free[-100:]) - np.median(free[200:300])) < MIB / 4


def test_a_full_map_whose_values_grow_stays_full() -> None:
    """Entries are at the bound, bytes are not."""
    trace = leak("B1").trace
    late = trace.t > RUN / 3

    assert np.all(trace.column("map.profiles.entries")[late] == trace.column("map.profiles.maxsize")[late])
    assert trace.column("map.profiles.bytes")[-1] > trace.column("map.profiles.bytes")[late][0] + 8 * MIB


def test_a_raised_bound_is_raised_again_and_again() -> None:
    """Entries follow a bound that goes up several times and is never far."""
    trace = leak("B3").trace
    bound = trace.column("map.sessions_cache.maxsize")

    assert np.count_nonzero(np.diff(bound) > 0.02 * bound[0]) >= 4
    assert np.median(trace.column("map.sessions_cache.entries") / bound) > 0.8


def test_a_bound_over_the_budget_is_never_reached() -> None:
    """Full, the map would be more than the service is."""
    made = leak("L19")
    entries, bound = made.trace.column("map.previews.entries"), made.trace.column("map.previews.maxsize")
    each = made.trace.column("map.previews.bytes")[-1] / entries[-1]

    assert entries[-1] < 0.9 * bound[-1]
    assert bound[-1] * each > 1.5 * float(made.parameters["level"])


def test_a_cache_ends_at_its_bound() -> None:
    """The fill of an LRU never passes its maxsize, whose bytes are what was drawn."""
    made = clean("N5", tau=0.05)
    entries, bound = made.trace.column("map.thumbnails.entries"), made.trace.column("map.thumbnails.maxsize")
    full = float(made.parameters["size"]) * float(made.parameters["level"])

    assert entries[-1] == bound[-1]
    assert made.trace.column("map.thumbnails.bytes")[-1] == pytest.approx(full, rel=0.01)


def test_a_ratchet_keeps_no_more_than_was_in_use() -> None:
    """What malloc keeps is at most the largest burst, and it grows ever more rarely."""
    made = clean("N7a", bursts=300.0, tail=1.0)
    free = made.trace.column("heap_free_bytes")
    base = 0.06 * float(made.parameters["level"])

    assert free.max() <= float(made.parameters["size"]) * float(made.parameters["level"]) + base + MIB
    assert np.median(free[-100:]) - np.median(free[240:340]) < MIB


def test_copies_of_pages_show_in_nothing_but_private_memory() -> None:
    """Each forked worker's own memory rises to what it shared; what is resident, the heap and the blocks are flat."""
    made = clean("N18", tau=0.1)
    trace, shared = made.trace, float(made.parameters["shared"]) * float(made.parameters["level"])
    rows = trace.worker == trace.workers.index("web-0")
    rise = {
        name: np.median(values[rows][-60:]) - np.median(values[rows][20:40]) for name, values in trace.columns.items()
    }

    assert rise["uss_bytes"] > 0.25 * shared
    assert abs(rise["rss_bytes"]) < 0.2 * rise["uss_bytes"]
    assert abs(rise["heap_used_bytes"]) < 0.2 * rise["uss_bytes"]
    assert "master" in trace.workers


def test_a_swapped_leak_leaves_resident_memory() -> None:
    """The swap grows by the leak; the rest is what has not been swapped yet."""
    assert added("swap_bytes", "L17")[-1] > 0.9 * GROWTH * RUN
    assert added("uss_bytes", "L17").max() < 0.1 * GROWTH * RUN


def test_one_worker_of_several_leaks() -> None:
    """All the growth is in one slot."""
    trace, more = leak("L18").trace, added("memory", "L18")
    by_worker = [more[trace.worker == slot][-1] for slot in range(len(trace.workers))]

    assert sum(growth > MIB for growth in by_worker) == 1
    assert len(by_worker) >= 3


def test_recycling_hides_a_leak_in_the_sum() -> None:
    """Each life grows, and the next begins without it."""
    trace, more = leak("L2b").trace, added("memory", "L2b")
    born = [np.flatnonzero((trace.worker == slot) & (trace.life > 0))[0] for slot in range(len(trace.workers))]

    assert len(trace.lives) >= 3
    assert all(abs(more[row]) <= 4096 for row in born)


def test_odd_readings_are_odd_in_their_own_way() -> None:
    """Whole MiB, gaps and a clock that jumps, a second life, masked readings that are the high ones."""
    assert np.all(clean("N14a").trace.column("uss_bytes") % MIB == 0)
    gaps = clean("N14b", missing=0.1, gaps=3, jump=300.0).trace.t
    assert len(gaps) < 0.95 * 480
    assert np.diff(gaps).max() > 200
    assert np.any(np.diff(clean("N14b", jump=-120.0, missing=0.0, gaps=0).trace.t) < 14)
    assert len(clean("N14c").trace.lives) >= 2
    traced = clean("N15", size=0.4).trace
    assert np.median(memory(traced)[traced.masked]) > np.median(memory(traced)[~traced.masked])


@pytest.mark.parametrize("code", ["N5", "L8", "L9"])
def test_without_its_map_a_curve_is_undecidable(code: str) -> None:
    """Where the evidence is taken away, the map is gone and the truth says so."""
    made = clean(code, evidence=False, tau=0.4) if code == "N5" else leak(code, evidence=False)

    assert made.truth.label == "undecidable"
    assert made.truth.culprit is None
    assert made.trace.map_names == ("move_locks", "pending")


@pytest.mark.parametrize(("errors", "label"), [(8, "undecidable"), (300, "climbing")])
def test_few_errors_are_undecidable_with_a_map_as_well(errors: int, label: str) -> None:
    """Its entries come in the same few jumps."""
    labels = {leak("L3", seed, errors=errors, mapped=True).truth.label for seed in range(3, 30)}

    assert label in labels
    assert errors == 8 or labels == {"climbing"}


@pytest.mark.parametrize(
    ("steps", "size", "label"), [(3, 0.1, "undecidable"), (2, 0.1, "steady"), (3, 0.003, "steady")]
)
def test_three_jumps_alike_are_undecidable(steps: int, size: float, label: str) -> None:
    """They may be the first of a staircase; two are none, and small ones matter to nobody."""
    assert clean("N6a", steps=steps, size=size).truth.label == label


def test_unseen_daily_load_is_decided_by_a_second_day() -> None:
    """One period is undecidable and tells of no load; two are not."""
    one, two = generate("N8b", seed=1, every=300.0), generate("N8b", seed=1, duration=172_800.0, every=300.0)

    assert (one.truth.label, two.truth.label) == ("undecidable", "steady")
    assert set(one.trace.columns) == {"uss_bytes", "swap_bytes", "rss_bytes", "threads"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_pair_is_alike_and_has_opposite_truths(pair: Pair) -> None:
    """The leak is one, the other is none, unless nothing tells them apart; both have the same level."""
    bad, good = pair.generate(seed=2, growth=GROWTH, duration=RUN)

    assert pair.why
    assert (bad.truth.label == "undecidable") == (pair.told_by == "nothing")
    assert bad.truth.label in {"climbing", "undecidable"}
    assert good.truth.label in {"steady", "undecidable"}
    assert bad.parameters["level"] == good.parameters["level"]


@pytest.mark.parametrize("name", ["zipf-or-fill", "log-or-fill", "stairs-or-steps"])
def test_a_pair_rises_alike(name: str) -> None:
    """Both rise by the same in the second half, noise and an arena aside."""
    pair = next(pair for pair in PAIRS if pair.name == name)
    both = pair.generate(seed=4, growth=4 * GROWTH, duration=RUN)
    rises = [late_rise(memory(made.trace)) for made in both]

    assert rises[0] == pytest.approx(rises[1], rel=0.15)


def late_rise(y: np.ndarray) -> float:
    half = len(y) // 2
    return float(np.median(y[-10:]) - np.median(y[half - 5 : half + 5]))
