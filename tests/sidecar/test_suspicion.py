"""Captures on suspicion: of what climbs and has no name, and of nothing else."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from floodmark_sidecar.assess import Assessment
from floodmark_sidecar.captures import CaptureError
from floodmark_sidecar.judge import Trace, judge
from floodmark_sidecar.suspicion import Suspicions, named
from floodmark_sidecar.traces import generate
from tests.planted.fix_culprits import culprit

CLIMBING = judge(generate("L1", seed=3, duration=600.0, growth=1e6).trace)
STEADY = judge(generate("N1", seed=3, duration=600.0).trace)


def assessment(*shares: float | None, verdict: Any = CLIMBING) -> Assessment:
    """A verdict with a culprit for each share."""
    return Assessment(verdict, tuple(replace(culprit("moves"), share=share) for share in shares), Trace.from_rows([]))


@dataclass
class Scripted:
    """A sidecar whose services have the assessments that a test gives them."""

    found: dict[str, Assessment | Exception] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    windows: list[tuple[float, int]] = field(default_factory=list)
    refusal: Exception | None = None
    agents: bool = True
    trace: float | None = None

    def __post_init__(self) -> None:
        self.suspicions = Suspicions(
            captures=self,
            assess=self.assess,
            services=lambda: tuple(self.found),
            on_event=lambda _kind, text, _service: self.events.append(text),
            trace=self.trace,
        )

    async def assess(self, service: str) -> Assessment:
        """Return what the test wants, or raise it."""
        found = self.found[service]
        if isinstance(found, Exception):
            raise found
        return found

    async def take(self, service: str, *, trace: float | None = None, frames: int = 1, trigger: str) -> Sequence[Any]:
        """Note which service it was, or how long it was traced and with how many calls of each allocation."""
        assert trigger == "suspicion"
        if trace is None:
            self.taken.append(service)
        else:
            self.windows.append((trace, frames))
        if self.refusal:
            raise self.refusal
        return [service] if self.agents else []

    def look(self, times: int = 1) -> int:
        """Look so many times; return how many censuses that gave."""
        before = len(self.taken)
        for _ in range(times):
            asyncio.run(self.suspicions.look())
        return len(self.taken) - before


def test_verdicts_are_what_the_tests_take_them_for() -> None:
    """They are the judge's own."""
    assert (CLIMBING.verdict, STEADY.verdict) == ("climbing", "steady")


def test_what_climbs_is_looked_at_and_what_does_not_is_left_alone() -> None:
    """Every service by itself."""
    sidecar = Scripted({"web": assessment(), "jobs": assessment(verdict=STEADY)})

    sidecar.look(2)

    assert sidecar.taken == ["web", "web"]
    assert sidecar.events == ["web climbs: up to 6 censuses until what grows has a name"]


def test_a_climb_without_a_name_gets_so_many_and_no_more() -> None:
    """More would only cost the service."""
    assert Scripted({"web": assessment(0.59)}).look(20) == 6


@pytest.mark.parametrize("shares", [(0.6,), (0.4, 0.3), (None, 1.0)])
def test_names_end_it_after_three(shares: tuple[float | None, ...]) -> None:
    """Of fewer censuses, a name may be chance."""
    assert Scripted({"web": assessment(*shares)}).look(20) == 3


def test_where_censuses_have_no_name_one_worker_is_traced() -> None:
    """Once, after the last of them, for as long as was asked."""
    sidecar = Scripted({"web": assessment(0.59)}, trace=30.0)
    assert (sidecar.look(6), sidecar.windows) == (6, [])
    assert (sidecar.look(5), sidecar.windows) == (0, [(30.0, 1)])
    assert sidecar.events[1:] == [
        "web climbs, and 6 censuses have no name for most of it: one worker is traced for 30 s"
    ]


def test_lines_that_allocate_are_traced_once_more_with_their_calls() -> None:
    """However much they explain: who calls them is not known yet."""
    sidecar = Scripted({"web": assessment(0.59)}, trace=30.0)
    sidecar.look(7)
    lines = tuple(replace(each, kind="line") for each in assessment(0.9).culprits)
    sidecar.found["web"] = replace(assessment(), culprits=lines)
    sidecar.look(5)
    assert sidecar.windows == [(30.0, 1), (30.0, 8)]
    (text,) = sidecar.events[2:]
    assert text.endswith(
        "lines that allocate are among what grows: one worker is traced for 30 s with 8 calls of each allocation"
    )


def test_a_window_is_a_small_part_of_what_was_seen() -> None:
    """Its readings are not judged: of a short watch, a long one would leave too few to see the climb."""
    sidecar = Scripted({"web": assessment(0.59)}, trace=120.0)
    sidecar.look(7)
    ((seconds, _),) = sidecar.windows
    assert seconds == pytest.approx(60.0, rel=0.02)


def test_nothing_is_told_of_what_nobody_can_look_into() -> None:
    """Without an agent there is no capture; once there is one, it is looked into as any other."""
    sidecar = Scripted({"web": assessment()}, trace=30.0, agents=False)
    sidecar.look(9)
    assert (sidecar.events, sidecar.windows) == ([], [])
    sidecar.agents = True
    assert (sidecar.look(9), len(sidecar.windows), len(sidecar.events)) == (6, 1, 2)


def test_what_has_a_name_is_not_traced() -> None:
    """Its line is known already."""
    sidecar = Scripted({"web": assessment(0.59)}, trace=30.0)
    sidecar.look(5)
    sidecar.found["web"] = assessment(0.6)
    sidecar.look(5)
    assert sidecar.windows == []


def test_a_service_that_climbs_again_is_suspected_anew() -> None:
    """What was steady in between has another reason to climb."""
    sidecar = Scripted({"web": assessment()})
    first = sidecar.look(20)
    sidecar.found["web"] = assessment(verdict=STEADY)
    between = sidecar.look(3)
    sidecar.found["web"] = assessment()

    assert (first, between, sidecar.look(20)) == (6, 0, 6)
    assert len(sidecar.events) == 2


@pytest.mark.parametrize("error", [CaptureError("no", hint=""), sqlite3.OperationalError("locked"), OSError("disk")])
def test_a_look_that_fails_is_told_and_ends_nothing(error: Exception) -> None:
    """The other services are looked at, and this one the next time."""
    sidecar = Scripted({"web": error, "jobs": assessment()})

    assert sidecar.look() == 1
    assert sidecar.events[0] == f"web could not be looked at: {error}"


def test_a_capture_that_fails_counts() -> None:
    """A service that cannot be captured is not asked for ever."""
    sidecar = Scripted({"web": assessment()}, refusal=CaptureError("no folder", hint=""))

    assert sidecar.look(20) == 6


@pytest.mark.parametrize(("shares", "share"), [((), 0.0), ((None,), 0.0), ((0.5, 0.2), 0.7), ((0.8, 0.7), 1.0)])
def test_the_share_that_is_named_is_one_at_most(shares: tuple[float | None, ...], share: float) -> None:
    """Culprits may hold the same things."""
    assert named(assessment(*shares)) == pytest.approx(share)
