"""Leaks by where they are: outside Python's heap, in swap, in one worker, in threads, behind a cache that shrinks, in a
map that says it has a bound.
"""

from typing import Final

import numpy as np

from floodmark_sidecar.traces._draft import Draft
from floodmark_sidecar.traces._family import Family, Range, leak
from floodmark_sidecar.traces._run import HOUR, KIB, FloatArray
from floodmark_sidecar.traces._signals import clamped, filled, reflected, sawtooth, scattered, stairs


@leak(
    "L10",
    "behind-a-shrinking-cache",
    "an unbounded map takes what a pool gives back: memory is flat while the map grows",
    "logical",
)
def _behind_a_shrinking_cache(draft: Draft) -> None:
    """Growth scales with the run. The growth asked for is the map's; the service's memory has none until the pool, a
    quarter of the level, is empty.
    """
    process, leaked = draft.process(), draft.leaked(draft.run.u)
    draft.hoard(process, leaked, name="move_history", each=float(draft.rng.uniform(200, 1000)))
    process.add("heap", -leaked)


@leak(
    "L11",
    "native",
    "C code allocates and never frees: malloc's memory in use grows, Python's blocks do not",
    "native",
)
def _native(draft: Draft) -> None:
    """Growth scales with the run."""
    draft.process().add("heap", draft.leaked(draft.run.u))


@leak(
    "L12",
    "mmap",
    "large buffers that malloc maps one by one and nobody frees",
    "mmap",
    buffers=Range(12, 300, "in the run", log=True),
)
def _mmap(draft: Draft) -> None:
    """How many buffers there are scales with the run."""
    run, process = draft.run, draft.process()
    count = int(draft.number("buffers"))
    places = scattered(draft.rng, count, high=0.99)
    process.add("mmap", draft.leaked(stairs(run, places, np.ones(count))))


@leak(
    "L13",
    "fragmentation",
    "free memory that malloc cannot give back grows on and on: what is in use stays level",
    "retention",
    wander=Range(0.0, 0.3, "how far it wanders about its line, as a share of the growth"),
)
def _fragmentation(draft: Draft) -> None:
    """Growth scales with the run. It goes beyond any burst that was seen. In half an hour nothing tells it from a heap
    that is still finding the room its bursts need.
    """
    run, process = draft.run, draft.process()
    if run.duration <= HOUR / 2:
        draft.undecidable("in half an hour a heap may still be finding the room that its bursts need, and keep it free")
    wander = draft.number("wander") * (reflected(run, draft.rng, mixing=0.05 * run.duration) - 0.5)
    # It wanders neither at the half nor at the end, between which growth is measured.
    still = np.sin(2 * np.pi * run.u) ** 2
    process.add("free", draft.leaked(run.u) + draft.growth * run.duration * wander * still)


@leak(
    "L14",
    "cycles",
    "the collector is switched off, or cycles resist it: teeth end and garbage piles up",
    "python",
    onset=Range(0.0, 0.3, "when it happens, as a share of the run"),
    period=Range(5.0, 300.0, "seconds of a tooth before", log=True),
    height=Range(0.005, 0.05, "of a tooth before, as a share of the level"),
)
def _cycles(draft: Draft) -> None:
    """The onset scales with the run; a tooth's period is the collector's own, in seconds, clipped to a twentieth of it. The clean
    twin's teeth end as well, as it makes no cycles any more: it is as quiet as the leak is.
    """
    run, process, onset = draft.run, draft.process(), draft.number("onset")
    draft.onset = onset * run.duration
    period = run.clipped(draft.number("period"), 0.05, least=4)
    teeth = sawtooth(run.t, period=period, phase=0.0)
    process.objects(draft.number("height") * draft.level * teeth * (run.u < onset))
    process.objects(draft.leaked(clamped(run, onset, 1.0)), block=64.0)


def _counted(draft: Draft, kind: str, *, each: float) -> None:
    process = draft.process()
    leaked = draft.leaked(draft.run.u)
    process.grown[kind] = np.round(leaked / each)
    if kind == "threads":
        process.add("other", 0.7 * leaked)
        process.add("heap", 0.2 * leaked)
        process.objects(0.1 * leaked)
    else:
        process.objects(leaked, large=0.5 if kind == "fds" else 0.2)


@leak(
    "L15a",
    "threads",
    "threads are started and never end; each has touched little of its stack",
    "threads",
    each=Range(40 * KIB, 120 * KIB, "bytes of one"),
)
def _threads(draft: Draft) -> None:
    """Growth scales with the run."""
    _counted(draft, "threads", each=draft.number("each"))


@leak(
    "L15b",
    "descriptors",
    "sockets or files are opened and never closed",
    "fds",
    each=Range(4 * KIB, 24 * KIB, "bytes of one"),
)
def _descriptors(draft: Draft) -> None:
    """Growth scales with the run."""
    _counted(draft, "fds", each=draft.number("each"))


@leak(
    "L15c",
    "tasks",
    "asyncio tasks wait for what never comes",
    "tasks",
    each=Range(3 * KIB, 16 * KIB, "bytes of one"),
)
def _tasks(draft: Draft) -> None:
    """Growth scales with the run."""
    _counted(draft, "tasks", each=draft.number("each"))


@leak(
    "L16",
    "slow",
    "grows in a straight line in a quiet service; to be asked for below δ",
    "python",
    why="it is to be asked for below the smallest growth of interest: steady and inconclusive are both right, and the slope's interval must hold the truth",
)
def _slow(draft: Draft) -> None:
    """Growth scales with the run."""
    making = draft.making()
    making.sigma, making.arenas = min(making.sigma, 5e-4), False
    draft.process(making=making).objects(draft.leaked(draft.run.u), large=0.3)


@leak(
    "L17",
    "swapped",
    "what leaks is never touched again and goes to swap: resident memory is flat, swap grows",
    "python",
    batch=Range(0.002, 0.05, "how rarely the kernel swaps, in runs", log=True),
)
def _swapped(draft: Draft) -> None:
    """Growth scales with the run. The kernel swaps in batches, always a little behind the leak."""
    run, process = draft.run, draft.process()
    leaked = draft.leaked(run.u)
    process.objects(leaked, large=0.4)
    batch = max(draft.number("batch") * run.duration, run.every)
    process.swap_out(np.interp(batch * np.floor(run.t / batch), run.t, leaked))


@leak(
    "L18",
    "one-of-many",
    "one worker of several leaks",
    "python",
    workers=Range(3, 8, "how many", whole=True),
)
def _one_of_many(draft: Draft) -> None:
    """Growth scales with the run."""
    count = draft.count("workers")
    workers = [draft.worker(count) for _ in range(count)]
    which = int(draft.rng.integers(count))
    draft.hoard(workers[which], draft.leaked(draft.run.u), name="results")
    for process in workers:
        if process is not workers[which]:
            process.store("results", draft.run.zeros + 30.0, each=500.0, turnover=1.0, held=False)


@leak(
    "B1",
    "full-lru-growing-values",
    "an LRU map that is full, whose values grow: the bound holds for entries only",
    "python",
    tau=Range(0.01, 0.05, "time constant of its filling, in runs"),
)
def _full_lru_growing_values(draft: Draft) -> None:
    """Growth scales with the run: it is in the bytes of each entry, not in how many there are."""
    run, rng, process = draft.run, draft.rng, draft.process()
    maxsize = float(rng.integers(500, 5000))
    entries = np.round(maxsize * filled(run, draft.number("tau")) / filled(run, draft.number("tau"))[-1])
    first = 0.03 * draft.level / maxsize
    leaked = draft.leaked(run.u)
    each = first + leaked / np.maximum(entries, 1.0)
    process.store("profiles", entries, each=each, maxsize=maxsize, turnover=float(rng.uniform(1, 5)), held=False)
    process.objects(first * entries + leaked * (entries > 0), large=0.6)
    draft.culprit = "profiles"


@leak(
    "B2",
    "unreachable-bound",
    "a map whose declared bound nothing could ever reach",
    "python",
    maxsize=Range(1e9, 1e12, "declared", log=True),
)
def _unreachable_bound(draft: Draft) -> None:
    """Growth scales with the run."""
    process = draft.process()
    draft.hoard(process, draft.leaked(draft.run.u), name="results")
    process.maps["map.results.maxsize"] = np.full(len(draft.run.t), np.round(draft.number("maxsize")))


@leak(
    "B3",
    "raised-bound",
    "a full map whose bound is raised again and again",
    "python",
    raises=Range(4, 12, "in the run", whole=True),
    tau=Range(0.1, 0.5, "how fast it fills up to a new bound, in times between two"),
)
def _raised_bound(draft: Draft) -> None:
    """The times at which the bound is raised scale with the run; entries follow each."""
    run, rng, process, count = draft.run, draft.rng, draft.process(), draft.count("raises")
    places = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count
    since = run.u[:, None] - places
    filling = np.where(since >= 0, 1 - np.exp(-np.maximum(since, 0) * count / draft.number("tau")), 0.0).sum(axis=1)
    bound = (since >= 0).sum(axis=1).astype(np.float64)
    leaked, each = draft.leaked(filling), float(rng.uniform(500, 4000))
    start = float(rng.integers(500, 2000))
    unit = _unit(leaked, filling) / each
    entries = start + leaked / each
    maxsize = np.ceil(np.maximum(start + unit * bound, entries))
    process.store("sessions_cache", entries, each=each, maxsize=maxsize, turnover=float(rng.uniform(1, 5)), held=False)
    process.objects(start * each + leaked, large=0.4)
    draft.culprit = "sessions_cache"


def _unit(leaked: FloatArray, filling: FloatArray) -> float:
    return float(leaked[-1] - leaked[0]) / float(filling[-1] - filling[0])


PLACES: Final[tuple[Family, ...]] = (
    _behind_a_shrinking_cache,
    _native,
    _mmap,
    _fragmentation,
    _cycles,
    _threads,
    _descriptors,
    _tasks,
    _slow,
    _swapped,
    _one_of_many,
)
BOUNDS: Final[tuple[Family, ...]] = (_full_lru_growing_values, _unreachable_bound, _raised_bound)
