"""The controls: soaks of the bundled service whose truth is known, each recorded as a trace beside this file."""

import gzip
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from floodmark_sidecar.judge import Trace, parse_csv

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Control:
    """One soak: what `floodmark soak` is told, what the verdict should be, and what is known to leak.

    A clean run is expected to be `inconclusive` where its lives are too short to show that what each of them gains is
    its start, and where it has too few of the cycles that memory goes through. `leak` is what is never given back of each
    image, in bytes; `rate` is what locust is asked for, in images a second.
    """

    name: str
    what: str
    arguments: tuple[str, ...]
    duration: str = "10m"
    rate: float = 55
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    expected: Literal["steady", "climbing", "inconclusive"] = "steady"
    leak: float = 0

    @property
    def environment(self) -> dict[str, str]:
        """What is added to the environment of the soak."""
        return {"IMAGE_PIPELINE_RATE": f"{self.rate:g}", **self.env}

    @property
    def command(self) -> str:
        """The soak as one would type it."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*variables, "floodmark soak", *self.arguments, "--duration", self.duration])

    @property
    def file(self) -> Path:
        """The recorded trace."""
        return FOLDER / f"{self.name}.csv.gz"

    def trace(self) -> Trace:
        """Read the recording."""
        with gzip.open(self.file, "rt", encoding="utf-8", newline="") as lines:
            return parse_csv(lines, name=self.file.name)

    def planted(self, trace: Trace) -> float:
        """Bytes per second that leaked: those of each image that *trace* counts."""
        counted = ~np.isnan(trace.column("requests_total"))
        t, images = trace.t[counted], trace.column("requests_total")[counted]
        return self.leak * float(images[-1] - images[0]) / float(t[-1] - t[0])


LEAKY: Final = ("--builtin", "image-pipeline", "--variant", "leaky")
BOUNDED: Final = ("--builtin", "image-pipeline", "--variant", "bounded")
PLAN: Final = ("tests/data/service/plan.toml",)
WAVE: Final = ("tests/data/service/wave.toml",)
RECYCLING: Final = ("tests/data/service/recycling.toml",)

LEAK: Final = 95
"""Bytes for each image that the habits leak beside: at 55 images a second 18 MiB/h, three δ of a ten-minute run."""

FOUR_MAPS: Final = 315
"""Bytes for each image that the four maps of the leaky variant make resident, give or take a tenth: the table of a dict
is touched only as it fills, and what was free already is used first."""

_LEAKY: Final = {"IMAGE_PIPELINE_SETTINGS": '{"variant": "leaky"}'}
_SMALL: Final = {"IMAGE_PIPELINE_SETTINGS": '{"variant": "bounded", "processed_bound": 500}'}


def _leaky(
    name: str, what: str, rate: float, *, duration: str = "10m", expected: Literal["steady", "climbing"] = "climbing"
) -> Control:
    return Control(
        name=name, what=what, arguments=LEAKY, duration=duration, rate=rate, expected=expected, leak=FOUR_MAPS
    )


def _habit(name: str, what: str, leak: float = 0, duration: str = "10m") -> Control:
    return Control(
        name=f"{name}-leaking" if leak else name,
        what=f"{what}, with a leak of {leak:g} B an image" if leak else what,
        arguments=PLAN,
        duration=duration,
        env={"CONTROL_HABIT": name, **({"CONTROL_LEAK": f"{leak:g}"} if leak else {})},
        expected="climbing" if leak else "steady",
        leak=leak,
    )


_EXPIRING = (
    "small entries that come in the first third of each minute and expire after 20 s: the allocator keeps their memory"
)
_SURGING = "entries of 70 kB that come in the first third of each minute and expire after 20 s: memory goes with them"
_CYCLIC = "small garbage in cycles, freed about every two minutes: the allocator keeps its memory"
_SAWTOOTH = "garbage in cycles, freed about every 40 s: memory goes with it"
_FILLING = "a bounded cache of some 16 MiB, full after a quarter of the run"

CONTROLS: Final = (
    Control(name="bounded", what="the bounded variant, a quarter of its load", arguments=BOUNDED),
    _leaky("leaky-full", "the leaky variant as its plan has it", 220, duration="3m"),
    _leaky("leaky-half", "half the leak", 110, duration="3m"),
    _leaky("leaky-eighth", "an eighth of the leak", 27.5, duration="6m"),
    _leaky("leaky-2delta", "the leak of the field report, ten images a second: some two δ of a ten-minute run", 10),
    _leaky(
        "leaky-1delta",
        "half of that: just under δ of a ten-minute run, too small to matter in it",
        5,
        expected="steady",
    ),
    _leaky(
        "leaky-faint",
        "a leak under δ of a ten-minute run, about what it can detect: too small to matter in it, and told all the same",
        3,
        expected="steady",
    ),
    _habit("expiring", _EXPIRING),
    replace(_habit("surging", f"{_SURGING}, six times", duration="6m"), expected="inconclusive"),
    _habit("surging", _SURGING, LEAK),
    replace(_habit("cyclic", f"{_CYCLIC}, three times", duration="6m"), expected="inconclusive"),
    _habit("cyclic", _CYCLIC, LEAK),
    _habit("sawtooth", _SAWTOOTH, duration="6m"),
    _habit("sawtooth", _SAWTOOTH, 2 * LEAK, duration="6m"),
    _habit("filling", _FILLING),
    _habit("filling", _FILLING, LEAK, duration="8m"),
    Control(
        name="recycling",
        what="two workers of the bounded variant, replaced after some 4,000 images each; the load goes from one to the other",
        arguments=RECYCLING,
        rate=80,
        env=_SMALL,
        expected="inconclusive",
    ),
    Control(
        name="recycling-shared",
        what="the same with a connection for each image, so that both workers have load for all of their lives",
        arguments=RECYCLING,
        duration="8m",
        rate=80,
        env={**_SMALL, "CONTROL_CLOSE": "1"},
        expected="inconclusive",
    ),
    Control(
        name="recycling-leaking",
        what="two workers of the leaky variant, replaced after some 4,000 images each",
        arguments=RECYCLING,
        duration="6m",
        rate=80,
        env=_LEAKY,
        expected="climbing",
        leak=FOUR_MAPS,
    ),
    Control(
        name="wave",
        what="the bounded variant, its load rising eightfold and falling every 200 s",
        arguments=WAVE,
        duration="400s",
    ),
    Control(
        name="wave-leaking",
        what="the leaky variant, its load rising eightfold and falling every 200 s",
        arguments=WAVE,
        duration="400s",
        env=_LEAKY,
        expected="climbing",
        leak=FOUR_MAPS,
    ),
)
