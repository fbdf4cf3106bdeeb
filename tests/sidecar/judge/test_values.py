"""What the entries of a map hold: a bound on entries does not bound their bytes."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Verdict, judge
from floodmark_sidecar.judge._maps import MapFinding
from floodmark_sidecar.traces import generate
from tests.sidecar.judge.traces import KIB, MIB, Array, Clock, Maker

HOURS = Clock(6 * 3600.0, 30.0)
U = HOURS.times / HOURS.seconds
BOUND = 5000.0
SAID = "what map cache holds grows by "
SEEDS = range(200, 202)


def with_map(seed: int, entries: Array, each: Array | float, **more: Array) -> Verdict:
    """The verdict on a service whose only map, `cache`, has so many entries of *each* bytes."""
    made = Maker(HOURS, seed, 100 * MIB).noise(0.1 * MIB, 0.5)
    size = np.round(entries) * each
    made.y += size
    columns = {"entries": np.round(entries), "maxsize": np.full(len(U), BOUND), "bytes": size, **more}
    return judge(made.trace(**{f"map.cache.{field}": values for field, values in columns.items()}))


def cache(verdict: Verdict) -> MapFinding:
    (found,) = verdict.maps
    return found


FULL = np.full(len(U), BOUND)
FILLING = BOUND * (1 - np.exp(-U / 0.3))


@pytest.mark.parametrize("entries", [FULL, FILLING], ids=["full", "filling"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_whose_values_grow_climbs_and_is_named(seed: int, entries: Array) -> None:
    """Each entry grows from 1 to 4 KiB: the bound holds, and ends nothing."""
    verdict = with_map(seed, entries, KIB * (1 + 3 * U))
    found = cache(verdict)

    assert verdict.verdict == "climbing"
    assert found.heavier
    assert found.climbs
    assert found.climb is found.values
    assert any(reason.startswith(SAID) and "does not bound their bytes" in reason for reason in verdict.reasons)
    assert verdict.as_dict()["maps"]["cache"]["climbing"] is True


@pytest.mark.parametrize("entries", [FULL, FILLING], ids=["full", "filling"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_whose_entries_fill_does_not(seed: int, entries: Array) -> None:
    """Bytes that come with entries are theirs: four KiB each from the first one on."""
    verdict = with_map(seed, entries, 4.0 * KIB)

    assert verdict.verdict == "steady"
    assert not cache(verdict).heavier
    assert not cache(verdict).climbs


@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_that_fills_in_a_straight_line_is_no_heavier(seed: int) -> None:
    """Its bytes climb as its entries do, and nothing is left beside them."""
    found = cache(with_map(seed, 0.9 * BOUND * U + 50, 4.0 * KIB))

    assert found.state == "filling"
    assert not found.heavier


@pytest.mark.parametrize("seed", SEEDS)
def test_values_that_vary_do_not_grow(seed: int) -> None:
    """Entries of all sizes come and go."""
    each = KIB * np.random.default_rng(seed).uniform(3, 5, len(U))

    assert not cache(with_map(seed, FULL, each)).heavier


def test_the_rate_is_that_of_the_bytes_beside_the_entries() -> None:
    """Five thousand entries that grow by 3 KiB each in six hours; what filling brings is no part of it."""
    values = cache(with_map(200, FULL, KIB * (1 + 3 * U))).values

    assert values is not None
    assert values.slope.estimate * HOURS.seconds == pytest.approx(BOUND * 3 * KIB, rel=0.02)


def test_without_measured_bytes_nothing_is_known_of_values() -> None:
    """Memory climbs, and the map is not blamed."""
    verdict = with_map(200, FULL, KIB * (1 + 3 * U), bytes=np.full(len(U), np.nan))

    assert verdict.verdict == "climbing"
    assert cache(verdict).values is None
    assert not any(SAID in reason for reason in verdict.reasons)


def test_values_that_grow_by_less_than_matters_are_not_looked_at() -> None:
    """A hundredth of a MiB in the run."""
    assert cache(with_map(200, FULL, KIB * (1 + 0.002 * U))).values is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_full_lru_whose_profiles_grow_is_named_and_its_clean_twin_is_not(seed: int) -> None:
    """The same service with and without the leak."""
    leak, twin = (
        judge(generate("B1", seed=seed, duration=HOURS.seconds, growth=growth).trace)
        for growth in (8 * MIB / HOURS.seconds, 0.0)
    )

    assert [found.name for found in leak.maps if found.climbs] == ["profiles"]
    assert any(reason.startswith("what map profiles holds grows by ") for reason in leak.reasons)
    assert not any(found.heavier for found in twin.maps)
    assert twin.verdict != "climbing"
