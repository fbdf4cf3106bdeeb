"""Every rule that stands beside the judge does what its description says."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the baselines need scipy, which the bench has")

from floodmark_sidecar.judge import Trace
from tests.bench.judge import _classics as classics
from tests.bench.judge import _rivals as rivals
from tests.bench.judge._baselines import BASELINES, told
from tests.bench.judge._series import Churn, Series

DAY = 86_400.0
MIB = 1 << 20
STATISTICAL = [name for name in BASELINES if name != "Scalene"]


def series(y: np.ndarray | list[float], span: float = DAY, *, delta: float = 0.0) -> Series:
    """Readings at even times over *span* seconds."""
    return Series(np.linspace(0.0, span, len(y)), np.asarray(y, np.float64), delta)


def line(start: float, stop: float, *, n: int = 1441, noise: float = 0.0, seed: int = 1) -> Series:
    """A day that goes from *start* to *stop* in a straight line."""
    return series(np.linspace(start, stop, n) + np.random.default_rng(seed).normal(0, noise, n))


@pytest.mark.parametrize("name", [name for name in STATISTICAL if name != "Precog, max filter"])
def test_a_steep_line_climbs(name: str) -> None:
    """A line that grows by half a day climbs by every rule; Precog's own history forbids it."""
    assert BASELINES[name](line(100 * MIB, 150 * MIB)) is True


@pytest.mark.slow
@pytest.mark.parametrize("name", STATISTICAL)
def test_flat_noise_mostly_does_not(name: str) -> None:
    """Of sixty days of white noise at most six climb, by any rule."""
    climbs = [BASELINES[name](line(100 * MIB, 100 * MIB, noise=MIB, seed=seed, n=481)) for seed in range(60)]
    assert sum(map(bool, climbs)) <= 6


def test_last_over_first_compares_tenths() -> None:
    """104 over 100 is under the threshold of 1.05, and 106 over it."""
    assert not classics.last_over_first(series([100.0] * 10 + [100.0] * 80 + [104.0] * 10))
    assert classics.last_over_first(series([100.0] * 10 + [100.0] * 80 + [106.0] * 10))


def test_least_squares_by_hand() -> None:
    """0, 1, 1, 2 has t = 4.24 and p = .026; 0, 1, 1, 1 has t = 1.73 and p = .113."""
    assert classics.least_squares(series([0, 1, 1, 2]))
    assert not classics.least_squares(series([0, 1, 1, 1]))


def test_mann_kendall_by_hand() -> None:
    """Four floors in order come by chance once in 24 times (.042), with one pair exchanged four times (.167)."""
    assert classics.mann_kendall(series([1, 2, 3, 4]))
    assert not classics.mann_kendall(series([1, 3, 2, 4]))


def test_sen_must_exceed_delta() -> None:
    """A line of one byte a second climbs for a δ of 0.9 and not for one of 1.1."""
    y = np.arange(100.0)
    assert classics.mann_kendall_sen(series(y, 99.0, delta=0.9))
    assert not classics.mann_kendall_sen(series(y, 99.0, delta=1.1))


def test_hamed_rao_by_hand() -> None:
    """Four floors in order, nothing left when detrended: S = 6, its variance 8.667, z = 5 / 2.944 = 1.698."""
    assert classics.hamed_rao_score(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(1.698, abs=5e-4)


def test_hamed_rao_trusts_correlated_floors_less() -> None:
    """Of a wave on a line the score is far below the plain one, whose variance takes every floor for independent."""
    t = np.arange(24.0)
    floors = t + 6 * np.sin(t / 2)
    score = sum(np.sign(later - floor) for i, floor in enumerate(floors) for later in floors[i + 1 :])
    plain = (score - 1) / np.sqrt(24 * 23 * 53 / 18)
    assert 0 < classics.hamed_rao_score(floors) < 0.8 * plain


def test_backward_regression_asks_when_memory_is_full() -> None:
    """Twice the median of 100 to 120 is reached in five days, of 100 to 110 in ten: seven are the limit."""
    assert rivals.backward_regression(line(100, 120))
    assert not rivals.backward_regression(line(100, 110))


def test_backward_regression_looks_back_from_the_end() -> None:
    """A rise in the last fourth is found behind a flat day, one in the first fourth is not; a line under waves that hide
    it from any fourth is found over the whole day.
    """
    ramp = np.concatenate([np.full(1081, 100.0), np.linspace(100, 112, 360)])
    assert rivals.backward_regression(series(ramp))
    assert not rivals.backward_regression(series(np.concatenate([np.linspace(88, 100, 360), np.full(1081, 100.0)])))
    u = np.linspace(0, 1, 1441)
    assert rivals.backward_regression(series(100 + 40 * u + 5 * np.sin(8 * np.pi * u)))


def test_precog_compares_with_history() -> None:
    """A rise that is new in the second half climbs; one no steeper than the first half's does not."""
    new = np.concatenate([np.full(720, 100.0), np.linspace(100, 140, 721)])
    old = np.concatenate([np.linspace(100, 140, 720), np.linspace(140, 170, 721)])
    assert rivals.precog(series(new))
    assert not rivals.precog(series(old))


def test_precog_asks_for_a_new_high() -> None:
    """The same rise under a peak of the first half does not climb."""
    y = np.concatenate([np.full(720, 100.0), np.linspace(100, 140, 721)])
    y[200:300] = 200.0
    assert not rivals.precog(series(y))


def test_psleak_wants_growth_to_keep_exceeding() -> None:
    """A line grows more in each longer stretch; a fill that has ended does not, nor does a fall."""
    t = np.linspace(0, 1, 2000)
    assert rivals.psleak(series(100 + t))
    assert not rivals.psleak(series(100 + 1 - np.exp(-t / 0.1)))
    assert not rivals.psleak(series(100 - t))


def test_scalene_by_hand() -> None:
    """Of 100 adds no remove is a score of 1 - 1/102 = .990, fifty are 1 - 51/52 = .019."""
    assert rivals.leak_score(100, 0) == pytest.approx(0.990, abs=5e-4)
    assert rivals.leak_score(100, 50) == pytest.approx(0.019, abs=5e-4)


def test_scalene_needs_a_map_and_growth() -> None:
    """No map: no answer; a leaking map under flat memory: no climb."""
    grows = line(100, 110)
    leaky = (Churn("results", 1000, 0), Churn("locks", 1000, 990))
    assert rivals.scalene(grows) is None
    assert rivals.scalene(Series(grows.x, grows.y, maps=leaky)) is True
    assert rivals.scalene(Series(grows.x, grows.y, maps=leaky[1:])) is False
    assert rivals.scalene(Series(grows.x, grows.x * 0 + 100, maps=leaky)) is False


def test_series_sums_workers_and_leaves_masked_instants_out() -> None:
    """Two workers and their swap are one sum; an instant at which one is masked is left out; counters span lives."""
    rows = [
        {"t": t, "worker": w, "life": 1 + (t > 3), "uss_bytes": 10, "swap_bytes": 1, "masked": int((t, w) == (2, "b"))}
        | {"map.m.adds": t % 4, "map.m.removes": 0}
        for t in range(6)
        for w in "ab"
    ]
    made = Series.of(Trace.from_rows(rows), delta=1.0)
    assert made.x.tolist() == [0, 1, 3, 4, 5]
    assert made.y.tolist() == [22] * 5
    assert made.maps == (Churn("m", 8, 0),)


def test_every_baseline_has_a_sign() -> None:
    """One sign each, in the registry's order, a dash for what cannot be said."""
    signs = told(line(100 * MIB, 150 * MIB))
    assert len(signs) == len(BASELINES)
    assert signs[list(BASELINES).index("Scalene")] == "-"
    assert "0" not in signs.replace("-", "")[:6]


def test_all_equal_readings_never_climb() -> None:
    """A constant is no climb, and no warning either."""
    assert told(series([100.0] * 500)).strip("0-") == ""
