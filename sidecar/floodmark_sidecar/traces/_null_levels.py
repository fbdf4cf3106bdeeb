"""Healthy services whose memory keeps about one level: noise, sawtooths, walks, peaks, dips, odd readings."""

from typing import Final

import numpy as np

from floodmark_sidecar.traces._draft import Draft
from floodmark_sidecar.traces._family import Choice, Family, Range, null
from floodmark_sidecar.traces._run import DAY, HOUR, MIB, MINUTE
from floodmark_sidecar.traces._signals import (
    clamped,
    peaks,
    pulses,
    reflected,
    sawtooth,
    scattered,
    settled,
    telegraph,
)


@null(
    "N1",
    "flat",
    "flat, with noise that has no memory",
    sigma=Range(1e-4, 3e-3, "noise as a share of the level", log=True),
)
def _flat(draft: Draft) -> None:
    """Nothing in it has a time but its start, which is drawn in seconds and clipped to a tenth of the run."""
    making = draft.making()
    making.sigma, making.tau = draft.number("sigma"), 0.0
    draft.process(making=making)


@null(
    "N2",
    "red-noise",
    "no trend, but noise that wanders for minutes to hours",
    tau=Range(1 / 1440, 1 / 8, "how long noise stays like itself, in runs", log=True),
    sigma=Range(5e-4, 5e-3, "noise as a share of the level", log=True),
)
def _red_noise(draft: Draft) -> None:
    """The noise's time scales with the run: a minute to three hours of a day."""
    making = draft.making()
    making.sigma, making.tau = draft.number("sigma"), draft.number("tau") * draft.run.duration
    draft.process(making=making)


@null(
    "N3",
    "gc-sawtooth",
    "rises between garbage collections and falls back at each, perhaps ever less often",
    period=Range(30.0, 2 * HOUR, "seconds of a tooth", log=True),
    height=Range(0.02, 0.15, "of a tooth, as a share of the level"),
    longer=Choice((1.0, 1.0, 1.5, 3.0), "how many times as long the last tooth is as the first"),
)
def _gc_sawtooth(draft: Draft) -> None:
    """A tooth's period is the collector's own: drawn in seconds, clipped to a twelfth of the run."""
    process, run = draft.process(), draft.run
    teeth = sawtooth(
        run.t,
        period=run.clipped(draft.number("period"), 1 / 12, least=4),
        phase=float(draft.rng.random()),
        longer=draft.number("longer"),
    )
    process.objects(draft.number("height") * draft.level * teeth, large=0.3)


@null(
    "N7b",
    "bounded-walk",
    "wanders like a random walk between two bounds, and never leaves them",
    mixing=Range(0.01, 0.08, "how long it takes from one bound to the other, in runs", log=True),
    width=Range(0.005, 0.04, "from bound to bound, as a share of the level"),
)
def _bounded_walk(draft: Draft) -> None:
    """The time from bound to bound scales with the run, so that every part of it has seen both."""
    process, run = draft.process(), draft.run
    walk = reflected(run, draft.rng, mixing=draft.number("mixing") * run.duration)
    process.objects(draft.number("width") * draft.level * walk, large=0.5)


@null(
    "N10a",
    "cron-job",
    "a regular job takes memory while it runs and gives it back",
    period=Choice((5 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY), "seconds between two jobs"),
    length=Range(0.01, 0.15, "of a job, as a share of the period"),
    height=Range(0.05, 0.3, "as a share of the level"),
)
def _cron_job(draft: Draft) -> None:
    """The period is the job's own, in seconds, clipped to a quarter of the run; what malloc keeps is kept from the first."""
    process, run, rng = draft.process(), draft.run, draft.rng
    period = run.clipped(draft.number("period"), 0.25, least=8)
    length = max(draft.number("length") * period, 1.5 * run.every)
    first = float(rng.uniform(0, 0.6)) * period
    size = draft.number("height") * draft.level
    process.objects(size * pulses(run, period=period, first=first, length=length), large=0.6)
    process.add("free", float(rng.uniform(0.0, 0.1)) * size * run.since((first + length) / run.duration))


@null(
    "N10b",
    "spikes",
    "spikes of very unequal height at random times, each given back within seconds or minutes",
    count=Range(10, 150, "spikes in the run", whole=True),
    tail=Range(1.1, 2.5, "exponent of the heights' tail: the less, the wilder"),
)
def _spikes(draft: Draft) -> None:
    """How many there are scales with the run; each fades in seconds of its own, clipped to a hundredth of it."""
    process, run, rng = draft.process(), draft.run, draft.rng
    count = draft.count("count")
    sizes = np.minimum((1 - rng.random(count)) ** (-1 / draft.number("tail")), 40.0) * 0.01 * draft.level
    fade = np.clip(np.exp(rng.uniform(np.log(2), np.log(120), count)), run.every / 2, 0.01 * run.duration)
    process.objects(peaks(run, rng.random(count), sizes, fade), large=0.8)


@null(
    "N12",
    "reclaim",
    "the kernel swaps parts out and reads them back, or drops pages of files for a while",
    dips=Range(1, 6, "how many", whole=True),
    size=Range(0.03, 0.25, "as a share of the level"),
)
def _reclaim(draft: Draft) -> None:
    """Dips last a share of the run; what is swapped out shows in swap, so that the sum stays, dropped pages do not."""
    process, run, rng = draft.process(), draft.run, draft.rng
    for _ in range(draft.count("dips")):
        start, length, back = (
            float(rng.uniform(0.1, 0.8)),
            float(rng.uniform(0.02, 0.3)),
            float(rng.uniform(0.002, 0.05)),
        )
        stays, size = bool(rng.random() < 0.4), draft.number("size") * draft.level * float(rng.uniform(0.3, 1))
        gone = clamped(run, start, start + 0.003) * (
            1.0 if stays else 1 - clamped(run, start + length, start + length + back)
        )
        process.swap_out(0.5 * size * gone)
        dropped = clamped(run, start, start + 0.003) - clamped(run, start + length, start + length + back)
        process.add("other", -0.1 * size * dropped)


@null(
    "N13",
    "decreasing",
    "gives memory back, all the time or at its end",
    fall=Range(0.02, 0.2, "as a share of the level"),
    tau=Choice((0.2, 0.5, 0.0), "how fast it falls, in runs; 0 is a straight line"),
)
def _decreasing(draft: Draft) -> None:
    """The fall scales with the run."""
    process, run, tau = draft.process(), draft.run, draft.number("tau")
    shape = np.exp(-run.u / tau) if tau else 1 - run.u
    process.objects(draft.number("fall") * draft.level * (shape - 1), large=0.5)


@null("N14a", "whole-mib", "read in whole MiB: many readings are equal")
def _whole_mib(draft: Draft) -> None:
    """Nothing but the start has a time of its own."""
    draft.process().grain = MIB


@null(
    "N14b",
    "gaps",
    "readings are missing, alone and in gaps, and the clock is set once",
    missing=Range(0.0, 0.1, "share of readings that are missing one by one"),
    gaps=Range(0, 4, "gaps of up to 4 % of the run", whole=True),
    jump=Range(-120.0, 600.0, "seconds that the clock is set forwards, or back if below 0"),
)
def _gaps(draft: Draft) -> None:
    """Gaps scale with the run; the clock's jump is in seconds, at most a twentieth of the run."""
    draft.process()
    run, rng = draft.run, draft.rng
    draft.read &= rng.random(len(run.t)) >= draft.number("missing")
    for _ in range(draft.count("gaps")):
        start = float(rng.uniform(0.05, 0.9))
        draft.read &= (run.u < start) | (run.u > start + float(rng.uniform(0.003, 0.04)))
    draft.read[[0, -1]] = True
    at, jump = float(rng.uniform(0.2, 0.8)), draft.number("jump")
    most = 0.05 * run.duration
    # No multiple of the interval: two readings at one time would be one.
    seconds = (np.trunc(np.clip(jump, -most, most) / run.every) + 0.37) * run.every
    draft.times = np.round(run.t + seconds * (run.u >= at), 3)


@null(
    "N15",
    "trace-window",
    "the sidecar's own tracemalloc windows, whose readings are masked, and a little that stays of them",
    windows=Range(1, 3, "how many", whole=True),
    length=Range(30.0, 600.0, "seconds of one"),
    size=Range(0.1, 0.6, "what tracing takes, as a share of the level"),
)
def _trace_window(draft: Draft) -> None:
    """A window has seconds of its own, clipped to a twentieth of the run."""
    process, run, rng = draft.process(), draft.run, draft.rng
    length = run.clipped(draft.number("length"), 0.05, least=3)
    for place in scattered(rng, draft.count("windows"), low=0.15, high=0.9).tolist():
        since = run.t - place * run.duration
        inside = (since >= 0) & (since < length)
        size = draft.number("size") * draft.level
        process.add("heap", size * settled(np.maximum(since, 0), length) * inside)
        process.add("free", float(rng.uniform(0, 0.3)) * MIB * (since >= length))
        draft.masked |= inside


@null(
    "N16",
    "huge-pages",
    "huge pages come and go, 2 MiB at a time",
    pages=Range(2, 8, "how many", whole=True),
    stay=Range(60.0, 4 * HOUR, "seconds that one stays as it is", log=True),
)
def _huge_pages(draft: Draft) -> None:
    """A page stays for seconds of its own, clipped to a twelfth of the run."""
    process, run, rng = draft.process(), draft.run, draft.rng
    mean = run.clipped(draft.number("stay"), 1 / 12)
    for _ in range(draft.count("pages")):
        process.add("other", 2 * MIB * telegraph(run, rng, mean=mean))


@null(
    "N11",
    "after-a-spike",
    "one burst of load, after which malloc keeps part of what it took",
    place=Range(0.1, 0.7, "of the burst, as a share of the run"),
    height=Range(0.1, 0.6, "as a share of the level"),
    kept=Range(0.2, 0.9, "share that malloc keeps"),
)
def _after_a_spike(draft: Draft) -> None:
    """The burst's length scales with the run: 0.2 to 3 % of it."""
    run, rng = draft.run, draft.rng
    place, length, size = draft.number("place"), float(rng.uniform(0.002, 0.03)), draft.number("height") * draft.level
    length = max(length, 3 * run.every / run.duration)
    after = run.since(place + length)
    process = draft.process(load=1 + 2.0 * (run.since(place) - after))
    process.add("heap", size * (clamped(run, place, place + length / 3) - after))
    process.add("free", draft.number("kept") * size * after)


LEVELS: Final[tuple[Family, ...]] = (
    _flat,
    _red_noise,
    _gc_sawtooth,
    _bounded_walk,
    _cron_job,
    _spikes,
    _after_a_spike,
    _reclaim,
    _decreasing,
    _whole_mib,
    _gaps,
    _trace_window,
    _huge_pages,
)
