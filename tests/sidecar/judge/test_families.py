"""What bounds and sessions may explain, on labelled traces, and what they may not excuse."""

from dataclasses import replace

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, judge
from floodmark_sidecar.traces import generate

DAY = 86_400.0
SEEDS = range(200, 204)


def _leak(code: str, seed: int, duration: float = DAY, **parameters: float) -> Trace:
    twin = judge(generate(code, seed=seed, duration=duration, **parameters).trace)
    assert twin.memory is not None
    return generate(code, seed=seed, duration=duration, growth=2 * twin.memory.delta, **parameters).trace


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bound_that_is_raised_ends_nothing(seed: int) -> None:
    """A map that is full and whose bound is lifted again and again grows as if it had none."""
    verdict = judge(_leak("B3", seed))
    assert verdict.verdict == "climbing"
    assert [found.name for found in verdict.maps if found.raised] == ["sessions_cache"]


def test_the_entries_of_a_raised_bound_say_so() -> None:
    """In a short run, where memory alone does not tell."""
    reasons = [judge(_leak("B3", seed, duration=1800.0)).reasons[0] for seed in SEEDS]
    assert any("sessions_cache" in reason and "its bound was raised meanwhile, to" in reason for reason in reasons)


@pytest.mark.parametrize("seed", SEEDS)
def test_descriptors_that_come_with_sessions_are_no_climb_of_their_own(seed: int) -> None:
    """Sessions that stay open may be work that is under way: undecided, and said."""
    verdict = judge(generate("N9", seed=seed).trace)
    assert verdict.verdict == "inconclusive"
    assert any("sessions" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", SEEDS)
def test_descriptors_beyond_what_sessions_can_have_climb(seed: int) -> None:
    """Five for each session that came are more than it has sockets."""
    trace = generate("N9", seed=seed).trace
    sessions = trace.column("sessions")
    columns = {**trace.columns, "fds": np.round(20 + 5 * sessions)}
    verdict = judge(replace(trace, columns=columns))
    assert verdict.verdict == "climbing"
    assert any(reason.startswith("fds climb") for reason in verdict.reasons)


def _with_fds(seed: int, *, leak: float) -> Trace:
    """Recycled workers whose open descriptors are chance, and *leak* more of them by the end of a life."""
    trace = generate("N17", seed=seed).trace
    rng = np.random.default_rng(seed)
    fds = rng.poisson(60, len(trace)).astype(np.float64)
    for slot in range(len(trace.workers)):
        rows = np.flatnonzero(trace.worker == slot)
        for life in np.split(rows, np.flatnonzero(np.diff(trace.life[rows])) + 1):
            fds[life] += np.linspace(0, leak, len(life)) + rng.normal(0, 12)
    columns = {name: values for name, values in trace.columns.items() if name not in {"threads", "tasks"}}
    return replace(trace, columns={**columns, "fds": np.maximum(fds, 0)})


@pytest.mark.parametrize("seed", SEEDS)
def test_what_happens_to_be_open_at_the_ends_of_lives_is_no_climb(seed: int) -> None:
    """Joined over many lives, chance wanders as far as a leak does."""
    assert judge(_with_fds(seed, leak=0)).verdict != "climbing"


@pytest.mark.parametrize("seed", SEEDS)
def test_descriptors_that_leak_in_every_life_climb(seed: int) -> None:
    """Though each worker is replaced before it has many."""
    verdict = judge(_with_fds(seed, leak=40))
    assert verdict.verdict == "climbing"
    assert any(reason.startswith("fds climb") for reason in verdict.reasons)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_without_a_bound_that_never_ends_climbs_though_it_slackens(seed: int) -> None:
    """A cache that fills has a bound; the logarithm of time has none."""
    verdict = judge(_leak("L9", seed))
    assert verdict.verdict == "climbing"
    assert any("nothing bounds it: it slackens, and still got" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_without_a_bound_that_has_all_its_keys_does_not_climb(seed: int) -> None:
    """Routes, users, tenants: it filled, and nothing came in the last third."""
    trace = generate("N1", seed=seed).trace
    u = (trace.t - trace.t[0]) / (trace.t[-1] - trace.t[0])
    filled = np.round(5000 * np.minimum(1, u / 0.5) ** 0.5)
    verdict = judge(replace(trace, columns={**trace.columns, "map.routes.entries": filled}))
    assert verdict.verdict != "climbing"
