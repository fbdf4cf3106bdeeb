"""Reads every watched service at one instant, over and over, and hands what it saw to the store."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.intake import Agent
from floodmark_sidecar.probe import Probe, Tree
from floodmark_sidecar.readings import OutsideReading, merge
from floodmark_sidecar.slots import Held, Process, Slots
from floodmark_sidecar.store import Life, Reader, Sample, Store, StoreError

_log = logging.getLogger("floodmark.sampler")

_NOBODY: Final = Tree((), {})

_NEW_SECONDS: Final = 60.0
"""How long a process' command line is read again: right after a fork it is still its parent's."""


class Sampler:
    """Owns the slots and lives of all services. `tick` runs in one thread at a time; the rest on the event loop.

    *agents* returns the connected agents by pid, *masks* whether a census of a
    service is under way or was after some time (monotonic).
    """

    def __init__(
        self,
        *,
        store: Store,
        probe: Probe,
        agents: Callable[[], Mapping[int, Agent]],
        masks: Callable[[str, float], bool],
        on_event: Callable[[str, str, str | None], None],
        read_every: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._probe = probe
        self._agents = agents
        self._masks = masks
        self._on_event = on_event
        self._read_every = read_every
        self._clock = clock
        self._services: dict[str, _Service] = {}
        self._latest: dict[str, Sample] = {}

    @property
    def latest(self) -> Mapping[str, Sample]:
        """The newest sample of each service; a copy."""
        return dict(self._latest)

    @property
    def roots(self) -> Mapping[str, tuple[int, bool]]:
        """The root pid of each watched service, and whether it still runs."""
        return {name: (s.root.pid, not s.root_ended) for name, s in self._services.items() if s.root}

    def restore(self) -> None:
        """Take up the slots and lives that an earlier sidecar left in the store; those that ended meanwhile are closed."""
        with Reader(self._store.path) as reader:
            for name in reader.services():
                span = reader.span(name)
                service = self._service(name)
                closed = service.restore(reader.lives(name), self._probe, ended=span[1] if span else self._clock())
                if closed:
                    self._store.put_lives(name, closed)

    def watch(self, name: str, pid: int, cwd: Path | None = None) -> None:
        """Watch the tree of processes whose root is *pid*.

        Where there is no such process, a service with history goes on with those of its processes that still run, and an
        event says so; of one without, `UsageError` is raised.
        """
        root = self._probe.find(pid)
        if root is None:
            msg = f"service {name} cannot be watched: there is no process {pid}"
            if name not in self._services:
                raise UsageError(msg)
            service = self._service(name)
            service.root, service.root_ended = Process(pid, born=0.0), True
            self._on_event("ended", f"{msg}; what was below it and still runs is read, and its history kept", name)
            return
        service = self._service(name)
        service.root = root
        self._store.put_service(name, cwd=cwd or self._probe.cwd(root))

    def workers(self, name: str) -> Sequence[tuple[Life, Agent]]:
        """Return the workers of a service that were read and have an agent, by name."""
        agents, service = self._agents(), self._services.get(name)
        found = [(life, agents[pid]) for pid, life in dict(service.lives if service else {}).items() if pid in agents]
        return sorted(found, key=lambda pair: pair[0].worker)

    async def run(self) -> None:
        """Read all services every `read_every` seconds, the first time at once, until cancelled."""
        due = time.monotonic()
        while True:
            try:
                samples = await asyncio.to_thread(self.tick)
            except Exception as error:  # noqa: BLE001 - one look that failed must not end all watching
                _log.exception("a look at the services failed")
                self._on_event("fault", f"a look at the services failed: {type(error).__name__}", None)
                samples = []
            for sample in samples:
                try:
                    await asyncio.wrap_future(self._store.put_sample(sample))
                except StoreError as error:
                    _log.warning("%s", error)
                else:
                    self._services[sample.service].unstored.difference_update(sample.ended)
            due = max(due + self._read_every, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def tick(self) -> list[Sample]:
        """Look at every service once; returns what is to be stored."""
        agents = self._agents()
        trees = {name: self._tree(service, agents) for name, service in self._services.items()}
        placed = {process.pid for tree in trees.values() for process in tree.processes}
        for pid, agent in agents.items():
            if pid not in placed:
                known = trees.get(agent.service, _NOBODY)
                trees[agent.service] = replace(known, processes=(*known.processes, *self._alone(agent)))
        samples = [self._sample(self._service(name), tree, agents) for name, tree in trees.items()]
        self._latest.update({sample.service: sample for sample in samples if sample.rows or sample.ended})
        return [sample for sample in samples if sample.rows or sample.ended]

    def _service(self, name: str) -> "_Service":
        return self._services.setdefault(name, _Service(name))

    def _tree(self, service: "_Service", agents: Mapping[int, Agent]) -> Tree:
        """Return the processes of a watched service; what was once below its root stays with it when orphaned."""
        if service.root is None:
            return _NOBODY
        members = [held.process for held in service.slots.held.values() if held.process.pid != service.root.pid]
        # A census runs in a forked child of its worker: no worker of its own.
        capturing = {pid for pid, agent in agents.items() if agent.capturing}
        tree = self._probe.tree([service.root, *members], childless=capturing)
        later = {pid for pid, agent in self._agents().items() if agent.capturing} - capturing
        known = {process.pid for process in members} | {service.root.pid}
        processes = tuple(p for p in tree.processes if p.pid in known or p.parent_pid not in later)
        if not service.root_ended and all(process.pid != service.root.pid for process in processes):
            service.root_ended = True
            self._on_event("ended", f"{service.name}: its first process ({service.root.pid}) has ended", service.name)
        return replace(tree, processes=processes)

    def _alone(self, agent: Agent) -> list[Process]:
        """Return the process of an agent that is below no watched root; one that cannot be seen is known by its pid."""
        found = self._probe.find(agent.pid)
        if found is not None:
            return [found]
        held = self._service(agent.service).slots.held.get(agent.pid)
        ended = held is not None and held.process.born > 0
        return [] if ended else [Process(agent.pid, born=0.0)]

    def _sample(self, service: "_Service", tree: Tree, agents: Mapping[int, Agent]) -> Sample:
        t, now = self._clock(), time.monotonic()
        changes = service.slots.update(tree.processes)
        for held in changes.ended:
            service.end(held, t)
            self._probe.forget(held.process)
        for held in changes.started:
            service.begin(held, t)
        children = Counter(process.parent_pid for process in tree.processes)
        rows = []
        for pid, held in service.slots.held.items():
            agent = agents.get(pid)
            service.lives[pid] = life = self._described(service.lives[pid], held.process, agent, t)
            # Below a root that nobody watches, nobody has looked for what has ended.
            zombies = None if service.root is None else tree.zombies.get(pid, 0)
            outside = self._probe.read(held.process, children=children[pid], zombies=zombies)
            inside = agent.fresh(now=now, within=2 * self._read_every) if agent else None
            if inside is not None or outside != OutsideReading():
                rows.append((life, merge(life.worker, life.life, outside, inside)))
        masked = self._masks(service.name, service.looked)
        service.looked = now
        return Sample(service.name, t, tuple(rows), ended=tuple(service.unstored), masked=masked)

    def _described(self, life: Life, process: Process, agent: Agent | None, t: float) -> Life:
        state = "connected" if agent else ("none" if life.agent == "none" else "gone")
        python = agent.python if agent else life.python
        command = self._probe.command(process) if t - life.started < _NEW_SECONDS else life.command
        if (state, python, command) == (life.agent, life.python, life.command):
            return life
        return replace(life, agent=state, python=python, command=command)


class _Service:
    """One service as the sampler knows it; `unstored` are ended lives that the store has not yet confirmed.

    `looked` is when it was read last (monotonic).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Process | None = None
        self.root_ended = False
        self.slots = Slots(name)
        self.lives: dict[int, Life] = {}
        self.unstored: set[Life] = set()
        self.looked = 0.0

    def begin(self, held: Held, t: float) -> None:
        process = held.process
        self.lives[process.pid] = Life(
            worker=held.worker, life=held.life, pid=process.pid, born=process.born, started=t, parent=held.parent
        )

    def end(self, held: Held, t: float) -> None:
        self.unstored.add(_over(self.lives.pop(held.process.pid), t))

    def restore(self, lives: Sequence[Life], probe: Probe, *, ended: float) -> tuple[Life, ...]:
        """Take up *lives*; returns those that are over now, with their end."""
        history, closed = [], []
        for life in lives:
            process = Process(life.pid, life.born) if life.ended is None and _runs(life, probe) else None
            history.append((life.worker, life.life, life.parent, process))
            if process is not None:
                self.lives[life.pid] = life
            elif life.ended is None:
                closed.append(_over(life, max(ended, life.started)))
        self.slots.restore(history)
        return tuple(closed)


def _over(life: Life, t: float) -> Life:
    return replace(life, ended=t, agent="none" if life.agent == "none" else "gone")


def _runs(life: Life, probe: Probe) -> bool:
    found = probe.find(life.pid)
    return found is not None and found.born == life.born
