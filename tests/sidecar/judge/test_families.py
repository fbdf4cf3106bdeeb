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
