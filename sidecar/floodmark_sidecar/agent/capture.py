"""One capture: a census, taken in a forked child where that is safe, and written to a file; or why there is none."""

import json
import os
import signal
import sys
import time
from _contextvars import Context
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from floodmark_sidecar.agent import (
    _census,
    _entries,
    _fork,
    _graph,
    _names,
    _orphans,
    _owned,
    _paced,
    _resources,
    _safety,
    _types,
    _written,
)
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._contents import Contents
from floodmark_sidecar.agent._hops import Owner
from floodmark_sidecar.agent._origin import MACHINERY, USER, Modules

DEADLINE: Final = 60.0
"""Seconds after which the parent ends the child."""

CPU_SECONDS: Final = 45
RATIONED_DUTY: Final = 0.25
"""The child's share of a processor where the service's CPU time is limited: what it uses, the service must wait for."""

Content = Callable[[_fork.Heap, Callable[[], None]], dict[str, Any]]
"""Looks at the heap in the child and returns what the file is to say of it; calls its second argument now and then."""

_known: dict[int, bytes] = {}
"""How many instances each class, and entries each container, had at the last capture of this process, by pid: what grew
since is looked at closely. As JSON, which no census takes for a container of the service.
"""

_under_way: dict[int, object] = {}
"""One entry while a capture is taken, by pid: a process forked by the service meanwhile has none under way."""


def take(
    path: str,
    *,
    service: str,
    stall_limit: float = 0.1,
    cancel: int | None = None,
    proc: str = "/proc",
    cgroup: str = "/sys/fs/cgroup",
    content: Content | None = None,
) -> dict[str, Any]:
    """Take a census, or another *content*, into the new file *path* and return what a `captured` message says of it; never raises OSError.

    Blocks the calling thread for as long as the census takes; the process stands still only for the fork, whose length
    is `stall_seconds`. Where a fork would not be safe, a census is taken in the process itself, see `_paced`: then they
    are the longest that anything can have waited for it. What cannot be had has the reason under `refused`.
    """
    message: dict[str, Any] = {"pid": os.getpid(), "started": time.time()}

    def run(duty: float) -> tuple[str | None, float | None]:
        return _run(path, service, cancel, duty, content or _census_of(proc))

    def alone(why: str) -> tuple[str | None, float | None]:
        why_not = why if content is not None else _safety.refusal_here(proc=proc, cgroup=cgroup)
        return _run_here(path, service, cancel, why) if why_not is None else (why, None)

    refused, stall = _when_safe(run, alone, stall_limit=stall_limit, proc=proc, cgroup=cgroup)
    message["ended"] = time.time()
    if stall is not None:
        message["stall_seconds"] = stall
    if refused is None:
        message["path"] = path
    else:
        message["refused"] = refused
    return message


def look(
    content: Content,
    *,
    stall_limit: float = 0.1,
    cancel: int | None = None,
    proc: str = "/proc",
    cgroup: str = "/sys/fs/cgroup",
) -> bytes | None:
    """Return as JSON what *content* finds in a forked child, and leave no file; None where that was not to be had.

    Blocks, and stops the process, as `take` does; never raises OSError.
    """
    answers: list[bytes | None] = []

    def run(duty: float) -> tuple[str | None, float | None]:
        def work(heap: _fork.Heap) -> bytes:
            _prefer_to_die()
            return json.dumps(content(heap, _census.Pacer(duty)), separators=(",", ":")).encode()

        try:
            outcome = _fork.run(work, deadline=DEADLINE, cpu_seconds=CPU_SECONDS, cancel=cancel)
        except OSError as error:
            return str(error), None
        answers.append(outcome.answer)
        return outcome.failure, outcome.stall_seconds

    _when_safe(run, lambda why: (why, None), stall_limit=stall_limit, proc=proc, cgroup=cgroup)
    return answers[0] if answers else None


def _when_safe(
    run: Callable[[float], tuple[str | None, float | None]],
    alone: Callable[[str], tuple[str | None, float | None]],
    *,
    stall_limit: float,
    proc: str,
    cgroup: str,
) -> tuple[str | None, float | None]:
    """Return what *run* gives for the share of a processor it may use, or *alone* for why nothing may be forked."""
    token = object()
    if _under_way.setdefault(os.getpid(), token) is not token:
        return "a capture is already under way", None
    try:
        handler = signal.getsignal(signal.SIGCHLD)
        refused = _safety.refusal(proc=proc, cgroup=cgroup, sigchld=handler, stall_limit=stall_limit)
        return run(_duty(proc, cgroup)) if refused is None else alone(refused)
    except _fork.ForkRefusedError as error:
        return alone(str(error))
    finally:
        _under_way.clear()


def _duty(proc: str, cgroup: str) -> float:
    try:
        rationed = _safety.room(proc=proc, cgroup=cgroup).cpu_limited
    except OSError:
        rationed = True
    return RATIONED_DUTY if rationed else 1.0


def _census_of(proc: str) -> Content:
    """Return what takes a census, with the process's own files below *proc*."""
    before = _known.get(os.getpid(), b"{}")
    return lambda heap, pause: _take(heap, json.loads(before), proc, pause)


def _run(path: str, service: str, cancel: int | None, duty: float, content: Content) -> tuple[str | None, float | None]:
    partial_path = _written.partial(path)

    def work(heap: _fork.Heap) -> bytes:
        _prefer_to_die()
        found = content(heap, _census.Pacer(duty))
        _written.write(partial_path, path, {**_written.head(service, os.getppid()), **found})
        if "types" not in found:
            return b""
        types = {name: count for name, count, _ in found["types"]}
        entries = {str(row["id"]): row["entries"] for row in found["containers"]}
        return json.dumps({"types": types, "entries": entries}).encode()

    try:
        outcome = _fork.run(work, deadline=DEADLINE, cpu_seconds=CPU_SECONDS, cancel=cancel)
    except OSError as error:
        return str(error), None
    if outcome.answer is None:
        _written.remove(partial_path)
        return outcome.failure, outcome.stall_seconds
    if outcome.answer:
        _known.clear()
        _known[os.getpid()] = outcome.answer
    return None, outcome.stall_seconds


def _run_here(path: str, service: str, cancel: int | None, why: str) -> tuple[str | None, float | None]:
    """Take a census in this process, which cannot be forked for the reason *why*."""
    pause, partial_path = _paced.Pace(cancel, deadline=DEADLINE), _written.partial(path)
    try:
        found = _paced.census(lambda each, name, contents: _row(each, name, contents, {}), pause=pause)
        notes = [f"taken in the process itself, of the containers that modules lead to alone: {why}"]
        _written.write(
            partial_path, path, {**_written.head(service, os.getpid(), how="process"), **found, "notes": notes}
        )
    except _paced.StoppedError as error:
        return str(error), pause.longest
    except Exception as error:  # noqa: BLE001  nothing of this is the service's business
        _written.remove(partial_path)
        return f"the census failed: {_fork.place(error)}", pause.longest
    return None, pause.longest


def _take(
    heap: _fork.Heap, before: Mapping[str, Mapping[str, int]], proc: str, pause: Callable[[], None]
) -> dict[str, Any]:
    started, used = time.perf_counter(), time.process_time()
    by_type = ByType(heap.objects, pause=pause, ignore=(heap.objects, heap.dicts, heap.frames, heap.kept))
    # Variables of running functions are not shown to the collector, so that a dict held only there is still missing.
    running = [*_names.stacks(heap.frames.values())]
    stacks = [value for frame in running for value in _graph.local_names(frame).values()]
    dicts = [*heap.dicts, *(value for value in stacks if type(value) is dict)]
    tallies = _types.count(by_type, [*dicts, *heap.kept], pause=pause)
    orphans = _orphans.orphans(
        tallies, by_type, before.get("types", {}), modules=Modules(sys.modules), held=[*running, *stacks], pause=pause
    )
    found, complete = _census.biggest(by_type, dicts, pause=pause)
    modules = Modules(sys.modules)
    owners = _types.owners(tallies, modules)
    samples = _types.samples(tallies, modules, known=owners, before=before.get("types", {}))
    owned = _owned.owned(
        found,
        before.get("entries", {}),
        modules=modules,
        running=running,
        pause=pause,
        spent=time.process_time() - used,
    )
    # The one that a thread runs in is held by its state alone, which shows nothing to the collector.
    contexts = [*by_type.of([id(Context)])]
    rows, handles = _resources.resources(by_type, heap.frames, parent=os.getppid(), proc=proc, pause=pause)
    names, searched = _names.names(
        [*(each.value for each in found), *samples.values(), *(handle for _, handle in handles)],
        loaded=sys.modules,
        frames=heap.frames.values(),
        contexts=contexts,
        barred=[
            heap,
            heap.objects,
            heap.dicts,
            heap.frames,
            heap.kept,
            by_type,
            running,
            stacks,
            dicts,
            found,
            samples,
            contexts,
            handles,
        ],
        pause=pause,
    )
    holds = _types.held(samples)
    for name, sample in samples.items():
        held = names.get(id(sample))
        owners[name]["holds"] = holds[name]
        owners[name]["held_by"] = None if held is None else held.chain
        owners[name]["searched"] = searched
    users = {key for key, name in names.items() if name.is_users}
    tokens = _entries.tokens((each for each in found if id(each.value) in users), pause=pause)
    for row, handle in handles:
        held = names.get(id(handle))
        row["holder"] = None if held is None else {**_owner(held.owner), "path": held.path, "chain": held.chain}
    contents = Contents(modules)
    nameless = sum(id(each.value) not in names for each in found)
    cut = bool(nameless) and not searched
    notes = [f"{nameless} containers have no name: the search for it was cut short"] if cut else []
    if not complete:
        notes.append("there are too many containers to look into all: those with the smallest tables are left out")
    return {
        "seconds": time.perf_counter() - started,
        "objects": len(heap.objects),
        "complete": complete,
        "notes": notes,
        "types": _types.rows(tallies, modules),
        "type_owners": owners,
        "orphans": {name: asdict(each) for name, each in orphans.items()},
        "containers": [
            {**_row(each, names.get(id(each.value)), contents, tokens), "owned": _held(owned.get(id(each.value)))}
            for each in found
        ],
        **rows,
    }


def _row(
    each: _census.Container, name: _names.Name | None, contents: Contents, tokens: Mapping[int, list[int]]
) -> dict[str, Any]:
    owner = name.owner if name is not None else None
    of = contents.of(each) if owner is None or owner.origin != USER else None
    return {
        "id": id(each.value),
        "kind": each.kind,
        "entries": each.entries,
        "bytes": each.shallow_bytes,
        "entry_bytes": each.entry_bytes,
        "path": name.path if name is not None else None,
        "name": owner.attribute if owner is not None else None,
        "owner": None if owner is None else _owner(owner),
        "of": None if of is None else _owner(of),
        "chain": name.chain if name is not None else None,
        "shape": each.shape,
        "values": each.values,
        "users": name is not None and name.is_users,
        "tokens": tokens.get(id(each.value)),
        "retainers": name.retainers if name is not None and name.owner.origin != MACHINERY else None,
    }


def _held(owned: _owned.Owned | None) -> dict[str, Any] | None:
    return None if owned is None else {"bytes": owned.bytes, "types": owned.types}


def _owner(owner: Owner) -> dict[str, Any]:
    return {"module": owner.module, "file": owner.file, "qualname": owner.qualname, "attribute": owner.attribute}


def _prefer_to_die() -> None:
    """Make the kernel end this child before anything else, should memory run out after all."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, b"1000")
        os.close(fd)
    except OSError:
        return
