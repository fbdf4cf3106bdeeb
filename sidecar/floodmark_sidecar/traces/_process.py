"""One worker: the parts its memory is made of, its load, its maps, and the columns that readings of it would have."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from floodmark_sidecar.traces._run import KIB, MIB, BoolArray, FloatArray, Numbers, Run
from floodmark_sidecar.traces._signals import correlated, sawtooth, settled, telegraph

Part = Literal["python", "heap", "free", "mmap", "other"]

_PAGE: Final = 4096
_SHARES: Final[dict[Part, float]] = {"python": 0.45, "heap": 0.25, "free": 0.03, "mmap": 0.05, "other": 0.22}
"""What a service's memory is made of, about: Python's arenas, the C heap in use and kept free, mappings of malloc, and
what no column tells of (code, stacks, copied pages)."""

_BLOCK: Final = 85.0
"""Bytes of a live block of Python's own allocator on average, in the base of every worker."""

_LEAST: Final = 1 * MIB
"""No worker uses less, whatever is taken from it."""


@dataclass
class Making:
    """How quiet a worker is. `sigma` is its noise as a share of its level, `tau` the noise's time in seconds, `gc` the
    height of the garbage collector's sawtooth as a share, `ramp` the height of its start, `arenas` whether an arena comes
    and goes, `session_bytes` what one open session holds.
    """

    sigma: float
    tau: float
    gc: float
    gc_period: float
    ramp: float
    ramp_seconds: float
    arenas: bool
    session_bytes: float

    @classmethod
    def drawn(cls, run: Run, rng: np.random.Generator) -> "Making":
        """Draw one; what has a time of its own is clipped to the run."""
        return cls(
            sigma=float(np.exp(rng.uniform(np.log(3e-4), np.log(4e-3)))),
            tau=run.clipped(float(np.exp(rng.uniform(np.log(2), np.log(1800)))), 0.02, least=0.5),
            gc=float(rng.uniform(2e-4, 2e-3)),
            gc_period=run.clipped(float(rng.uniform(5, 90)), 0.05),
            ramp=float(rng.uniform(0.03, 0.15)),
            ramp_seconds=run.clipped(
                float(np.exp(rng.uniform(np.log(20), np.log(1200)))), float(rng.uniform(0.02, 0.1))
            ),
            arenas=bool(rng.random() < 0.5),
            session_bytes=float(rng.uniform(4, 16)) * KIB,
        )


class Process:
    """One worker slot over a run; its `parts` are in bytes at every reading, whole before what is swapped out.

    *life* numbers the process in the slot at each reading and *age* is its own, one life from the start if None; *load* is
    relative to its usual one, *sessions_mean* the sessions that are open then.
    """

    def __init__(
        self,
        run: Run,
        rng: np.random.Generator,
        *,
        level: float,
        making: Making,
        name: str = "web-0",
        life: Numbers | None = None,
        age: FloatArray | None = None,
        load: FloatArray | None = None,
        sessions_mean: float | None = None,
    ) -> None:
        n = len(run.t)
        self.run, self.rng, self.level, self.making, self.name = run, rng, level, making, name
        self.life: Numbers = np.ones(n, np.int64) if life is None else life
        self.age = run.t if age is None else age
        self.maps: dict[str, FloatArray] = {}
        self.alive: BoolArray = np.ones(n, bool)
        shares = {part: share * rng.uniform(0.8, 1.2) for part, share in _SHARES.items()}
        whole = sum(shares.values())
        self.parts: dict[Part, FloatArray] = {part: np.full(n, level * share / whole) for part, share in shares.items()}
        self.shared: float | FloatArray = float(rng.uniform(8, 30)) * MIB
        self.swapped = run.zeros
        self.grain = _PAGE
        self.counts = {"threads": float(rng.integers(4, 40)), "fds": float(rng.integers(20, 120)), "tasks": 3.0}
        self.grown = dict.fromkeys(self.counts, run.zeros)
        self.blocks = self.parts["python"] / _BLOCK
        self._start()
        self._noise()
        self._load(np.ones(n) if load is None else load, sessions_mean)
        self._everyday_maps()

    def add(self, part: Part, size: FloatArray) -> None:
        """Add *size* bytes to a part that Python's own allocator has no share in."""
        self.parts[part] = self.parts[part] + size

    def objects(self, size: FloatArray, *, block: float = _BLOCK, large: float = 0.0) -> None:
        """Add *size* bytes of live Python objects, blocks of *block* bytes; of *large*, a share, malloc has the payload."""
        small = (1 - large) * size
        self.parts["python"] = self.parts["python"] + small
        self.parts["heap"] = self.parts["heap"] + large * size
        self.blocks = self.blocks + small / block

    def store(
        self,
        name: str,
        entries: FloatArray,
        *,
        each: float | FloatArray,
        maxsize: float | FloatArray | None = None,
        ttl: float | None = None,
        turnover: float = 0.0,
        held: bool = True,
    ) -> None:
        """Publish a registered map of *entries* of *each* bytes; if *held*, its memory is added to Python's.

        *turnover* is how many entries a second come and go beside those that stay.
        """
        run, prefix = self.run, f"map.{name}."
        whole = np.maximum(np.round(entries), 0.0)
        size = whole * each
        churn = np.round(self.age * turnover)
        changes = np.diff(whole, prepend=0.0)
        born = np.diff(self.life, prepend=self.life[0] - 1) != 0
        changes[born] = whole[born]
        self.maps[prefix + "entries"] = whole
        self.maps[prefix + "bytes"] = np.round(size)
        self.maps[prefix + "adds"] = by_life(np.maximum(changes, 0.0), self.life) + churn
        self.maps[prefix + "removes"] = by_life(np.maximum(-changes, 0.0), self.life) + churn
        if maxsize is not None:
            self.maps[prefix + "maxsize"] = np.broadcast_to(np.asarray(maxsize, np.float64), run.t.shape).copy()
        if ttl is not None:
            self.maps[prefix + "ttl"] = np.full(len(run.t), round(ttl, 3))
        if held:
            self.objects(size, large=0.3)

    def swap_out(self, size: FloatArray) -> None:
        """Move *size* bytes of this worker to swap: they leave its resident memory and nothing else."""
        self.swapped = self.swapped + size

    def columns(self) -> dict[str, FloatArray]:
        """Return what readings of this worker say, in whole pages where the kernel counts pages."""
        parts: dict[Part, FloatArray] = {part: np.maximum(size, 0.0) for part, size in self.parts.items()}
        used = np.maximum(sum(parts.values(), self.run.zeros), _LEAST)
        swapped = np.minimum(self.swapped, used - _LEAST / 2)
        uss = _pages(used - swapped, self.grain)
        return {
            "uss_bytes": uss,
            "swap_bytes": _pages(swapped),
            "rss_bytes": uss + _pages(self.run.zeros + self.shared, self.grain),
            "python_blocks": np.maximum(np.round(self.blocks), 0.0),
            "heap_used_bytes": 16 * np.round(parts["heap"] / 16),
            "heap_free_bytes": 16 * np.round(parts["free"] / 16),
            "mmap_bytes": _pages(parts["mmap"]),
            "requests_total": self.requests,
            "sessions": self.sessions,
            **self._resources(),
            **self.maps,
        }

    def _resources(self) -> dict[str, FloatArray]:
        base = {
            "threads": np.full(len(self.run.t), self.counts["threads"]),
            "fds": self.counts["fds"] + self.sessions,
            "tasks": self.counts["tasks"] + self.sessions,
        }
        return {kind: np.maximum(np.round(base[kind] + self.grown[kind]), 1.0) for kind in base}

    def _start(self) -> None:
        missing = self.level * self.making.ramp * (settled(self.age, self.making.ramp_seconds) - 1)
        self.objects(0.6 * missing, large=0.2)
        self.add("heap", 0.4 * missing)

    def _noise(self) -> None:
        run, rng, making = self.run, self.rng, self.making
        noise = correlated(run, rng, sigma=making.sigma * self.level, tau=making.tau)
        noise += correlated(run, rng, sigma=8 * KIB, tau=0.0)
        self.objects(0.5 * noise)
        self.add("heap", 0.4 * noise)
        self.add("free", 0.1 * noise)
        teeth = sawtooth(run.t, period=making.gc_period, phase=float(rng.random()))
        self.objects(making.gc * self.level * teeth)
        arena = telegraph(run, rng, mean=run.clipped(float(rng.uniform(30, 1800)), 0.05))
        if making.arenas:
            # An arena is Python's, but what comes and goes with it is its empty rest: no block does.
            self.add("python", MIB * arena)

    def _load(self, load: FloatArray, usual: float | None) -> None:
        run, rng = self.run, self.rng
        drawn = float(rng.uniform(20, 200))
        mean = drawn if usual is None else usual
        # A worker that has just begun is not loaded yet.
        load = load * settled(self.age + run.every, run.clipped(40.0, 0.01))
        swing = 0.6 * np.sqrt(mean) * correlated(run, rng, sigma=1.0, tau=run.clipped(60.0, 0.02))
        self.sessions = np.maximum(np.round(mean * load + swing * np.sqrt(np.maximum(load, 0.0))), 0.0)
        self.objects(self.making.session_bytes * (self.sessions - mean), large=0.4)
        rate = float(np.exp(rng.uniform(np.log(2), np.log(60))))
        served = rng.poisson(rate * run.every * load).astype(np.float64)
        self.requests = by_life(served, self.life)

    def _everyday_maps(self) -> None:
        run, rng = self.run, self.rng
        held = rng.poisson(float(rng.uniform(1, 6)), len(run.t)).astype(np.float64)
        self.store("move_locks", held, each=240.0, turnover=float(rng.uniform(1, 10)), held=False)
        waiting = rng.poisson(float(rng.uniform(2, 30)), len(run.t)).astype(np.float64)
        self.store(
            "pending", waiting, each=400.0, maxsize=10_000.0, ttl=300.0, turnover=float(rng.uniform(1, 10)), held=False
        )


def by_life(changes: FloatArray, life: Numbers) -> FloatArray:
    """Return the running total of *changes* as each life counts it: from its own first reading on."""
    starts = np.flatnonzero(np.diff(life, prepend=life[0] - 1))
    total = np.cumsum(changes)
    return total - np.repeat(total[starts] - changes[starts], np.diff(np.append(starts, len(total))))


def _pages(size: FloatArray, grain: int = _PAGE) -> FloatArray:
    return np.asarray(grain * np.round(size / grain), np.float64)
