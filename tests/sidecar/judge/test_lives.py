"""Lives that follow each other: what growth within them is, how sure it is, and how they are joined."""

from dataclasses import replace

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Trace, judge
from floodmark_sidecar.judge._ageing import lives_slacken
from floodmark_sidecar.judge._lives import Life, join, split_lives
from floodmark_sidecar.judge._within import within_lives
from floodmark_sidecar.traces import generate
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import DAY, MIB, SHORT, Array, workers_of

READINGS = 400
TIMES: Array = np.linspace(0, 15.0 * (READINGS - 1), READINGS)
LIVES: Array = np.floor(TIMES / 1500)
"""Four lives of a hundred readings."""


def slots_of(number: Array) -> tuple[tuple[Life, ...], ...]:
    """One worker's lives by their *number* at each of TIMES."""
    return split_lives(np.zeros(READINGS, np.intp), number.astype(np.intp), TIMES, late=40.0)


def grown(rate: float, noise: float, seed: int) -> Array:
    """Memory that grows by *rate* in each life and begins anew, each time at another level."""
    rng = np.random.default_rng(seed)
    levels: Array = 1e6 * rng.normal(size=4)[LIVES.astype(np.intp)]
    return levels + rate * (TIMES % 1500) + rng.normal(0, noise, READINGS)


def with_requests(trace: Trace, rate: float) -> Trace:
    """The same with *rate* requests a second, which each life counts from nought."""
    ages = np.zeros(len(trace))
    for slot in range(len(trace.workers)):
        for life in range(len(trace.lives)):
            rows = (trace.worker == slot) & (trace.life == life)
            if rows.any():
                ages[rows] = trace.t[rows] - trace.t[rows][0]
    return replace(trace, columns={**trace.columns, "requests_total": np.round(rate * ages)})


def filling(seed: int, tau: float, lives: int = 6) -> Trace:
    """Two workers with a cache of 4 MiB that fills in each life, *tau* lives its time constant."""
    rng = np.random.default_rng(seed)
    parts = {}
    for i in range(2):
        maker = made.Maker(made.DAYLONG, seed * 31 + i)
        length = DAY / lives
        age = (maker.t + i * length / 3) % length
        number = np.cumsum(np.diff(age, prepend=age[0]) < 0)
        maker.y += 4 * MIB * (1 - np.exp(-age / length / tau))
        maker.noise(float(rng.uniform(50, 150)) * 1024, 0.5)
        parts[f"web-{i}"] = (maker.t, maker.y, [str(n + 1) for n in number.tolist()])
    return workers_of(parts)


def test_growth_within_lives_does_not_feel_where_lives_begin() -> None:
    """Restarts move memory by megabytes, and the slope is that within lives."""
    slope = within_lives(slots_of(LIVES), grown(100.0, 1.0, 0), start=0.0)(0.0)

    assert slope is not None
    assert slope.estimate == pytest.approx(100, rel=1e-3)
    assert slope.low <= 100 <= slope.high


def test_a_step_in_one_life_of_four_is_no_growth() -> None:
    """The median over all pairs of all lives does not move with one of them."""
    values = grown(0.0, 1e3, 1) + 1e6 * ((TIMES > 700) & (TIMES < 1500))

    slope = within_lives(slots_of(LIVES), values, start=0.0)(0.0)

    assert slope is not None
    assert abs(slope.estimate) * 1500 < 3e3


def test_the_interval_covers_what_it_says() -> None:
    """Nine intervals of ten have the truth in them, and hardly any misses it by far."""
    misses = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        walk = np.cumsum(rng.normal(0, 300, READINGS))
        values = grown(50.0, 2e3, seed) + walk - np.interp(TIMES, TIMES[::20], walk[::20])
        slope = within_lives(slots_of(LIVES), values, start=0.0)(0.0)
        assert slope is not None
        misses.append(not slope.low <= 50 <= slope.high)
    assert sum(misses) <= 8


def test_lives_that_differ_widen_the_interval() -> None:
    """Without noise, growth that is another in each life is as unsure as the lives differ."""
    rates = np.array([10.0, 20.0, 30.0, 40.0])[LIVES.astype(int)]

    alike = within_lives(slots_of(LIVES), grown(25.0, 1.0, 2), start=0.0)(0.0)
    apart = within_lives(slots_of(LIVES), rates * (TIMES % 1500), start=0.0)(0.0)

    assert alike is not None
    assert apart is not None
    assert apart.high - apart.low > 10
    assert alike.high - alike.low < 1


def test_of_two_lives_that_agree_the_noise_within_them_is_not_forgotten() -> None:
    """That two lives happen to grow alike makes the interval no narrower than their noise does."""
    noise = np.random.default_rng(3).normal(0, 1e4, READINGS)
    values = np.where(TIMES < 3000, noise, np.roll(noise, READINGS // 2))

    slope = within_lives(slots_of(np.floor(TIMES / 3000)), values, start=0.0)(0.0)

    assert slope is not None
    assert slope.se * 3000 > 1e3


def test_joined_lives_grow_through_what_is_left_out_between_them() -> None:
    """Over starts, and while a new worker is not there yet, the series goes on as within lives."""
    values = grown(100.0, 0.0, 4)

    joined = join(slots_of(LIVES)[0], values, start=500.0, x=TIMES)

    assert joined is not None
    settled = TIMES >= 500
    rise = np.diff(joined[0][settled]) / 15
    assert rise.min() == pytest.approx(100, rel=1e-3)
    assert rise.max() == pytest.approx(100, rel=1e-3)


def test_a_worker_that_is_dead_keeps_its_level() -> None:
    """After its last reading it neither grows nor shrinks."""
    lives = slots_of(LIVES)[0]
    later: Array = np.linspace(0, 15.0 * (READINGS + 99), READINGS + 100)

    joined = join(lives, grown(100.0, 0.0, 5), start=0.0, x=later)

    assert joined is not None
    assert np.ptp(joined[0][READINGS:]) == 0


@pytest.mark.parametrize("tau", [0.2, 0.33])
@pytest.mark.parametrize("seed", range(3))
def test_a_cache_that_fills_in_each_life_is_no_climb(seed: int, tau: float) -> None:
    """Lives slacken, and joined over a day they look like a leak."""
    verdict = judge(filling(seed, tau))

    assert verdict.verdict != "climbing"
    assert "if that goes on" not in str(verdict.reasons)


def test_lives_that_end_too_soon_are_not_decided_by_a_longer_run() -> None:
    """However long a run is, no life in it is longer."""
    verdict = judge(filling(0, 0.33))

    assert "ever less as the life goes on" in verdict.reasons[0]
    assert (verdict.verdict, verdict.hours_to_decide) == ("inconclusive", None)
    assert verdict.next == "let a worker live longer: its life ends before it shows whether memory levels off"


def test_lives_that_slacken_are_told_from_lives_that_leak() -> None:
    """What a fill does to all lives alike shows over lives, noise does not."""
    fill = 1e5 * (1 - np.exp(-(TIMES % 1500) / 500))
    noise = np.random.default_rng(6).normal(0, 2e3, READINGS)

    assert lives_slacken(slots_of(LIVES), fill + noise, start=0.0)
    assert not lives_slacken(slots_of(LIVES), grown(70.0, 2e3, 6), start=0.0)


@pytest.mark.slow
def test_recycled_workers_without_a_leak_are_steady() -> None:
    """A day of them suffices for most: restarts are not noise."""
    verdicts = [judge(generate("N17", seed=seed).trace).verdict for seed in range(50, 56)]

    assert verdicts.count("steady") >= 5
    assert "climbing" not in verdicts


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50, 53))
def test_a_leak_of_recycled_workers_is_measured(seed: int) -> None:
    """The slope is that within lives, and the truth is in its interval or close to it."""
    labelled = generate("L2b", seed=seed, growth=30 * MIB / DAY)
    verdict = judge(labelled.trace)

    assert verdict.verdict == "climbing"
    assert verdict.memory is not None
    slope, truth = verdict.memory.slope, labelled.truth.slope_bytes_per_second
    assert slope.estimate == pytest.approx(truth, rel=0.15)
    assert slope.low - slope.se <= truth <= slope.high + slope.se


def test_no_life_grows_by_much_before_it_matters() -> None:
    """Where noise raises δ, it is still less than 2 % or 1 MiB over the longest life; restarts leave no more than that."""
    quiet, noisy = (
        judge(
            workers_of(
                {"w": (SHORT.times, made.Maker(SHORT, 1).noise(sigma, 0.5).y, [str(int(t // 35)) for t in SHORT.times])}
            )
        )
        for sigma in (0.1 * MIB, 3 * MIB)
    )

    assert quiet.memory is not None
    assert noisy.memory is not None
    assert quiet.memory.delta < noisy.memory.delta
    assert noisy.memory.delta * 34.5 == pytest.approx(MIB, rel=0.01)


@pytest.mark.parametrize(("share", "climbs"), [(0.32, False), (1.0, True)])
def test_what_clients_open_anew_at_the_start_of_each_life_is_no_climb(share: float, climbs: bool) -> None:
    """Descriptors that come back within the first third of every life are those of before; a leak goes on."""
    trace = made.recycled(2, 0.0, lives=4, workers=2)
    ages = with_requests(trace, 1.0).columns["requests_total"] / 35
    fds = np.round(50 + 40 * np.minimum(1, ages / share))

    verdict = judge(replace(trace, columns={**trace.columns, "fds": fds}))

    assert any(reason.startswith("fds climb") for reason in verdict.reasons) == climbs


def test_a_leak_is_told_by_request_whatever_the_load() -> None:
    """Bytes a request are the same in a busy hour and in a quiet one."""
    maker = made.daily(1)
    done = np.cumsum(10 * (1 + 0.7 * np.sin(12 * maker.u)) * 15)
    maker.y += 200 * done

    slope = judge(maker.trace(requests_total=done)).as_dict()["slope_bytes_per_request"]

    assert slope["estimate"] == pytest.approx(200, rel=0.03)
    assert slope["low"] < slope["estimate"] < slope["high"]


def test_a_leak_that_recycling_hides_is_told_by_request_too() -> None:
    """Each life counts its requests from nought; the sentence has both rates."""
    trace = with_requests(made.recycled(1, 8 * MIB / 140, lives=4, workers=2), 30.0)

    verdict = judge(trace)

    assert verdict.as_dict()["slope_bytes_per_request"]["estimate"] == pytest.approx(8 * MIB / 140 / 30, rel=0.15)
    assert any("recycling hides" in reason and "a request)" in reason for reason in verdict.reasons)
    assert "a request" in verdict.reasons[0]


@pytest.mark.parametrize("missing", ["column", "worker", "requests"])
def test_where_requests_are_not_known_growth_by_request_is_not_either(missing: str) -> None:
    """A worker that does not count its requests, or none that came, leave nulls."""
    trace = with_requests(made.recycled(1, 8 * MIB / 140, lives=4, workers=2), 0.0 if missing == "requests" else 30.0)
    requests = trace.columns["requests_total"].copy()
    requests[trace.worker == (0 if missing == "worker" else -1)] = np.nan
    columns = {**trace.columns, "requests_total": requests}
    if missing == "column":
        del columns["requests_total"]

    verdict = judge(replace(trace, columns=columns))

    assert verdict.as_dict()["slope_bytes_per_request"] == {"estimate": None, "low": None, "high": None}
    assert "a request" not in " ".join(verdict.reasons)


def test_a_limit_that_no_life_reaches_is_not_foretold() -> None:
    """Workers that are replaced give back what they leaked long before that."""
    trace = made.recycled(1, 8 * MIB / 140, lives=4, workers=2)

    assert judge(trace, Settings(memory=1 << 30)).hours_to_limit is None
    assert (
        judge(made.short_leak(1, 20 * MIB, stairs=False).trace(), Settings(memory=1 << 30)).hours_to_limit is not None
    )


@pytest.mark.parametrize(("opened", "climbs"), [(10.0, False), (60.0, True)])
def test_a_count_matters_by_what_a_worker_adds_in_a_life(opened: float, *, climbs: bool) -> None:
    """Ten descriptors more at the end of each of six lives are not sixty; sixty more in each are."""
    trace = with_requests(made.recycled(1, 0.0, lives=6, workers=2, clock=made.Clock(1200.0, 2.0)), 1.0)
    fds = 12 + np.round(opened * trace.columns["requests_total"] / 200)

    verdict = judge(replace(trace, columns={**trace.columns, "fds": fds}))

    assert any(reason.startswith("fds climb") for reason in verdict.reasons) == climbs
