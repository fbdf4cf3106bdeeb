"""How long the judge takes and what memory: `python -m tests.bench.judge.speed`, run by `make bench-judge-speed`."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.judge import Trace, judge, parse_csv
from tests.bench.heading import heading, say
from tests.bench.judge._services import DAY, MIB, Service

JUDGED: Final = (
    Service("24 h, 20 flat maps"),
    Service("24 h, 20 growing maps", grows=True),
    Service("24 h, 8 workers", workers=8, maps=3),
    Service("3 min", seconds=180, every=0.5, maps=3),
    Service("30 d, 20 maps", seconds=30 * DAY),
)
READ: Final = (JUDGED[0], JUDGED[3])
MANY: Final = JUDGED[3]
DAYS: Final = (1, 10, 30)

_WORDS: Final = """\
Traces are made beforehand, and each is judged once before the first round, so that imports are aside. In each round every
trace is judged once, one after the other. Median and worst are by the clock on the wall, and others that use the machine
make them longer; *processor* is the median of the time that a processor worked. *The judge's own* memory is what it
allocates at most beside its trace; *the command's* is the peak of the whole process, `floodmark judge FILE --json`, numpy
and its file's trace included.
"""

_LAUNCHER: Final = """\
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A process starts with the peak of the one that started it, and the bench is large."""


Timing: TypeAlias = tuple[float, float]
"""Seconds by the clock on the wall, and those that a processor worked."""


@dataclass(frozen=True)
class Call:
    """One call of `floodmark judge`: its seconds and the most memory that its process had."""

    seconds: float
    bytes: float


def main() -> None:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.judge.speed", description="measure how long the judge takes, and its memory"
    )
    parser.add_argument(
        "--report", type=Path, default=Path("reports/judge-speed.md"), help="the Markdown file to write"
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds in which every trace is judged once")
    parser.add_argument("--many", type=int, default=1000, help="traces of one call, at least ten")
    options = parser.parse_args()
    if options.rounds < 1 or options.many < 10:
        parser.error(f"rounds must be at least 1 and traces at least 10 (got {options.rounds} and {options.many})")
    head = heading("tests.bench.judge.speed", "bench-judge-speed")
    judged = in_rounds({service.title: _judging(service.trace) for service in JUDGED}, options.rounds)
    say(f"judged {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        files = {service.title: Path(folder, f"{number}.csv") for number, service in enumerate(READ)}
        for service in READ:
            service.write(files[service.title])
        read = in_rounds({title: _reading(path) for title, path in files.items()}, options.rounds)
        by_size = {(title, path.stat().st_size): read[title] for title, path in files.items()}
        say(f"read {options.rounds} rounds")
        long = Path(folder, "long.csv")
        memory = {}
        for days in DAYS:
            service = Service(f"{days} d", seconds=days * DAY)
            service.write(long)
            memory[days] = (own_peak(service.trace), call([long]))
            say(f"{days} d: {memory[days]}")
        many = {count: call([files[MANY.title]] * count) for count in (options.many // 10, options.many)}
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(render(head, judged, by_size, memory, many), encoding="utf-8")
    say(f"wrote {options.report}")


def in_rounds(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[Timing]]:
    """Return what each of *works* took in each of *rounds*, all of them in turn."""
    for work in works.values():
        work()
    taken: dict[str, list[Timing]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began, worked = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - began, time.process_time() - worked))
    return taken


def own_peak(trace: Trace) -> int:
    """Return the most bytes that judging *trace* holds at a time, the trace itself aside."""
    tracemalloc.start()
    try:
        judge(trace)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def call(files: Sequence[Path]) -> Call:
    """Judge *files* in one call of the command, in a process of its own."""
    words = [sys.executable, "-m", "floodmark_sidecar.cli", "judge", "--json", *map(str, files)]
    began = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", _LAUNCHER, *words], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    code, peak = map(int, told.stdout.split())
    if code not in {ExitCode.STEADY, ExitCode.CLIMBING, ExitCode.INCONCLUSIVE}:
        msg = f"floodmark judge ended with {code}: {told.stderr}"
        raise RuntimeError(msg)
    return Call(seconds, peak * 1024)


def render(
    heading: Mapping[str, str],
    judged: Mapping[str, Sequence[Timing]],
    read: Mapping[tuple[str, int], Sequence[Timing]],
    memory: Mapping[int, tuple[int, Call]],
    many: Mapping[int, Call],
) -> str:
    """Return the whole report as Markdown."""
    readings = {service.title: f"{service.readings:,}" for service in JUDGED}
    spent = [[title, readings[title], *_milliseconds(taken)] for title, taken in judged.items()]
    text = [[title, f"{size / 1e6:.2f} MB", *_milliseconds(taken)] for (title, size), taken in read.items()]
    held = [
        [f"{days} d", f"{round(days * DAY / 15):,}", _mib(own), _mib(whole.bytes), f"{whole.seconds:.1f} s"]
        for days, (own, whole) in memory.items()
    ]
    calls = [[f"{count:,}", f"{one.seconds:.1f} s", _mib(one.bytes)] for count, one in many.items()]
    lines = ["# How fast the judge is", "", *(f"- {name}: {value}" for name, value in heading.items()), "", _WORDS]
    lines += ["## Judging a trace", "", *_table(["", "readings", "median", "worst", "processor"], spent)]
    lines += ["## Reading its CSV", "", *_table(["", "file", "median", "worst", "processor"], text)]
    lines += ["## Memory, 20 flat maps", ""]
    lines += _table(["", "readings", "the judge's own", "the command's", "the command's time"], held)
    lines += [f"## Many traces in one call, each of {MANY.title}", ""]
    lines += _table(["traces", "time", "peak memory"], calls)
    return "\n".join(lines)


def _judging(trace: Trace) -> Callable[[], object]:
    return lambda: judge(trace)


def _reading(path: Path) -> Callable[[], object]:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return lambda: parse_csv(lines, name=path.name)


def _milliseconds(taken: Sequence[Timing]) -> list[str]:
    wall, worked = ([timing[clock] for timing in taken] for clock in (0, 1))
    return [f"{1000 * seconds:.1f} ms" for seconds in (statistics.median(wall), max(wall), statistics.median(worked))]


def _mib(size: float) -> str:
    return f"{size / MIB:.1f} MiB"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


if __name__ == "__main__":
    main()
