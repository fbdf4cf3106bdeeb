"""Readings of real processes: lives, slots, restarts of the sidecar, and what agents add."""

import signal
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.intake import Agent
from floodmark_sidecar.probe import Probe, Tree
from floodmark_sidecar.readings import AgentReading, MapReading
from floodmark_sidecar.sampler import Sampler
from floodmark_sidecar.slots import Process
from floodmark_sidecar.store import Reader, Store
from tests.sidecar.serve.conftest import ENDING, PARENT, SLEEPER, Loop, Spawn, eventually

REPLACING = """
import signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
def start():
    child = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); import time; time.sleep(600)"], stdout=subprocess.PIPE)
    child.stdout.readline()
    return child
first = start()
print("ready", flush=True)
signal.sigwait({signal.SIGUSR1})
first.kill()
first.wait()
second = start()
signal.sigwait({signal.SIGUSR1})
"""
"""A parent that replaces its one child when it is told to."""


class Bench:
    """A sampler over a real store, ticked by hand, with agents as the test wants them."""

    def __init__(self, folder: Path, *, probe: Probe | None = None, read_every: float = 10.0) -> None:
        self.store = Store(folder / "history.db")
        self.agents: dict[int, Agent] = {}
        self.events: list[str] = []
        self.masked = False
        self.sampler = Sampler(
            store=self.store,
            probe=probe or Probe(),
            agents=lambda: dict(self.agents),
            masks=lambda _service, _since: self.masked,
            on_event=lambda _kind, text, _service: self.events.append(text),
            read_every=read_every,
        )

    def tick(self) -> None:
        """Look once and store what was seen."""
        for sample in self.sampler.tick():
            self.store.put_sample(sample).result(10)

    def agent(self, pid: int, service: str = "web", **numbers: int) -> Agent:
        """Let an agent connect that has just sent a reading."""
        maps = (MapReading("locks", "KeyedLocks", 3, container_ids=(77,)),)
        reading = AgentReading(t=time.time(), maps=maps, **numbers)
        self.agents[pid] = Agent(service, pid, "3.11.7", reading=reading, received=time.monotonic())
        return self.agents[pid]

    @property
    def rows(self) -> list[dict[str, object]]:
        """All that was stored."""
        with Reader(self.store.path) as reader:
            return list(reader.rows("web"))

    @property
    def lives(self) -> list[tuple[str, int, bool, str]]:
        """(worker, life, ended, agent) of every life."""
        with Reader(self.store.path) as reader:
            return [(life.worker, life.life, life.ended is not None, life.agent) for life in reader.lives("web")]


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    """A sampler to tick."""
    one = Bench(folder)
    yield one
    one.store.close()


def test_all_processes_of_a_service_are_read_at_one_instant(bench: Bench, spawn: Spawn) -> None:
    """Every row of one look has the same time; the root is the first worker."""
    bench.sampler.watch("web", spawn(PARENT, "2").pid)
    bench.tick()
    rows = bench.rows
    assert [row["worker"] for row in rows] == ["web-0", "web-1", "web-2"]
    assert len({row["t"] for row in rows}) == 1
    assert all(isinstance(row["uss_bytes"], int) and row["uss_bytes"] > 0 for row in rows)


def test_a_service_that_is_not_there_is_a_usage_error(bench: Bench) -> None:
    """The sentence has the pid."""
    with pytest.raises(UsageError, match="no process 4000001"):
        bench.sampler.watch("web", 4_000_001)


def test_a_service_with_history_needs_no_root(bench: Bench, spawn: Spawn, folder: Path) -> None:
    """Who restarts the sidecar gives it the pid that it was given before, which may have ended; others of it still run."""
    parent = spawn(PARENT, "1")
    bench.sampler.watch("web", parent.pid)
    bench.tick()
    bench.store.close()
    parent.kill()
    parent.wait()
    later = Bench(folder)
    later.sampler.restore()
    later.sampler.watch("web", parent.pid)
    later.tick()
    assert [row["worker"] for row in later.rows] == ["web-0", "web-1", "web-1"]
    later.store.close()
    assert later.sampler.roots == {"web": (parent.pid, False)}
    (event,) = later.events
    assert event == (
        f"service web cannot be watched: there is no process {parent.pid}; what was below it and still runs is read, "
        "and its history kept"
    )


def test_a_life_ends_with_its_process_and_the_root_s_end_is_an_event(bench: Bench, spawn: Spawn) -> None:
    """The end is stored once; nothing is read of it any more."""
    process = spawn(SLEEPER)
    bench.sampler.watch("web", process.pid)
    bench.tick()
    process.kill()
    process.wait()
    bench.tick()
    bench.tick()
    assert bench.lives == [("web-0", 1, True, "none")]
    assert len(bench.rows) == 1
    assert bench.events == [f"web: its first process ({process.pid}) has ended"]
    assert bench.sampler.roots == {"web": (process.pid, False)}


def test_children_that_outlive_their_root_still_belong_to_the_service(bench: Bench, spawn: Spawn) -> None:
    """An orphan is the machine's child then, and its memory still the service's."""
    parent = spawn(PARENT, "1")
    bench.sampler.watch("web", parent.pid)
    bench.tick()
    parent.kill()
    parent.wait()
    bench.tick()
    assert bench.rows[-1]["worker"] == "web-1"
    assert [ended for _, _, ended, _ in bench.lives] == [True, False]


def test_children_that_nobody_waits_for_are_in_the_row(bench: Bench, spawn: Spawn) -> None:
    """Of the worker that started them; below a root that nobody watches, nobody has looked."""
    parent = spawn(ENDING, "2")
    bench.sampler.watch("web", parent.pid)

    def counted() -> bool:
        bench.tick()
        return bool(bench.rows[-1]["zombies"] == 2)

    eventually(counted)
    bench.agent(alone := spawn(SLEEPER).pid, service="jobs")
    bench.tick()
    with Reader(bench.store.path) as reader:
        assert [row["zombies"] for row in reader.rows("jobs")] == [None]
    assert alone not in {life.pid for life, _ in bench.sampler.workers("web")}


def test_an_agents_numbers_and_maps_are_merged_into_the_row(bench: Bench, spawn: Spawn) -> None:
    """One row has both sides, and the containers of its maps are known by name."""
    pid = spawn(SLEEPER).pid
    bench.sampler.watch("web", pid)
    bench.agent(pid, python_blocks=5, uss_bytes=1)
    bench.tick()
    (row,) = bench.rows
    assert row["python_blocks"] == 5
    assert row["uss_bytes"] != 1
    assert (row["map.locks.entries"], row["map.locks.maxsize"]) == (3, None)
    with Reader(bench.store.path) as reader:
        assert reader.registered("web") == {("web-0", 1): {77: "locks"}}
    assert bench.lives == [("web-0", 1, False, "connected")]
    assert [(life.worker, agent.pid) for life, agent in bench.sampler.workers("web")] == [("web-0", pid)]


def test_an_old_reading_of_an_agent_is_not_told_again(bench: Bench, spawn: Spawn) -> None:
    """What an agent said long ago is not its state now."""
    pid = spawn(SLEEPER).pid
    bench.sampler.watch("web", pid)
    bench.agent(pid, python_blocks=5).received -= 21.0
    bench.tick()
    assert bench.rows[0]["python_blocks"] is None


def test_an_agent_that_goes_is_shown_as_gone(bench: Bench, spawn: Spawn) -> None:
    """Its worker is read on from outside."""
    pid = spawn(SLEEPER).pid
    bench.sampler.watch("web", pid)
    bench.agent(pid)
    bench.tick()
    bench.agents.clear()
    bench.tick()
    assert bench.lives == [("web-0", 1, False, "gone")]
    assert len(bench.rows) == 2


def test_an_agent_outside_every_watched_tree_is_a_service_of_its_own(bench: Bench, spawn: Spawn) -> None:
    """A service that nobody was told to watch is known by what its agents say."""
    bench.agent(spawn(SLEEPER).pid)
    bench.tick()
    assert [row["worker"] for row in bench.rows] == ["web-0"]


def test_a_process_that_cannot_be_seen_is_read_by_its_agent_alone(bench: Bench) -> None:
    """In another pid namespace the agent's own numbers serve."""
    bench.agent(4_000_001, uss_bytes=12345)
    bench.tick()
    (row,) = bench.rows
    assert (row["uss_bytes"], row["fds"]) == (12345, None)
    bench.agents.clear()
    bench.tick()
    assert bench.lives == [("web-0", 1, True, "gone")]


def test_new_children_of_a_worker_under_census_are_no_workers(bench: Bench, spawn: Spawn) -> None:
    """The forked child that takes the census is not counted among the workers."""
    parent = spawn(PARENT, "1")
    bench.sampler.watch("web", parent.pid)
    bench.agent(parent.pid).capturing = "one"
    bench.tick()
    assert [row["worker"] for row in bench.rows] == ["web-0"]


def test_readings_during_a_census_are_masked(bench: Bench, spawn: Spawn) -> None:
    """The child's shared pages make its parent look small: such a reading is marked."""
    bench.sampler.watch("web", spawn(SLEEPER).pid)
    bench.masked = True
    bench.tick()
    assert bench.rows[0]["masked"] == 1


def test_a_new_sidecar_goes_on_with_the_lives_that_still_run(bench: Bench, folder: Path, spawn: Spawn) -> None:
    """What ended while nobody looked is closed at its last reading; what runs keeps its slot and life."""
    runs, ends = spawn(SLEEPER), spawn(SLEEPER)
    bench.agent(runs.pid)
    bench.agent(ends.pid)
    bench.tick()
    last = bench.rows[-1]["t"]
    bench.store.close()
    ends.kill()
    ends.wait()

    later = Bench(folder)
    later.sampler.restore()
    later.agent(runs.pid)
    later.tick()
    with Reader(later.store.path) as reader:
        by_pid = {life.pid: life for life in reader.lives("web")}
    later.store.close()
    assert len(by_pid) == 2
    assert by_pid[runs.pid].ended is None
    assert (by_pid[ends.pid].ended, by_pid[ends.pid].agent) == (last, "gone")


def test_a_replaced_worker_is_the_next_life_of_its_slot(bench: Bench, spawn: Spawn) -> None:
    """The name stays; the life is counted on."""
    parent = spawn(REPLACING)
    bench.sampler.watch("web", parent.pid)
    bench.tick()
    parent.send_signal(signal.SIGUSR1)

    def replaced() -> bool:
        bench.tick()
        return ("web-1", 2, False, "none") in bench.lives

    eventually(replaced)
    assert ("web-1", 1, True, "none") in bench.lives


class _FailingOnce(Probe):
    failed = False

    def tree(self, roots: Iterable[Process], *, childless: Collection[int] = ()) -> Tree:
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return super().tree(roots, childless=childless)


def test_one_look_that_fails_does_not_end_the_watching(folder: Path, loop: Loop, spawn: Spawn) -> None:
    """It is an event, and the next look is stored."""
    bench = Bench(folder, probe=_FailingOnce(), read_every=0.05)
    bench.sampler.watch("web", spawn(SLEEPER).pid)
    running = loop.start(bench.sampler.run())
    eventually(lambda: bench.sampler.latest)
    running.cancel()
    assert bench.events == ["a look at the services failed: ZeroDivisionError"]
    bench.store.close()
