"""The work: tasks over several processes, each outcome a line of a file, so that a run that was cut goes on."""

import hashlib
import json
import multiprocessing
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import astuple, replace
from itertools import islice
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from floodmark_sidecar import judge, traces
from floodmark_sidecar.judge import Trace
from tests.bench.judge._cases import Plan, Task
from tests.bench.judge._measure import Outcome, measure

_ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_MEASURING: Final = ("baselines", "cases", "classics", "measure", "rivals", "series")

_AHEAD: Final = 4
"""Tasks handed out for each process: enough to keep it busy, few enough that memory stays flat."""

_SAY_EVERY: Final = 15.0


def fingerprint() -> str:
    """Return a hash of the sources that outcomes depend on: the judge, the traces and what measures them."""
    here = Path(__file__).parent
    files = [here / f"_{name}.py" for name in _MEASURING]
    for package in (judge.__path__, traces.__path__):
        files += [path for folder in package for path in sorted(Path(folder).glob("*.py"))]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


class Outcomes:
    """The outcomes of one state of the sources, a line of JSON each in `path`; for one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def __iter__(self) -> Iterator[Outcome]:
        """Yield what is there; a last line that was cut must have been mended."""
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                yield Outcome(*json.loads(line))

    def mend(self) -> None:
        """Cut off a last line that was not written to its end."""
        with self.path.open("rb+") as file:
            text = file.read()
            file.truncate(text.rfind(b"\n") + 1)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Append *outcomes*, all at once."""
        lines = [json.dumps(_short(outcome), ensure_ascii=False, separators=(",", ":")) + "\n" for outcome in outcomes]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))


def run(plan: Plan, outcomes: Outcomes, *, jobs: int, say: Callable[[str], None]) -> None:
    """Do what of *plan* is not among *outcomes* yet, in *jobs* processes; what a task raises ends it."""
    outcomes.mend()
    tasks, total = _missing(plan, outcomes)
    if not total:
        return
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    done, began, said = 0, time.monotonic(), 0.0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_follow_parent) as pool:
        waiting: dict[Future[list[Outcome]], Task] = {}
        left = iter(tasks)
        try:
            while True:
                for task in islice(left, _AHEAD * jobs - len(waiting)):
                    waiting[pool.submit(work, task)] = task
                if not waiting:
                    break
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    outcomes.add(future.result())
                    done += waiting.pop(future).traces
                spent = time.monotonic() - began
                if spent - said >= _SAY_EVERY or done == total:
                    said = spent
                    say(f"{done:,} of {total:,} traces, {(total - done) * spent / done / 60:.0f} min left")
        finally:
            pool.shutdown(cancel_futures=True)


def work(task: Task) -> list[Outcome]:
    """Do one task, in a process of its own."""
    return list(measure(task, _others))


def _follow_parent() -> None:
    """Leave a Ctrl-C to the parent, and end with it: a pool's process that is left alone waits for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _others(trace: Trace, delta: float) -> str:
    # scipy is there for the baselines alone, and the suite's gate runs without it.
    from tests.bench.judge._baselines import told
    from tests.bench.judge._series import Series

    return told(Series.of(trace, delta=delta))


def _missing(plan: Plan, outcomes: Outcomes) -> tuple[list[Task], int]:
    """Return the tasks of *plan* without the seeds that are done at every size, and how many traces they have."""
    done: dict[tuple[str, float, int], set[float]] = defaultdict(set)
    for outcome in outcomes:
        if outcome.seed < plan.looked_below(outcome.duration) and not outcome.looked:
            continue
        done[outcome.case, outcome.duration, outcome.seed].add(outcome.size)
    tasks = []
    for task in plan.tasks():
        missing = tuple(
            seed for seed in task.seeds if not done.get((task.case, task.duration, seed), set()).issuperset(task.sizes)
        )
        if missing:
            tasks.append(replace(task, seeds=missing))
    return tasks, sum(task.traces for task in tasks)


def _short(outcome: Outcome) -> list[object]:
    """Return the fields of *outcome*; what was measured to five digits, which is all that it is good for."""
    asked, found = 4, astuple(outcome)
    return [*found[:asked], *(float(f"{v:.5g}") if isinstance(v, float) else v for v in found[asked:])]
