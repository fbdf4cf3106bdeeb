"""Healthy services whose memory rises all the same: caches that fill, steps, ratchets, load, recycled and forked workers."""

from typing import Final

import numpy as np

from floodmark_sidecar.traces._draft import Draft
from floodmark_sidecar.traces._family import Choice, Family, Range, evidence, null
from floodmark_sidecar.traces._recycling import recycled_life
from floodmark_sidecar.traces._run import DAY, HOUR, MIB, FloatArray
from floodmark_sidecar.traces._signals import clamped, day, filled, sawtooth, scattered, settled, stairs

_BARE: Final = ("requests_total", "sessions", "fds", "tasks", "python_blocks", "heap_", "mmap_", "map.")
"""What only an agent inside the service, or the service itself, could have told; and what follows the load."""

_STAIRCASE: Final = 3
"""Jumps from which a staircase may be one."""

_MATTERS: Final = 0.01
"""Share of its level by which a service may rise within a day, and nobody minds."""


@null(
    "N4",
    "ttl-cache",
    "a TTL cache under steady traffic: full after one TTL, and then level, or a sawtooth where expired entries wait",
    ttl=Range(30.0, 2 * HOUR, "seconds", log=True),
    sweep=Choice((0.0, 0.1, 0.5), "how rarely expired entries are released, in TTLs; 0 is at once"),
    size=Range(0.05, 0.25, "of the full cache, as a share of the level"),
)
def _ttl_cache(draft: Draft) -> None:
    """The TTL is the cache's own, in seconds, clipped to a tenth of the run."""
    process, run, rng = draft.process(), draft.run, draft.rng
    ttl = run.clipped(draft.number("ttl"), 0.1, least=8)
    full = float(np.exp(rng.uniform(np.log(500), np.log(20_000))))
    arrived = np.cumsum(rng.poisson(full * run.every / ttl, len(run.t))).astype(np.float64)
    sweep = draft.number("sweep") * ttl
    waits = sweep * sawtooth(run.t, period=sweep, phase=0.0) if sweep > run.every else run.zeros
    gone = np.interp(run.t - ttl - waits, run.t, arrived, left=0.0)
    each = draft.number("size") * draft.level / full
    process.store("thumbnails", arrived - np.round(gone), each=each, maxsize=np.ceil(10 * full), ttl=ttl)


@null(
    "N5",
    "lru-fill",
    "an LRU cache with a declared bound that fills ever more slowly as keys come again",
    tau=Range(0.05, 0.5, "time constant of the fill, in runs"),
    size=Range(0.01, 4.0, "of the full cache, as a share of the level", log=True, usual=0.3),
    evidence=evidence("the cache's map"),
)
def _lru_fill(draft: Draft) -> None:
    """The fill scales with the run. Its map has the bound that entries approach; without it a slow fill is undecidable."""
    process, run = draft.process(), draft.run
    tau, size = draft.number("tau"), draft.number("size") * draft.level
    maxsize = float(np.round(np.exp(draft.rng.uniform(np.log(1_000), np.log(50_000)))))
    process.store("thumbnails", maxsize * filled(run, tau), each=size / maxsize, maxsize=maxsize, turnover=1.0)
    if not draft.flag("evidence"):
        draft.hide("map.thumbnails")
        if tau > 0.2:
            draft.undecidable("without its map a fill with no end in the run has the shape of a leak that slows down")


@null(
    "N6a",
    "steps",
    "one to three jumps that come once each: lazy imports, a pool that grows",
    steps=Range(1, 3, "how many", whole=True),
    size=Range(0.002, 4.0, "of all of them, as a share of the level", log=True, usual=0.1),
    doubling=Choice((False, True), "whether each is twice the one before, at twice its time", drawn=1),
)
def _steps(draft: Draft) -> None:
    """The places scale with the run: 5 to 85 % of it, or, doubling, each at twice the time of the one before.

    Three alike, of some size, are spread over it as the first three of a staircase are.
    """
    run, rng, count = draft.run, draft.rng, draft.count("steps")
    process = draft.process()
    places: FloatArray = scattered(rng, count, low=0.05, high=0.85)
    sizes: FloatArray = rng.uniform(0.3, 1.0, count)
    last = float(rng.uniform(0.55, 0.9))
    if draft.flag("doubling"):
        places = sizes = np.asarray(last / 2.0 ** np.arange(count), np.float64)
    size = draft.number("size") * draft.level
    process.objects(size * stairs(run, places, sizes / sizes.sum()), large=0.4)
    if count == _STAIRCASE and size > max(MIB, _MATTERS * draft.level) and not draft.flag("doubling"):
        draft.undecidable(
            "three jumps alike all over the run are how a staircase begins that no registered map tells of"
        )


@null(
    "N6b",
    "late-step",
    "one jump in the last tenth of the run",
    place=Range(0.9, 0.98, "as a share of the run"),
    size=Range(0.005, 0.08, "as a share of the level"),
)
def _late_step(draft: Draft) -> None:
    """The place scales with the run."""
    process = draft.process()
    step = draft.run.since(draft.number("place"))
    process.objects(draft.number("size") * draft.level * step, large=0.4)


@null(
    "N7a",
    "ratchet",
    "bursts of bounded size push the heap's high water up, ever more rarely, and malloc keeps what they leave",
    bursts=Range(30, 400, "in the run", log=True),
    size=Range(0.005, 4.0, "of the largest burst, as a share of the level", log=True, usual=0.15),
    tail=Range(1.0, 3.0, "how rare large bursts are; 1: all sizes alike"),
)
def _ratchet(draft: Draft) -> None:
    """How many bursts there are scales with the run; each lasts 5 to 60 s, clipped to a hundredth of it.

    What is kept never exceeds the largest burst that came before, in whole MiB.
    """
    process, run, rng = draft.process(), draft.run, draft.rng
    count, most = int(draft.number("bursts")), draft.number("size") * draft.level
    places = np.sort(rng.random(count))
    sizes = most * rng.random(count) ** draft.number("tail")
    high = np.append(0.0, np.maximum.accumulate(sizes))[np.searchsorted(places, run.u, side="right")]
    kept = np.minimum(MIB * np.ceil(high / MIB), np.maximum(high, most))
    length = run.clipped(float(rng.uniform(5, 60)), 0.01)
    last = np.clip(np.searchsorted(places, run.u, side="right") - 1, 0, count - 1)
    running = (run.u >= places[last]) & (run.t - places[last] * run.duration < length)
    live = np.where(running, sizes[last], 0.0)
    process.add("heap", live)
    process.add("free", kept - live)


def _daily(draft: Draft, *, covariate: bool) -> None:
    run = draft.run
    period = min(DAY, run.duration)
    load = 1 + draft.number("swing") * day(run, period=period, peak=draft.number("peak"))
    sessions = float(draft.rng.uniform(50, 400))
    making = draft.making()
    making.session_bytes = draft.number("size") * draft.level / sessions
    draft.process(making=making, load=load, sessions=sessions)
    if not covariate:
        draft.hide(*_BARE)
        if run.duration < 2 * period:
            draft.undecidable(
                "one period of load that nothing in the trace tells of: a rise may be the load's or a leak's"
            )
        else:
            draft.label, draft.reason = "steady", "the load comes back to where it was, and memory with it"


_SWING: Final = Range(0.3, 0.8, "of the load about its mean")
_PEAK: Final = Choice(
    (0.5, 0.0, 0.25, 0.75), "where in a period the load is highest; 0.5: the run starts at the trough"
)
_LOADED: Final = Range(0.03, 0.2, "what usual sessions hold, as a share of the level")


@null(
    "N8a",
    "daily-load",
    "load and memory rise and fall with the day, and sessions are counted",
    needs=6 * HOUR,
    swing=_SWING,
    peak=_PEAK,
    size=_LOADED,
)
def _daily_load(draft: Draft) -> None:
    """The period is a day, or the run if that is shorter; starts at trough, peak, or between."""
    _daily(draft, covariate=True)


@null(
    "N8b",
    "daily-load-unseen",
    "load and memory rise and fall with the day, and nothing tells of the load",
    why="one period of load that nothing in the trace tells of: a rise may be the load's or a leak's",
    needs=6 * HOUR,
    swing=_SWING,
    peak=_PEAK,
    size=_LOADED,
)
def _daily_load_unseen(draft: Draft) -> None:
    """As with sessions counted, but read from outside only; two periods or more are decidable."""
    _daily(draft, covariate=False)


@null(
    "N9",
    "load-ramp",
    "sessions grow in number all through the run and stay open; memory is theirs",
    why="sessions that have not been returned by the end may be about to be, or be the leak themselves",
    rise=Range(0.3, 0.7, "of the load"),
    size=Range(0.03, 1.0, "what usual sessions hold, as a share of the level", log=True, usual=0.2),
    returned=Choice((0.0, 0.5, 1.0), "share of the rise that goes away again in the last quarter", drawn=1),
)
def _load_ramp(draft: Draft) -> None:
    """The ramp scales with the run."""
    run, returned = draft.run, draft.number("returned")
    load = 1 + draft.number("rise") * (clamped(run, 0.0, 1.0) if not returned else clamped(run, 0.0, 0.7))
    load -= draft.number("rise") * returned * clamped(run, 0.72, 0.9)
    sessions = float(draft.rng.uniform(50, 400))
    making = draft.making()
    making.session_bytes = draft.number("size") * draft.level / sessions
    draft.process(making=making, load=load, sessions=sessions)
    if returned == 1.0:
        draft.label, draft.reason = "steady", "sessions were returned, and their memory with them"


@null(
    "N14c",
    "restart",
    "one worker that is restarted once or twice, and starts again from below",
    restarts=Range(1, 2, "how many", whole=True),
)
def _restart(draft: Draft) -> None:
    """Restarts come at shares of the run; each life starts in seconds of its own, clipped to a tenth of the run."""
    run, rng, count = draft.run, draft.rng, draft.count("restarts")
    at = scattered(rng, count, low=0.2, high=0.85) * run.duration
    starts = np.append(0.0, at)
    life = np.searchsorted(at, run.t, side="right")
    process = draft.worker(1, name="web-0", life=life + 1, age=run.t - starts[life])
    down = run.clipped(float(rng.uniform(2, 40)), 0.01, least=0)
    process.alive &= (life == 0) | (process.age >= down)


@null(
    "N17",
    "recycled",
    "workers that are replaced after so many requests, each of which warms up and is then level",
    workers=Range(2, 6, "how many", whole=True),
    lives=Range(3, 12, "of each worker in the run", whole=True),
    cache=Range(0.02, 0.15, "what each life's own cache holds, as a share of the level"),
)
def _recycled(draft: Draft) -> None:
    """Lives scale with the run; a life's start and its cache's fill scale with the life, and end within a third of it."""
    run, rng, count = draft.run, draft.rng, draft.count("workers")
    length = run.duration / draft.count("lives")
    making = draft.making()
    making.ramp_seconds = min(making.ramp_seconds, 0.2 * length)
    maxsize = float(np.round(rng.uniform(200, 3000)))
    for _ in range(count):
        life, age = recycled_life(run, rng, length=length)
        process = draft.worker(count, making=making, life=life, age=age)
        size = draft.number("cache") * process.level
        process.store("templates", maxsize * settled(age, 0.3 * length), each=size / maxsize, maxsize=maxsize)


@null(
    "N18",
    "copy-on-write",
    "forked workers un-share the master's pages one by one as they write to them; the service as a whole grows by copies only",
    workers=Range(2, 6, "how many", whole=True),
    tau=Range(0.03, 0.4, "time constant of the un-sharing, in runs", log=True),
    shared=Range(0.1, 0.5, "of the master's memory that is shared, as a share of the level"),
    most=Range(0.4, 1.0, "share of it that a worker ever writes to"),
)
def _copy_on_write(draft: Draft) -> None:
    """The un-sharing scales with the run. Each worker's own memory rises to what it shared; its resident memory, heap and
    blocks are flat; the master owns alone what every worker has left it. Copies are real memory: the sum grows too, by
    no more than what was shared for each worker.
    """
    run, rng, count = draft.run, draft.rng, draft.count("workers")
    shared, most = draft.number("shared") * draft.level, draft.number("most")
    alone = np.ones(len(run.t))
    for _ in range(count):
        process = draft.worker(count + 1)
        copied = most * filled(run, draft.number("tau") * float(rng.uniform(0.7, 1.4)))
        process.add("other", shared * copied)
        process.shared = process.shared + shared * (1 - copied)
        alone = alone * copied
    master = draft.worker(count + 1, name="master", load=run.zeros)
    master.add("other", shared * alone)
    master.shared = master.shared + shared * (1 - alone)


RISES: Final[tuple[Family, ...]] = (
    _ttl_cache,
    _lru_fill,
    _steps,
    _late_step,
    _ratchet,
    _daily_load,
    _daily_load_unseen,
    _load_ramp,
    _restart,
    _recycled,
    _copy_on_write,
)
