"""A day of a run in stretches, in a world whose time is made up: real plan, store, judge and report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_soak import runner
from floodmark_soak._outcome import Outcome
from floodmark_soak._output import NoRoomError
from floodmark_soak.plan import load_plan
from floodmark_soak.runner import Run, Wish
from tests.soak.simulated import SimulatedParts, memory

HOUR = 3600.0
SEGMENT = 290 * 60.0


class Quiet:
    """A reporter who keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def phase(self, name: str) -> None:
        """Keep it."""
        self.said.append(name)

    note = phase

    def advance(self, moment: Any) -> None:
        """Look away."""

    def close(self) -> None:
        """Do nothing."""


class World:
    """A service whose runs of *hours* are simulated into one folder."""

    def __init__(self, folder: Path, *, hours: float, of: Callable[[float], int]) -> None:
        (folder / "locustfile.py").write_text("")
        self.plan_file = folder / "web.toml"
        self.plan_file.write_text(
            'floodmark = 1\n[service]\ncommand = ["x"]\nready = "http://127.0.0.1:1/"\n[soak]\nread_every = "30s"\n'
        )
        self.output = folder / "out"
        self.plan = load_plan(self.plan_file, duration=hours * HOUR)
        self.parts = SimulatedParts(self.plan, of)

    def run(self, **wish: Any) -> Outcome:
        """Run one segment, or the whole; an hour passes before the next can begin."""
        told = Quiet()
        run = Run(
            self.plan,
            self.output,
            reporter=told,
            interrupts=self.parts.interrupts,
            base={},
            wish=Wish(**wish),
            parts=self.parts,
        )
        outcome, _ = run.run()
        self.said = told.said
        self.parts.clock.now += HOUR
        return outcome

    @property
    def written(self) -> dict[str, Any]:
        """What result.json has."""
        found: dict[str, Any] = json.loads((self.output / "result.json").read_text())
        return found


MakeWorld = Callable[..., World]


@pytest.fixture
def world(tmp_path: Path) -> MakeWorld:
    """Make a world of a service that leaks so many MiB an hour."""

    def make(*, hours: float, leak: float) -> World:
        return World(tmp_path, hours=hours, of=memory(leak=leak))

    return make


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("leak", "verdict", "code"), [(0.0, "steady", 0), (2.0, "climbing", 1)])
def test_a_day_in_five_segments(world: MakeWorld, leak: float, verdict: str, code: int) -> None:
    """Each of 290 minutes, with an hour between them: one run, whose longest life is that of a segment."""
    day = world(hours=24, leak=leak)
    codes = [int(day.run(resume=number > 0, segment=SEGMENT, to_the_end=True).exit_code) for number in range(5)]

    found = day.written
    assert codes[-1] == found["exit_code"] == code, found["reasons"]
    assert set(codes[:-1]) <= {0, code}
    assert (found["verdict"], found["complete"], found["remaining_seconds"]) == (verdict, True, 0)
    assert found["duration_seconds"] == pytest.approx(24 * HOUR, abs=2)
    assert [segment["ended"] for segment in found["segments"]] == ["segment"] * 4 + ["whole"]
    assert found["longest_life_seconds"] == pytest.approx(SEGMENT, rel=0.01)
    assert day.parts.starts == 5


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_growth_beyond_doubt_ends_a_run_early(world: MakeWorld) -> None:
    """After ten hours of a day, with what was captured before the end."""
    day = world(hours=24, leak=40)

    found = day.run().result

    assert (found["verdict"], found["exit_code"], found["complete"]) == ("climbing", 1, True)
    assert 9 * HOUR < found["duration_seconds"] < 12 * HOUR
    assert "taking the last census" in day.said
    assert any(note.startswith("growth beyond doubt after") for note in found["notes"])


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_ends_a_run_early_that_is_level(world: MakeWorld) -> None:
    """No look passes a run, however level it is."""
    found = world(hours=24, leak=0).run().result

    assert (found["verdict"], found["exit_code"]) == ("steady", 0)
    assert found["duration_seconds"] == pytest.approx(24 * HOUR, abs=2)


def test_a_segment_that_showed_nothing_is_done(world: MakeWorld) -> None:
    """It ends with 0, says what is to come, and its verdict is none yet."""
    found = world(hours=2, leak=0).run(segment=HOUR).result

    assert (found["verdict"], found["exit_code"], found["complete"]) == ("inconclusive", 0, False)
    assert found["remaining_seconds"] == pytest.approx(HOUR, abs=2)
    assert found["reasons"][0] == "1 h of 2 h are still to come."


def test_what_a_dead_service_left_is_judged_and_stays(world: MakeWorld) -> None:
    """Whoever goes on after a death does not make it undone."""
    run = world(hours=2, leak=0)
    run.parts.dies_at = HOUR
    first = run.run().result
    run.parts.dies_at = 10 * HOUR
    second = run.run(resume=True).result

    assert (first["exit_code"], second["exit_code"]) == (4, 4)
    assert second["complete"]
    assert [each["ended"] for each in second["segments"]] == ["failed", "whole"]
    assert second["problems"][0]["message"].startswith("the service died")


def test_a_sidecar_that_hangs_ends_a_segment(world: MakeWorld) -> None:
    """Nobody watches then: it is told, and the run can be gone on with."""
    run = world(hours=2, leak=0)
    run.parts.hangs_at = HOUR
    first = run.run().result
    run.parts.hangs_at = 10 * HOUR
    second = run.run(resume=True).result

    assert (first["exit_code"], first["segments"][0]["ended"]) == (6, "failed")
    assert first["problems"][0]["message"] == "the sidecar has taken no reading for 5 min 30 s"
    assert first["duration_seconds"] == pytest.approx(HOUR + 300, abs=40)
    assert (second["complete"], second["problems"]) == (True, [])


def test_a_store_that_is_lost_costs_no_readings(world: MakeWorld) -> None:
    """Those that were written out stay, though nothing can be judged any more."""
    run = world(hours=1, leak=0)
    run.run()
    before = (run.output / "readings.csv").read_bytes()
    (run.output / "store.sqlite").write_bytes(b"")
    again = run.run(resume=True).result

    assert again["exit_code"] == 6
    assert (run.output / "readings.csv").read_bytes() == before


def test_a_run_that_is_over_is_told_again(world: MakeWorld) -> None:
    """Nothing is started, and the files are those of before."""
    run = world(hours=1, leak=0)
    first = run.run().result
    again = run.run(resume=True).result

    assert run.parts.starts == 1
    assert run.said[0].startswith("the run is over: 1 h of 1 h")
    assert first == again


def test_a_disk_that_is_full_at_the_end_loses_nothing(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was watched is in the store and the story: once there is room again, the run is judged without another start."""
    run = world(hours=1, leak=0)

    def full(*_: Any) -> None:
        msg = "there is no room on the disk"
        raise NoRoomError(msg)

    with monkeypatch.context() as patched:
        patched.setattr(runner, "write_result", full)
        first = run.run().result
    again = run.run(resume=True).result

    assert (first["exit_code"], first["problems"][0]["message"]) == (6, "there is no room on the disk")
    assert (again["complete"], again["problems"], run.parts.starts) == (True, [], 1)
    assert again == run.written


def test_a_clock_that_was_set_back_after_a_kill_is_refused(world: MakeWorld) -> None:
    """Nobody wrote down the end of that segment: its last reading is it."""
    run = world(hours=2, leak=0)
    run.run(segment=HOUR)
    story = json.loads((run.output / "run.json").read_text())
    story["segments"][0] |= {"until": 0.0, "ended": ""}
    (run.output / "run.json").write_text(json.dumps(story))
    run.parts.clock.now -= 1.5 * HOUR

    with pytest.raises(UsageError, match="the clock of this machine is 30 min before the end of segment 1"):
        run.run(resume=True)


REFUSED: dict[str, tuple[Callable[[World], object], str]] = {
    "another length": (
        lambda w: setattr(w, "plan", load_plan(w.plan_file, duration=9 * HOUR)),
        "one of another plan: duration was 7200.0 and is 32400.0",
    ),
    "another plan": (
        lambda w: w.plan_file.write_text(w.plan_file.read_text() + "trim = false\n"),
        "one of another plan: soak.trim is new",
    ),
    "another load": (
        lambda w: w.plan.load.locustfile.write_text("x = 1"),
        "one of another plan: locustfile was",
    ),
    "another service": (
        lambda w: (w.output.parent / "app.py").write_text("x = 2"),
        "the service is not the one that the run began with: app.py has changed",
    ),
    "a clock set back": (
        lambda w: setattr(w.parts.clock, "now", w.parts.clock.now - 2 * HOUR),
        "the clock of this machine is 1 h before the end of segment 1 of the run",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_gone_on_with_is_refused(world: MakeWorld, case: str) -> None:
    """In words, before anything is started, and what there was is as it was."""
    changes, words = REFUSED[case]
    run = world(hours=2, leak=0)
    (run.output.parent / "app.py").write_text("x = 1")
    run.run(segment=HOUR)
    before = {path: path.read_bytes() for path in run.output.rglob("*") if path.is_file()}
    changes(run)

    with pytest.raises(UsageError) as caught:
        run.run(resume=True)

    assert words in caught.value.message
    assert run.parts.starts == 1
    assert {path: path.read_bytes() for path in run.output.rglob("*") if path.is_file()} == before
