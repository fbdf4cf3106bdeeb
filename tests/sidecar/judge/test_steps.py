"""The judge's steps, each on series whose answer is plain."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from floodmark_sidecar.judge import judge
from floodmark_sidecar.judge._curve import fit_curve, fit_line
from floodmark_sidecar.judge._cycle import release_cycle
from floodmark_sidecar.judge._delta import DAY, MIB, CountRuler, MemoryRuler
from floodmark_sidecar.judge._floors import MOST, take_floors
from floodmark_sidecar.judge._jumps import clear_jumps, find_jumps, without
from floodmark_sidecar.judge._shape import slackens
from floodmark_sidecar.judge._slope import measure_slope, theil_sen
from floodmark_sidecar.judge._warmup import measure_warmup
from tests.sidecar.judge.traces import DAYLONG, SHORT, Array, Clock, Maker

X = np.arange(60.0)


def noisy(y: Array, sigma: float, seed: int = 1) -> Array:
    return y + np.random.default_rng(seed).normal(0, sigma, len(y))


def test_theil_sen_does_not_feel_outliers() -> None:
    """A quarter of wild readings leaves the slope where it was."""
    y = 3 * X
    y[::4] += 1000

    assert theil_sen(X, y) == pytest.approx(3, abs=0.2)


def test_the_slope_uses_times_and_not_positions() -> None:
    """Readings that come unevenly have the slope of their times."""
    x = X**1.5

    assert theil_sen(x, 2 * x) == pytest.approx(2)


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_holds_the_slope_and_narrows_with_less_noise(seed: int) -> None:
    """The slope lies in its interval, and the interval grows with the noise."""
    wide, narrow = (measure_slope(X, y, fit_curve(X, y)) for y in (noisy(0.5 * X, 3, seed), noisy(0.5 * X, 0.3, seed)))

    assert wide.low < 0.5 < wide.high
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


def test_correlated_noise_widens_the_interval() -> None:
    """Neighbours that are alike count as fewer than they are."""

    def errors(likeness: float) -> float:
        clock = Clock(60, 1)
        series = [Maker(clock, seed, 0.0).noise(1.0, likeness).y for seed in range(12)]
        return float(np.median([measure_slope(X, y, fit_curve(X, y)).se for y in series]))

    assert errors(0.6) > 1.4 * errors(0.0)


@pytest.mark.slow
def test_the_interval_holds_in_correlated_noise() -> None:
    """Of intervals about a flat series in correlated noise, most hold a slope of nothing."""
    series = [Maker(Clock(60, 1), seed, 0.0).noise(1.0, 0.6).y for seed in range(100)]
    slopes = [measure_slope(X, y, fit_curve(X, y)) for y in series]

    assert sum(slope.low < 0 < slope.high for slope in slopes) >= 80


def test_curvature_is_not_noise() -> None:
    """A bend goes into the curve and not into the noise about it."""
    y = noisy(np.minimum(X, 20) * 10, 1)

    curve = fit_curve(X, y)

    assert curve.sigma < 3
    assert curve.knees[0] == pytest.approx(20, abs=3)
    assert curve.slopes[0] == pytest.approx(10, abs=1.5)
    assert curve.slopes[-1] == pytest.approx(0, abs=0.5)


def test_a_line_is_a_curve_that_nothing_is_worth_its_price_in() -> None:
    """The line has the slope of least squares, and residuals about it."""
    y = noisy(3 * X + 40 * (X > 30), 2)

    line, dear = fit_line(X, y), fit_curve(X, y, price=1e9)

    assert line.slopes == pytest.approx([np.polyfit(X, y, 1)[0]])
    assert (line.slopes, line.sigma, line.autocorrelation) == (dear.slopes, dear.sigma, dear.autocorrelation)
    assert np.array_equal(line.residuals, dear.residuals)
    assert fit_curve(X, y).steps


def test_floors_are_the_bottom_of_a_sawtooth() -> None:
    """Whatever the height of the teeth, floors are flat below them."""
    made = Maker(DAYLONG, 1).saw(30 * MIB, 5000)

    floors = take_floors(made.t, made.y)

    assert floors.block > 5000
    assert np.ptp(floors.y) < MIB
    assert np.ptp(made.y) > 29 * MIB


def test_floors_are_read_where_they_are_low() -> None:
    """A floor's time is that of its reading: a leak under a sawtooth keeps its slope."""
    made = Maker(DAYLONG, 1).saw(30 * MIB, 5000).line(10 * MIB)

    floors = take_floors(made.t, made.y)

    assert theil_sen(floors.x, floors.y) * DAY == pytest.approx(10 * MIB, rel=0.1)


def test_the_floor_of_every_block_is_its_own_low_quantile() -> None:
    """Blocks of one length are looked at together, and those of another beside them; one reading alone is no floor."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 600, 3000))
    y = rng.normal(0, 1, 3000)

    floors = take_floors(x, y, most=10)

    edges = np.append(x[0] + floors.block * np.arange(10), np.inf)
    calm = [y[0], *np.median(sliding_window_view(y, 3), axis=1), y[-1]]
    blocks = [np.array(calm)[(x >= start) & (x < end)] for start, end in pairwise(edges)]
    assert len({len(block) for block in blocks}) > 5
    assert floors.y.tolist() == [np.sort(block)[int(0.03 * len(block))] for block in blocks]


def test_floors_are_bounded_in_number_and_skip_empty_blocks() -> None:
    """There are never more floors than the most, and none for blocks with too few readings."""
    x = np.concatenate([np.arange(0.0, 1000.0), np.arange(9000.0, 10000.0)])

    floors = take_floors(x, noisy(0 * x, 1))

    assert len(floors) <= MOST
    assert not np.any((floors.x > 1200) & (floors.x < 8800))


def test_the_release_cycle_is_measured() -> None:
    """The seconds from release to release are those of the sawtooth; noise alone has no cycle."""
    assert release_cycle(DAYLONG.times, Maker(DAYLONG, 1).saw(9 * MIB, 4000).y) == pytest.approx(4000, rel=0.05)
    assert release_cycle(SHORT.times, noisy(0 * SHORT.times, 1)) is None


def test_an_isolated_jump_is_found_and_taken_out() -> None:
    """A jump that is never undone is found where it is, and without it the series is flat."""
    y = noisy(np.where(X > 25, 40.0, 0.0), 1)

    jumps = find_jumps(X, y)

    assert [jump.index for jump in jumps] == [25]
    assert jumps[0].size == pytest.approx(40, abs=3)
    assert abs(float(np.mean(without(y, jumps)[26:]))) < 3


def test_a_jump_that_is_given_back_is_none() -> None:
    """A peak is not a jump."""
    y = noisy(np.where((X > 25) & (X < 35), 40.0, 0.0), 1)

    assert clear_jumps(X, y) == ()


def test_a_fall_is_never_taken_out() -> None:
    """Falls are not jumps: taking them out would make climbs of sawteeth."""
    assert find_jumps(X, noisy(np.where(X > 25, 0.0, 40.0), 1)) == ()


def test_a_line_has_no_jumps_and_does_not_slacken() -> None:
    """Steady growth is neither a jump nor a fill."""
    made = Maker(DAYLONG, 1).line(50 * MIB).noise(MIB, 0.5)
    floors = take_floors(made.t, made.y)

    assert clear_jumps(floors.x, floors.y) == ()
    assert not slackens(floors, se=0.5 * MIB / DAY, delta=2 * MIB / DAY)


def test_lows_that_blocks_share_are_no_end() -> None:
    """Teeth as long as a twentieth of the run: the last floors are of one low, and growth does not slacken for that."""
    clock = Clock(1800.0, 6.43)
    made = Maker(clock, 300, 300 * MIB).noise(0.6 * MIB, 0.8).saw(60 * MIB, 88.0).line(30 * MIB)

    assert judge(made.trace()).verdict == "climbing"


def rare(seed: int, count: int) -> Array:
    """Growth by *count* jumps of sizes that vary, at any time."""
    rng = np.random.default_rng(seed)
    places, sizes = rng.random(count), rng.exponential(1.0, count)
    return np.asarray(50 * MIB / count * sizes @ (DAYLONG.times / DAY > places[:, None]), np.float64)


def test_growth_in_jumps_of_varied_sizes_seldom_slackens() -> None:
    """A few large ones in the first third are chance: of a hundred such leaks few look like a fill."""
    floors = []
    for seed in range(100):
        made = Maker(DAYLONG, seed).noise(MIB / 4, 0.0)
        made.y += rare(seed, 60)
        floors.append(take_floors(made.t, made.y))

    assert sum(slackens(each, se=0.5 * MIB / DAY, delta=2 * MIB / DAY) for each in floors) <= 8


@pytest.mark.parametrize("tau", [0.1, 0.2, 0.33])
def test_a_fill_slackens(tau: float) -> None:
    """An exponential fill grows ever less, and that is seen."""
    made = Maker(DAYLONG, 1).fill(50 * MIB, tau).noise(MIB, 0.5)

    assert slackens(take_floors(made.t, made.y), se=0.5 * MIB / DAY, delta=2 * MIB / DAY)


def test_warmup_is_measured() -> None:
    """Warm-up ends after the start has settled, and takes a tenth of a run that has no start."""
    made = Maker(SHORT, 1).ramp(5 * MIB, 28).noise(0.1 * MIB, 0.5)
    flat = Maker(SHORT, 1).noise(0.1 * MIB, 0.5)

    assert 14 <= measure_warmup(take_floors(made.t, made.y)) <= 45
    assert measure_warmup(take_floors(flat.t, flat.y)) == pytest.approx(14, abs=2)


def test_delta_of_a_day_is_what_the_rule_says() -> None:
    """Over a day, δ is 2 MiB or 1 % of the service a day, whichever is more."""
    quiet = 0.01 * MIB / DAY

    assert MemoryRuler(45 * MIB, DAY).delta(quiet) * DAY == pytest.approx(2 * MIB)
    assert MemoryRuler(1000 * MIB, DAY).delta(quiet) * DAY == pytest.approx(10 * MIB)


def test_delta_grows_with_noise_but_a_short_run_cannot_hide_a_climb() -> None:
    """Noise raises δ, never beyond 1 MiB or 2 % of the service over a short run."""
    small, medium, large = (MemoryRuler(size * MIB, 140) for size in (45, 100, 500))

    assert small.delta(0.0) * 140 == pytest.approx(MIB)
    assert medium.delta(0.0) * 140 == pytest.approx(1.45 * MIB)
    assert small.delta(MIB) * 140 == pytest.approx(MIB)
    assert large.delta(MIB) * 140 == pytest.approx(10 * MIB)


def test_the_plans_own_limit_is_delta() -> None:
    """A plan's limit is taken as it is, whatever the noise."""
    assert MemoryRuler(45 * MIB, 140, limit=7.0).delta(1000.0) == 7.0


def test_counts_have_a_delta_of_their_own() -> None:
    """A count's δ is a rise over the judged part: so many, or a share of what there is."""
    assert CountRuler(10, 100, 8).delta(0) * 100 == pytest.approx(8)
    assert CountRuler(1000, 100, 8).delta(0) * 100 == pytest.approx(50)
