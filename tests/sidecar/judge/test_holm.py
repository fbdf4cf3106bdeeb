"""Among many series, one that seems to grow by chance fails no run, and one that grows does."""

from dataclasses import replace

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, judge
from floodmark_sidecar.judge._holm import p_value, step_down
from floodmark_sidecar.judge._slope import Slope
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB, SHORT, Array

COUNT = len(SHORT.times)


def with_maps(entries: dict[str, Array]) -> Trace:
    """A clean service with the *entries* of maps by name."""
    return made.short_start(6).trace(**{f"map.{name}.entries": values for name, values in entries.items()})


def faint(seed: int = 9) -> Array:
    """Entries that grow, not far above their own noise."""
    noise = made.Maker(SHORT, seed, 0.0).noise(120, 0.9).y
    return 5000 + noise + np.linspace(0, 760, COUNT)


def test_every_step_asks_less_than_the_one_before() -> None:
    """The smallest chance is held against a quarter of the level, the next against a third, the last against all."""
    assert step_down([0.04, 0.012, 0.016, 0.025], of=4, level=0.05) == (True, True, True, True)
    assert step_down([0.012, 0.013, 0.026, 0.027], of=4, level=0.05) == (True, True, False, False)


def test_where_one_is_not_sure_none_after_it_is() -> None:
    """A chance that would do at its own step is too late after one that did not."""
    assert step_down([0.04, 0.02, 0.03], of=3, level=0.05) == (False, False, False)


def test_series_that_were_tested_count_though_they_show_nothing() -> None:
    """One chance among twenty tested must be a twentieth of what it may be alone."""
    assert step_down([0.03], of=1, level=0.05) == (True,)
    assert step_down([0.03], of=20, level=0.05) == (False,)
    assert step_down([0.002], of=20, level=0.05) == (True,)
    assert step_down([], of=20) == ()


def test_runs_of_nothing_seldom_show_anything() -> None:
    """With twenty series of pure chance, no more runs have one that seems sure than the level says."""
    rng = np.random.default_rng(1)
    runs = [any(step_down(rng.random(20).tolist(), of=20, level=0.05)) for _ in range(4000)]
    assert 0.03 < np.mean(runs) < 0.06


def test_the_chance_is_that_of_the_interval() -> None:
    """A slope whose interval just ends at a rate is above it with the level of the interval, and so on outwards."""
    slope = Slope(10.0, 10.0 - 1.645, 10.0 + 1.645, 1.0)
    assert p_value(slope, above=10.0) == pytest.approx(0.5)
    assert p_value(slope, above=10.0 - 1.645) == pytest.approx(0.05, abs=1e-4)
    assert p_value(slope, above=7.0) == pytest.approx(0.00135, abs=1e-5)
    assert p_value(slope, above=-1e9) == 0.0


def test_a_slope_without_noise_leaves_nothing_to_p_value() -> None:
    """An exact slope is above a rate for certain, or not at all."""
    exact = Slope(2.0, 2.0, 2.0, 0.0)
    assert (p_value(exact, above=1.0), p_value(exact, above=2.0)) == (0.0, 1.0)


def test_a_map_that_grows_faintly_climbs_alone_and_not_among_many() -> None:
    """Among twenty others it is undecided, and the reasons say why; the others are told of as before."""
    crowd = {f"m{i}": np.full(COUNT, 100.0) for i in range(20)}

    alone, among = judge(with_maps({"cache": faint()})), judge(with_maps({"cache": faint(), **crowd}))

    assert (alone.verdict, among.verdict) == ("climbing", "inconclusive")
    assert among.reasons[0] == "map cache grew, yet no more surely than one of 22 series may by chance"
    assert among.as_dict()["maps"]["cache"]["climbing"] is False


def test_a_map_that_grows_beyond_doubt_is_found_among_many() -> None:
    """However many others there are, and it takes none of them with it."""
    crowd = {f"m{i}": 5000 + made.Maker(SHORT, i, 0.0).noise(300, 0.9).y for i in range(20)}

    verdict = judge(with_maps({"cache": np.linspace(0, 9000, COUNT), **crowd}))

    assert verdict.verdict == "climbing"
    assert [found.name for found in verdict.maps if found.climbs] == ["cache"]


def test_workers_maps_and_counts_share_one_level() -> None:
    """A count that climbs faintly is weighed among the maps and the workers that were tested with it."""
    threads = np.round(faint() / 10)
    alone = made.short_start(6).trace(threads=threads)
    crowd = {f"map.m{i}.entries": np.full(COUNT, 100.0) for i in range(20)}

    assert judge(alone).verdict == "climbing"
    assert judge(replace(alone, columns={**alone.columns, **crowd})).verdict == "inconclusive"


def test_a_leaking_worker_is_named_among_many() -> None:
    """One of eight workers that leaks is told apart, and no other is."""
    parts = {f"web-{i}": (SHORT.times, made.short_start(40 + i).y, ["1"] * COUNT) for i in range(8)}
    parts["web-3"] = (SHORT.times, made.short_start(43).line(12 * MIB).y, ["1"] * COUNT)

    verdict = judge(made.workers_of(parts))

    assert (verdict.verdict, verdict.worker) == ("climbing", "web-3")
