"""Traces that the tests of explanations and pictures are about, and the command that judges them."""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from floodmark_sidecar.cli import judge as command
from floodmark_sidecar.judge import Trace, format_csv
from floodmark_sidecar.traces import generate
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB

LEAK: Final = made.short_leak(1, 8 * MIB, stairs=False).trace()
CLOCK: Final = made.short_clean(3)
MAP: Final = CLOCK.trace(**{"map.$jobs$ <&>.entries": np.linspace(0, 4000, len(CLOCK.t))})
DAY: Final = made.Clock(86_400.0, 300.0)


def one_of(count: int, leaking: int, *, lives: int = 1) -> Trace:
    """A day of *count* workers of which one leaks 8 MiB and is replaced; each begins anew in every life."""
    parts = {}
    for i in range(count):
        y = made.Maker(DAY, 70 + i, 120 * MIB).ramp(4 * MIB, 1800).noise(100 * 1024, 0.5).y
        life = (DAY.times * lives // 86_400.5).astype(int) if i == leaking else np.zeros(len(y), int)
        within = DAY.times - life * 86_400 / lives
        y = y + (8 * MIB * within / 86_400 if i == leaking else 0)
        parts[f"w{i}"] = (DAY.times, y, [str(number) for number in life])
    return made.workers_of(parts)


ONE_OF_TEN: Final = one_of(10, 4)
RECYCLED: Final = one_of(10, 1, lives=4)
STEPS: Final = generate("N6b", seed=1, duration=7200.0, every=15.0).trace


def written(path: Path, trace: Trace) -> Path:
    """Write *trace* to *path*."""
    path.write_text("".join(format_csv(trace.rows())), encoding="utf-8")
    return path


def run(*words: object) -> int:
    """Run the command on *words* and return its exit code."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))
