"""Labelled traces: what every family keeps to, whatever it is of."""

import doctest
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from floodmark_sidecar import traces
from floodmark_sidecar.judge import Trace, format_csv, parse_csv
from floodmark_sidecar.traces import FAMILIES, Choice, Range, generate

from . import digests
from .digests import digest, made

MIB = 1 << 20
CODES = list(FAMILIES)
DURATIONS = (180.0, 1800.0, 21_600.0, 86_400.0)


def same(one: Trace, other: Trace) -> bool:
    """Whether two traces say the same in every row and column."""
    labels = ("t", "worker", "life", "segment", "masked")
    return (
        (one.workers, one.lives, one.segments) == (other.workers, other.lives, other.segments)
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in labels)
        and set(one.columns) == set(other.columns)
        and all(np.array_equal(one.columns[name], other.columns[name], equal_nan=True) for name in one.columns)
    )


def test_every_family_of_the_list_is_there() -> None:
    """N1 to N18, L1 to L19 and B1 to B3 are there in order, some of them in parts."""
    numbers = [f"N{i}" for i in range(1, 19)] + [f"L{i}" for i in range(1, 20)] + ["B1", "B2", "B3"]

    assert list(dict.fromkeys(code.rstrip("abc") for code in CODES)) == numbers


@pytest.mark.parametrize("code", CODES)
def test_a_family_explains_itself(code: str) -> None:
    """Title, what scales and what does not, each parameter, and a reason where nothing decides."""
    family = FAMILIES[code]

    assert family.code == code
    assert family.title
    assert family.about
    assert all(variant.about for variant in family.variants.values())
    assert (family.label == "undecidable") == bool(family.why)
    assert (family.kind == "null") == (family.growth_class == "none")


@pytest.mark.parametrize("code", CODES)
def test_a_family_builds_at_any_duration(code: str) -> None:
    """From three minutes to a day there are readings from the first second to the last, none of them negative."""
    for duration in DURATIONS:
        trace = made(code, duration=duration).trace

        assert trace.t[0] == 0
        assert duration * 0.9 < trace.t[-1] < duration * 1.06
        assert np.all(np.diff(trace.t) >= 0)
        for name, values in trace.columns.items():
            assert not np.any(values < 0), name
            assert np.isfinite(values).any(), name
        assert trace.columns["uss_bytes"].min() >= MIB / 2


@pytest.mark.parametrize("code", CODES)
def test_a_trace_reads_back_from_csv_as_it_was(code: str) -> None:
    """What is written as CSV parses to the same trace, with nothing to put right."""
    trace = made(code, duration=60.0, every=0.6).trace

    read = parse_csv(format_csv(trace.rows()), name=code)

    assert same(read, trace)
    assert read.notes == trace.notes == ()


@pytest.mark.parametrize("code", CODES)
def test_another_seed_is_another_trace(code: str) -> None:
    """The same arguments make the same trace; another seed does not."""
    assert same(made(code).trace, made(code).trace)
    assert not same(made(code).trace, made(code, seed=2).trace)


def test_another_process_makes_the_same_traces() -> None:
    """Nothing comes from the process: its hash seed, its clock, its own random state."""
    env = {**os.environ, "PYTHONHASHSEED": "77"}

    done = subprocess.run(
        [sys.executable, digests.__file__], capture_output=True, text=True, check=False, env=env, timeout=50
    )

    assert done.stdout.strip() == digest(), done.stderr


@pytest.mark.parametrize("code", CODES)
def test_a_parameter_that_is_set_changes_nothing_else(code: str) -> None:
    """Setting what the seed would have drawn gives the same trace."""
    drawn = made(code)
    rest: dict[str, Any] = dict(drawn.parameters)
    level = float(rest.pop("level"))

    again = generate(code, seed=1, duration=180.0, growth=drawn.truth.slope_bytes_per_second, level=level, **rest)

    assert same(again.trace, drawn.trace)
    assert again.parameters == drawn.parameters


def test_seeds_draw_within_what_is_documented() -> None:
    """Every drawn parameter is one that may be set, and levels lie between 30 and 500 MiB."""
    for code, family in FAMILIES.items():
        for seed in range(5):
            parameters = dict(generate(code, seed=seed, duration=20.0, every=0.2).parameters)
            assert 30 * MIB <= float(parameters.pop("level")) <= 500 * MIB
            assert {name: family.variants[name].check(name, value) for name, value in parameters.items()} == parameters


def test_a_usual_bound_is_for_seeds_only() -> None:
    """A seed stays under the usual bound; more may be asked for."""
    variant = Range(1.0, 9.0, "x", usual=2.0)

    assert max(float(variant.draw(np.random.default_rng(seed))) for seed in range(50)) <= 2
    assert variant.check("x", 9) == 9
    assert Choice((1.0, 2.0), "x", drawn=1).draw(np.random.default_rng(1)) == 1.0


@pytest.mark.parametrize(("duration", "every"), [(140.0, 0.5), (86_400.0, 15.0), (1800.0, 6.429), (60.0, 0.5)])
def test_short_runs_are_read_more_often(duration: float, every: float) -> None:
    """Every 15 seconds, or 280 times a run where that is more often, but no more than twice a second."""
    assert np.diff(generate("N1", seed=1, duration=duration).trace.t)[0] == pytest.approx(every)


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        ("L99", {}, "there is no family 'L99'; the nearest is L9 (logarithmic)"),
        ("lru_fill", {}, "there is no family 'lru_fill'; the nearest is N5 (lru-fill)"),
        ("", {}, "there is no family ''"),
        ("N1", {"growth": 3.0}, "N1 (flat) does not leak: its growth can only be 0 (got 3.0)"),
        ("L1", {"growth": -3.0}, "growth must be at least 0 bytes a second (got -3.0)"),
        ("L1", {"growth": float("nan")}, "(got nan)"),
        ("L1", {"seed": -1}, "a seed must be a whole number of at least 0 (got -1)"),
        ("L1", {"seed": 1.5}, "(got 1.5)"),
        ("L1", {"duration": 5.0}, "a run must be from 10 s to 366 days long (got 5.0 s)"),
        ("L1", {"duration": float("inf")}, "(got inf s)"),
        ("L1", {"every": 0.0}, "(got one every 0.0 s)"),
        ("L1", {"every": 9000.0}, "(got one every 9000.0 s)"),
        ("L1", {"level": 3.0}, "a service's level must be from 8 MiB to 4 TiB (got 3.0 bytes)"),
        ("L8", {"exponent": 0.9}, "exponent must be a number from 0.5 to 0.7 (got 0.9)"),
        ("L8", {"exponent": "0.6"}, "exponent must be a number from 0.5 to 0.7 (got '0.6')"),
        ("L8", {"evidence": 1}, "evidence must be one of True, False (got 1)"),
        ("N6a", {"steps": 1.5}, "steps must be a whole number from 1 to 3 (got 1.5)"),
        ("N5", {"exponent": 0.6}, "N5 (lru-fill) has no parameter 'exponent'; it has tau, size, evidence"),
    ],
)
def test_what_makes_no_trace_is_refused_with_its_value(code: str, arguments: dict[str, object], says: str) -> None:
    """A clear sentence with the value in it."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- the sentence is compared below
        generate(code, **{"seed": 1, **arguments})  # type: ignore[arg-type]  # wrong types are the point

    assert says in str(caught.value)


def test_the_example_of_the_package_is_right() -> None:
    """The docstring's example does what it shows."""
    assert doctest.testmod(traces) == (0, 5)
