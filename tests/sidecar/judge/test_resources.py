"""Counts and maps: climbs of their own, what explains memory, and what excuses nothing."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Verdict, explain, judge
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB, SHORT, Array, Maker

COUNT = len(SHORT.times)
RISING = np.linspace(0, 9000, COUNT)


def all_of(value: float) -> Array:
    return np.full(COUNT, float(value))


def with_map(memory: Maker, settings: Settings = Settings(), **fields: Array) -> Verdict:  # noqa: B008 -- frozen
    """The verdict on *memory* with one registered map, `cache`."""
    return judge(memory.trace(**{f"map.cache.{field}": values for field, values in fields.items()}), settings)


def test_an_unbounded_map_that_grows_is_a_climb_of_its_own() -> None:
    """Entries that nothing bounds climb though their bytes do not show."""
    verdict = with_map(made.short_start(6), entries=RISING)

    assert (verdict.verdict, verdict.growth_class, verdict.shape) == ("climbing", "logical", "linear")
    assert "nothing bounds it" in verdict.reasons[0]
    summary = verdict.as_dict()["maps"]["cache"]
    assert (summary["climbing"], summary["state"]) == (True, "growing")
    assert summary["entries_per_hour"] == pytest.approx(9000 / 140 * 3600, rel=0.02)


def test_a_map_of_the_plan_that_is_not_in_the_trace_is_not_passed() -> None:
    """A name that is misspelt limits nothing: what cannot be checked is not steady. One that is there is."""
    misspelt = Settings(maps={"cahce": 9000, "cache": 9000})
    found = with_map(made.short_start(6), misspelt, entries=all_of(10))
    without = judge(made.short_start(6).trace(), misspelt)
    right = with_map(made.short_start(6), Settings(maps={"cache": 9000}), entries=all_of(10))

    assert (found.verdict, right.verdict, right.notes) == ("inconclusive", "steady", ())
    assert found.reasons[0] == "the plan limits map cahce, of which nothing is in the trace: it has cache"
    assert without.reasons[0] == "the plan limits maps cache and cahce, of which nothing is in the trace: it has none"
    assert (found.next, found.hours_to_decide) == ("correct the names in `[maps]` of the plan, or take them out", None)


def test_a_climb_tells_of_such_a_map_as_well() -> None:
    """In a note, since it decides nothing there."""
    found = with_map(made.short_start(6), Settings(maps={"cahce": 9000}), entries=RISING)

    assert (found.verdict, found.notes) == (
        "climbing",
        ("the plan limits map cahce, of which nothing is in the trace: it has cache",),
    )


def test_a_map_that_its_ttl_may_yet_bound_is_undecided() -> None:
    """Entries that have not had the time to expire are no climb, and not steady."""
    verdict = with_map(made.short_start(6), entries=RISING, ttl=all_of(3600))

    assert verdict.verdict == "inconclusive"
    assert "its TTL of 1 h has not had the time" in verdict.reasons[0]


def test_a_bounded_map_that_is_full_leaves_a_steady_service_steady() -> None:
    """A map that filled in the first third and then stayed at its bound is no climb."""
    memory = made.short_fill(6, 5 * MIB, until=0.33)

    verdict = with_map(memory, entries=np.minimum(10_000, 3.4 * RISING), maxsize=all_of(10_000))

    assert verdict.verdict == "steady"
    assert verdict.as_dict()["maps"]["cache"]["at_bound"] is True


def test_a_bounded_map_that_is_still_filling_leaves_memory_undecided() -> None:
    """While a map fills up to a bound that fits, growth may end with it, and the reasons say when."""
    verdict = with_map(made.short_start(6).line(8 * MIB), entries=RISING, maxsize=all_of(10_000))

    assert verdict.verdict == "inconclusive"
    assert any("map cache is filling, 9,000 of 10,000" in reason for reason in verdict.reasons)
    assert verdict.hours_to_decide is not None


def test_a_bound_that_nobody_reaches_excuses_nothing() -> None:
    """A maxsize of a million millions is no bound."""
    verdict = with_map(made.short_start(6).line(8 * MIB), entries=RISING, maxsize=all_of(10**12))

    assert verdict.verdict == "climbing"
    assert any("does not fit in memory" in reason for reason in verdict.reasons)


def test_a_bound_that_the_memory_limit_forbids_excuses_nothing() -> None:
    """A bound excuses only what fits the plan's memory."""
    memory = made.short_start(6).line(8 * MIB)

    verdict = with_map(memory, Settings(memory=80 * MIB), entries=RISING / 100, maxsize=all_of(1000))

    assert verdict.verdict == "climbing"


def test_a_full_map_whose_values_grow_is_a_leak() -> None:
    """Only the number of entries is bounded: bytes per entry stay judged."""
    verdict = with_map(made.short_start(6).line(8 * MIB), entries=all_of(1000), maxsize=all_of(1000))

    assert verdict.verdict == "climbing"


def test_a_small_bounded_map_does_not_explain_a_large_leak() -> None:
    """A map whose bytes are measured excuses no more than these."""
    memory = made.short_start(6).line(8 * MIB)

    verdict = with_map(memory, entries=RISING, maxsize=all_of(10_000), bytes=RISING * 64)

    assert verdict.verdict == "climbing"


def test_a_plans_limit_for_a_map_is_kept() -> None:
    """A map over its plan's limit in one worker fails the run, whatever memory does."""
    settings = Settings(maps={"cache": 1000})

    over = with_map(made.short_start(6), settings, entries=all_of(2000))
    under = with_map(made.short_start(6), settings, entries=all_of(900))

    assert (over.verdict, under.verdict) == ("climbing", "steady")
    assert over.reasons[0] == "map cache holds 2,000 entries in one worker, the plan allows 1,000"
    assert over.as_dict()["maps"]["cache"]["over_limit"] is True


def test_a_map_that_grows_over_the_plans_limit_has_two_numbers_told_apart() -> None:
    """What it held all the time at the end is held against the plan; how many there are at the end is another number."""
    verdict = with_map(made.short_start(6), Settings(maps={"cache": 1000}), entries=RISING)
    held, climbs = verdict.reasons[:2]
    (condition,) = [each for each in explain(verdict).conditions if each.name == "map cache"]
    most = f"{verdict.maps[0].most:,.0f}"

    assert held == (
        f"map cache holds more than {most} entries in one worker throughout the last quarter of what was judged, "
        f"the plan allows 1,000"
    )
    assert f" to {RISING[-1]:,.0f} in all at the end, and nothing bounds it" in climbs
    assert condition.value.endswith(f"{most} and more in one worker throughout the last quarter")
    assert condition.threshold == "at most 1,000 entries in one worker, as the plan says"


@pytest.mark.parametrize("kind", ["threads", "fds", "tasks"])
def test_a_count_that_climbs_is_a_climb_of_its_own(kind: str) -> None:
    """Threads, descriptors and tasks climb by their number; δ for them is printed."""
    verdict = judge(made.short_start(6).trace(**{kind: np.round(np.linspace(8, 80, COUNT))}))

    assert (verdict.verdict, verdict.growth_class) == ("climbing", kind)
    assert verdict.reasons[0].startswith(f"{kind} climb by ")
    assert " matters" in verdict.reasons[0]


def test_a_count_that_moves_with_the_load_does_not_climb() -> None:
    """Tasks that come and go are no climb."""
    tasks = np.random.default_rng(1).integers(2, 40, COUNT).astype(float)

    assert judge(made.short_start(6).trace(tasks=tasks)).verdict == "steady"


def test_processes_that_become_ever_more_climb() -> None:
    """A service that starts processes and never ends them climbs by their number."""
    parts = {"web-0": (SHORT.times, made.short_start(1).y, ["1"] * COUNT)}
    for i in range(12):
        late = SHORT.times[20 * i + 10 :]
        parts[f"child-{i}"] = (late, np.full(len(late), 3.0 * MIB), ["1"] * len(late))

    verdict = judge(made.workers_of(parts))

    assert (verdict.verdict, verdict.growth_class) == ("climbing", "processes")


def test_children_that_nobody_waits_for_climb_as_processes() -> None:
    """One worker, as level as can be, whose ended children become ever more."""
    zombies = np.floor(np.arange(COUNT, dtype=np.float64) / 20)

    verdict = judge(made.short_start(1).trace(zombies=zombies))

    assert (verdict.verdict, verdict.growth_class) == ("climbing", "processes")
    assert verdict.reasons[0].startswith("processes climb by ")


def test_a_few_children_that_wait_to_be_waited_for_do_not_climb() -> None:
    """A parent may ask now and then."""
    zombies = np.random.default_rng(1).integers(0, 3, COUNT).astype(float)

    assert judge(made.short_start(6).trace(zombies=zombies)).verdict == "steady"


def test_memory_over_the_plans_limit_fails() -> None:
    """A service that stays above what the plan allows fails, though it does not grow."""
    verdict = judge(made.short_start(6).trace(), Settings(memory=40 * MIB))

    assert verdict.verdict == "climbing"
    assert any("the plan allows 40.0 MiB" in reason for reason in verdict.reasons)
    assert verdict.hours_to_limit is None or verdict.hours_to_limit == 0


def test_the_time_to_the_limit_is_said() -> None:
    """Where memory climbs under a limit, the hours until it is reached are known."""
    verdict = judge(made.daily(3).line(24 * MIB).trace(), Settings(memory=300 * MIB))

    assert verdict.hours_to_limit == pytest.approx((300 - 230) / 1.0, rel=0.15)


def test_a_plans_growth_below_what_the_run_can_see_forbids_steady_only() -> None:
    """Three minutes cannot show that a service grows by less than 2 MiB a day; they can show a climb."""
    settings = Settings(growth=2 * MIB / 86_400)

    clean, leaking = (
        judge(memory.trace(), settings) for memory in (made.short_start(6), made.short_start(6).line(8 * MIB))
    )

    assert (clean.verdict, leaking.verdict) == ("inconclusive", "climbing")
    assert any("steps of 1 MiB hide growth under" in reason for reason in clean.reasons)
    assert clean.hours_to_decide is not None
    assert clean.hours_to_decide > 5


def test_load_that_fell_away_is_not_steadiness() -> None:
    """A service without its load has shown nothing."""
    requests = np.cumsum(np.where(SHORT.times < 70, 100.0, 5.0))

    verdict = judge(made.short_start(6).trace(requests_total=requests))

    assert verdict.verdict == "inconclusive"
    assert "the load fell" in verdict.reasons[0]


def test_sessions_that_stay_leave_growth_undecided() -> None:
    """Memory that grows with sessions which are not returned may be theirs."""
    verdict = judge(made.short_start(6).line(8 * MIB).trace(sessions=np.linspace(10, 200, COUNT)))

    assert verdict.verdict == "inconclusive"
    assert any("sessions grew" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("python_blocks", "python"),
        ("heap_used_bytes", "native"),
        ("heap_free_bytes", "retention"),
        ("mmap_bytes", "mmap"),
    ],
)
def test_the_class_says_where_memory_went(column: str, expected: str) -> None:
    """The column that grows with memory gives the class, and the ledger's rows sum to the growth."""
    leaking = Maker(made.Clock(6 * 3600, 30), 3).noise(0.2 * MIB, 0.5).line(20 * MIB)
    count = len(leaking.t)
    columns = {name: np.full(count, 9.0 * MIB) for name in ("heap_used_bytes", "heap_free_bytes", "mmap_bytes")}
    columns["python_blocks"] = np.full(count, 100_000.0)
    grown = leaking.y - leaking.y.min()
    columns[column] = columns[column] + (grown / 80 if column == "python_blocks" else grown)

    verdict = judge(leaking.trace(**columns))

    assert (verdict.verdict, verdict.growth_class) == ("climbing", expected)
    assert verdict.memory is not None
    assert sum(size for _, size in verdict.ledger) == pytest.approx(verdict.memory.rise, rel=0.2)
    assert [row["row"] for row in verdict.as_dict()["ledger"]][-1] == "unexplained"


def test_what_malloc_keeps_in_a_run_of_minutes_is_undecided() -> None:
    """Free memory that an allocator holds on to may have an end that minutes do not show."""
    leaking = made.short_leak(3, 8 * MIB, stairs=False)
    kept = leaking.y - leaking.y.min()

    verdict = judge(leaking.trace(heap_free_bytes=kept, heap_used_bytes=all_of(9 * MIB), python_blocks=all_of(1e5)))

    assert verdict.verdict == "inconclusive"
    assert any("free memory that malloc keeps" in reason for reason in verdict.reasons)


def test_without_columns_the_class_is_unknown() -> None:
    """What cannot be known is said to be unknown."""
    verdict = judge(made.short_leak(3, 8 * MIB, stairs=False).trace())

    assert (verdict.growth_class, verdict.ledger) == ("unknown", ())


def test_a_map_over_its_own_bound_is_told() -> None:
    """Nobody grows, yet what is called a bound is none."""
    verdict = with_map(made.short_start(6), entries=all_of(2800), maxsize=all_of(1000))

    assert verdict.verdict == "steady"
    assert "map cache holds 2,800 entries, over its own bound of 1,000" in verdict.reasons
