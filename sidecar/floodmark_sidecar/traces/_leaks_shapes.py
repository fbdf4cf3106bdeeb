"""Leaks by the shape of their growth: straight, by request, in steps, late, under a sawtooth, ever slower."""

from typing import Final

import numpy as np

from floodmark_sidecar.traces._draft import Draft
from floodmark_sidecar.traces._family import Choice, Family, Range, evidence, leak
from floodmark_sidecar.traces._process import Process, by_life
from floodmark_sidecar.traces._recycling import recycled_life
from floodmark_sidecar.traces._run import DAY, HOUR, MIB, FloatArray
from floodmark_sidecar.traces._signals import clamped, day, sawtooth, scattered, stairs

_START: Final = 0.1
"""Share of a run that is over before anybody judges it."""

_FEW: Final = 12
"""Errors in the judged part of a run: of fewer, the entries of a map tell no more than memory does, as they come in the same
jumps.
"""

_MAPPED: Final = Choice((True, False), "whether what leaks is a registered map, and so has a name")


def _pile(draft: Draft, process: Process, leaked: FloatArray, *, name: str) -> None:
    """Let *leaked* bytes pile up in a registered map called *name*, or in objects that nobody registered."""
    if draft.flag("mapped"):
        draft.hoard(process, leaked, name=name)
    else:
        process.objects(leaked, large=float(draft.rng.uniform(0.0, 0.6)))


@leak("L1", "linear", "grows in a straight line from the first second on", "python", mapped=_MAPPED)
def _linear(draft: Draft) -> None:
    """Nothing but the start has a time of its own."""
    _pile(draft, draft.process(), draft.leaked(draft.run.u), name="results")


@leak(
    "L2a",
    "per-request",
    "every request leaves something behind, under a load that varies",
    "python",
    mapped=_MAPPED,
    swing=Range(0.1, 0.7, "of the load about its mean"),
    period=Range(0.1, 1.0, "of the load, in runs", log=True),
    ramp=Range(0.0, 0.7, "how much the load rises over the run", usual=0.0),
)
def _per_request(draft: Draft) -> None:
    """The load's period scales with the run and is at most a day."""
    run = draft.run
    period = min(draft.number("period") * run.duration, DAY)
    load = 1 + draft.number("swing") * day(run, period=period, peak=float(draft.rng.random()))
    load = load * (1 + draft.number("ramp") * run.u)
    process = draft.process(load=load)
    _pile(draft, process, draft.leaked(process.requests), name="request_log")


@leak(
    "L2b",
    "per-request-recycled",
    "every request leaves something behind, and each worker is replaced before it shows in the sum",
    "python",
    mapped=_MAPPED,
    workers=Range(2, 6, "how many", whole=True),
    lives=Range(3, 12, "of each worker in the run", whole=True),
)
def _per_request_recycled(draft: Draft) -> None:
    """Lives scale with the run. The growth asked for is that within lives, summed over workers; none outlives a worker."""
    run, rng, count = draft.run, draft.rng, draft.count("workers")
    length = run.duration / draft.count("lives")
    making = draft.making()
    making.ramp_seconds = min(making.ramp_seconds, 0.2 * length)
    for _ in range(count):
        life, age = recycled_life(run, rng, length=length)
        process = draft.worker(count, making=making, life=life, age=age)
        served = np.diff(process.requests, prepend=0.0)
        served[np.diff(life, prepend=0) != 0] = 0.0
        seconds = float(run.t[-1] - run.t[run.half])
        each = draft.growth / count * seconds / max(float(served[run.half + 1 :].sum()), 1.0)
        _pile(draft, process, each * by_life(served, life), name="request_log")


@leak(
    "L3",
    "rare-error",
    "a rare error path leaves something behind each time it is taken",
    "python",
    mapped=_MAPPED,
    errors=Range(8, 300, "in the run, on average", log=True),
)
def _rare_error(draft: Draft) -> None:
    """How many errors there are scales with the run; at least three are in its second half. Where three of them left most
    of it, and they were few or no registered map holds it, they are three jumps like any others.
    """
    run, rng = draft.run, draft.rng
    process = draft.process()
    places = np.append(rng.random(int(rng.poisson(draft.number("errors")))), scattered(rng, 3, low=0.55, high=0.97))
    sizes = rng.exponential(1.0, len(places)) + 0.1
    _pile(draft, process, draft.leaked(stairs(run, places, sizes)), name="failed_tasks")
    seen = np.sort(sizes[places > _START])
    alone = len(seen) < _FEW or not draft.flag("mapped")
    if alone and seen[-3:].sum() > seen.sum() / 2:
        draft.undecidable("three errors left most of it: as many jumps come once each in services that do not leak")


@leak(
    "L4",
    "staircase",
    "tables and buffers that are doubled or enlarged whenever they are full",
    "python",
    steps=Range(3, 30, "how many in the run", whole=True),
    doubling=Choice((False, True), "whether each step is twice the one before, at twice its time"),
    table=Range(0.4, 1.0, "share of the growth that comes in steps, as against entry by entry"),
)
def _staircase(draft: Draft) -> None:
    """The steps scale with the run. The map's entries grow in a straight line all the while."""
    run, rng, count = draft.run, draft.rng, draft.count("steps")
    process = draft.process()
    last = float(rng.uniform(0.55, 0.9))
    even = scattered(rng, count, low=0.02, high=0.98)
    places, sizes = even, np.ones(count)
    if draft.flag("doubling"):
        places = sizes = np.asarray(last / 2.0 ** np.arange(min(count, 6)), np.float64)
    steps = stairs(run, places, sizes)
    share = draft.number("table")
    grown = share * steps / float(steps[-1] - steps[run.half]) + (1 - share) * 2 * run.u
    leaked, each = draft.leaked(grown), float(rng.uniform(200, 2000))
    entries = float(rng.integers(100, 1000)) + draft.leaked(run.u) / each
    process.store("results", entries, each=each, turnover=float(rng.uniform(0, 2)), held=False)
    process.objects(leaked, large=share)
    draft.culprit = "results"


def _late(draft: Draft) -> None:
    draft.onset = draft.number("onset") * draft.run.duration
    _pile(draft, draft.process(), draft.leaked(clamped(draft.run, draft.number("onset"), 1.0)), name="results")


@leak(
    "L5a",
    "late-onset",
    "level at first, growing from some hour on",
    "python",
    mapped=_MAPPED,
    onset=Range(0.2, 0.75, "as a share of the run"),
)
def _late_onset(draft: Draft) -> None:
    """The onset scales with the run: hour 5 to 18 of a day."""
    _late(draft)


@leak(
    "L5b",
    "last-hour-onset",
    "level until the last hour of a day, growing then",
    "python",
    why="the leak begins in the last 4 % of the run: there is no telling it from one jump or one peak",
    onset=Range(0.96, 0.985, "as a share of the run"),
)
def _last_hour_onset(draft: Draft) -> None:
    """The onset scales with the run. All the growth that is asked for of the second half comes after it."""
    draft.onset = draft.number("onset") * draft.run.duration
    draft.process().objects(draft.leaked(clamped(draft.run, draft.number("onset"), 1.0)), large=0.3)


@leak(
    "L6",
    "under-sawtooth",
    "grows under a sawtooth that is many times as high as a day's growth",
    "python",
    mapped=_MAPPED,
    period=Range(60.0, 1 * HOUR, "seconds of a tooth", log=True),
    height=Range(0.05, 0.25, "of a tooth, as a share of the level"),
)
def _under_sawtooth(draft: Draft) -> None:
    """A tooth's period is the collector's own, in seconds, clipped to a twentieth of the run."""
    run, process = draft.run, draft.process()
    period = run.clipped(draft.number("period"), 0.05, least=4)
    teeth = sawtooth(run.t, period=period, phase=float(draft.rng.random()))
    process.objects(draft.number("height") * draft.level * teeth, large=0.3)
    _pile(draft, process, draft.leaked(run.u), name="results")


@leak(
    "L7",
    "masked-by-load",
    "grows while the load falls and gives back more than the leak takes",
    "python",
    fall=Range(0.15, 0.45, "of the load over the run"),
    size=Range(0.03, 0.15, "what usual sessions hold, as a share of the level"),
)
def _masked_by_load(draft: Draft) -> None:
    """The fall scales with the run. Sessions come and go enough to tell what one holds; the map that leaks grows."""
    run = draft.run
    sessions = float(draft.rng.uniform(50, 400))
    making = draft.making()
    making.session_bytes = draft.number("size") * draft.level / sessions
    process = draft.process(making=making, load=1 - draft.number("fall") * run.u, sessions=sessions)
    draft.hoard(process, draft.leaked(run.u), name="results")


@leak(
    "L8",
    "zipf-keys",
    "an unbounded dict whose keys come by Zipf's law: ever fewer are new, but it never ends",
    "python",
    exponent=Range(0.5, 0.7, "of time"),
    evidence=evidence("the map"),
)
def _zipf_keys(draft: Draft) -> None:
    """Growth scales with the run: a power of time."""
    _slowing(draft, draft.run.u ** draft.number("exponent"), name="seen_paths")


@leak(
    "L9",
    "logarithmic",
    "grows with the logarithm of time in a map without a bound",
    "python",
    knee=Range(0.01, 0.1, "time from which it slows down, in runs", log=True),
    evidence=evidence("the map"),
)
def _logarithmic(draft: Draft) -> None:
    """Growth scales with the run: the logarithm of time in units of the knee."""
    _slowing(draft, np.log1p(draft.run.u / draft.number("knee")), name="routes")


def _slowing(draft: Draft, shape: FloatArray, *, name: str) -> None:
    draft.hoard(draft.process(), draft.leaked(shape), name=name)
    if not draft.flag("evidence"):
        draft.hide(f"map.{name}")
        draft.culprit = None
        draft.undecidable("without its map a leak that slows down has the shape of a large cache that fills")


@leak(
    "L19",
    "bound-over-budget",
    "fills a map with a declared bound, which is several times what the service has",
    "python",
    budgets=Range(2.0, 6.0, "what the full map takes, in levels of the service or in 64 MiB, whichever is more"),
)
def _bound_over_budget(draft: Draft) -> None:
    """Growth scales with the run and is straight; the bound is never reached in it."""
    run, process = draft.run, draft.process()
    leaked, each = draft.leaked(run.u), float(draft.rng.uniform(1, 16)) * 1024
    room = max(draft.number("budgets") * max(draft.level, 64 * MIB), 1.5 * float(leaked[-1]))
    start = float(draft.rng.integers(20, 200))
    process.store("previews", start + leaked / each, each=each, maxsize=np.ceil(room / each), held=False)
    process.objects(start * each + leaked, large=0.6)
    draft.culprit = "previews"


SHAPES: Final[tuple[Family, ...]] = (
    _linear,
    _per_request,
    _per_request_recycled,
    _rare_error,
    _staircase,
    _late_onset,
    _last_hour_onset,
    _under_sawtooth,
    _masked_by_load,
    _zipf_keys,
    _logarithmic,
    _bound_over_budget,
)
