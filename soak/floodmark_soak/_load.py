"""The load: locust in a process of its own, watched through the files it writes. Locust is never imported here."""

import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import ExitCode, FloodmarkError, UsageError
from floodmark_sidecar.units import format_duration
from floodmark_soak._child import Child, read_tail
from floodmark_soak._interrupts import Interrupts
from floodmark_soak._load_stats import PREFIX, History, Sample, most_common_error
from floodmark_soak._profiles import begin_of
from floodmark_soak._service import free_port
from floodmark_soak.plan import LoadPlan

LOG: Final = "locust.log"
_LOCUST: Final = (sys.executable, "-P", "-m", "floodmark_soak._locust")
_SHAPE: Final = Path(__file__).with_name("_shape.py")
_CONSTANT: Final = "steady"
_GRACE: Final = 5.0
_PREFLIGHT_TIMEOUT: Final = 60.0
_HISTORY_LINES: Final = 2000
_ALL_FAILED_AFTER: Final = 8.0
_ALL_FAILED_REQUESTS: Final = 5
_BUSY: Final = "CPU usage above"


class LoadError(FloodmarkError):
    """Raised when what the service was given is not the load of the plan, so that its memory proves nothing."""

    exit_code = ExitCode.LOAD_FAILED


@dataclass(frozen=True)
class LoadResult:
    """What the load came to. `failure_ratio` is None without a request, `error` the most common failure or empty.

    `omitted` are requests that users of `constant_pacing` or `constant_throughput` were too late for; of others nobody knows.
    """

    requests: int
    failures: int
    failure_budget: float
    seconds: float
    users: int
    error: str
    notes: tuple[str, ...]
    omitted: int = 0

    @property
    def omitted_ratio(self) -> float:
        """Requests for which locust's users were too late, as a share of those that they were to send."""
        return self.omitted / (self.requests + self.omitted) if self.omitted else 0.0

    @property
    def failure_ratio(self) -> float | None:
        """Failed requests as a share of all."""
        return self.failures / self.requests if self.requests else None

    def check(self) -> None:
        """Raise `LoadError` if there was no request, or more failed than the budget allows."""
        if self.failure_ratio is None:
            raise LoadError(_no_request(self.seconds, self.error))
        if self.failure_ratio > self.failure_budget:
            msg = (
                f"the load failed: {self.failures} of {self.requests} requests ({self.failure_ratio:.1%}) failed, "
                f"and the budget is {self.failure_budget:.1%}; most often: {self.error or 'unknown'}"
            )
            raise LoadError(msg, hint="failure_budget in [load] says how many may fail")

    def as_dict(self) -> dict[str, object]:
        """Return the result as JSON."""
        return {
            "requests": self.requests,
            "failures": self.failures,
            "failure_ratio": self.failure_ratio,
            "failure_budget": self.failure_budget,
            "requests_per_second": self.requests / self.seconds if self.seconds > 0 else None,
            "users": self.users,
            "omitted_requests": self.omitted,
            "most_common_error": self.error or None,
        }


def preflight(plan: LoadPlan, *, base: Mapping[str, str], log: Path, interrupts: Interrupts) -> None:
    """Let locust load the plan's file and name its users; raises `UsageError` with its last output if it cannot."""
    command = [*_LOCUST, "-f", str(plan.locustfile), "--list"]
    env = _environment(base, 1.0)
    child = Child("locust", command, env=env, cwd=plan.locustfile.parent, log=log, marker=_marker(env))
    try:
        ended = interrupts.wait_until(lambda: not child.alive, _PREFLIGHT_TIMEOUT)
    finally:
        child.end(grace=0, pause=interrupts.pause)
    if not ended:
        limit = format_duration(_PREFLIGHT_TIMEOUT)
        raise UsageError(child.with_output(f"locust did not load {plan.locustfile} within {limit}"))
    if child.ending != "exit code 0":
        raise UsageError(child.with_output(f"locust cannot load {plan.locustfile} ({child.ending})"))
    if not read_tail(log, 4096).partition("Available Users:")[2].strip():
        msg = f"{plan.locustfile} has no user class that locust can start"
        raise UsageError(msg, hint="a locustfile defines at least one subclass of locust.User or locust.HttpUser")


_MARK: Final = "FLOODMARK_LOAD"
"""The variable by which processes that a locustfile starts are found at the end."""

_SILENT_AT_LEAST: Final = 15.0
_SILENT_SHARE: Final = 0.1
_SILENT_GAPS: Final = 5
"""A load that is silent for so many seconds, such a share of the run and so many times its mean gap has stopped."""


class Load:
    """The load of one segment, *before* seconds into a run of *duration*, writing into *folder*. Not thread-safe."""

    def __init__(
        self,
        plan: LoadPlan,
        *,
        host: str,
        duration: float,
        base: Mapping[str, str],
        folder: Path,
        interrupts: Interrupts,
        before: float = 0.0,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._interrupts = interrupts
        self._first_request = self._progressed = 0.0
        self._counted = 0
        self._patience = max(_SILENT_AT_LEAST, _SILENT_SHARE * duration)
        self.history = History(folder)
        every = round(max(0.5, duration / _HISTORY_LINES), 3)
        env = _environment(base, every) | {"FLOODMARK_LOAD_OMITTED": str(folder)}
        env |= _profile(plan, planned=duration, before=before)
        self._child = Child(
            "locust",
            [*_LOCUST, *_arguments(plan, host, folder)],
            env=env,
            cwd=plan.locustfile.parent,
            log=folder / LOG,
            marker=_marker(env),
        )

    @property
    def pid(self) -> int:
        """Of locust itself, of which its workers are children."""
        return self._child.pid

    def check(self) -> Sample | None:
        """Return the latest sample; raises `LoadError` if locust has ended, or if nothing but failures comes back."""
        if not self._child.alive:
            msg = f"the load failed: locust ended before the run did ({self._child.ending})"
            raise LoadError(self._child.with_output(msg))
        latest = self.history.refresh()
        if latest is None or not latest.requests:
            return latest
        now = time.monotonic()
        self._first_request = self._first_request or now
        if latest.requests != self._counted:
            self._counted, self._progressed = latest.requests, now
        # A load of few requests may pause for longer than one of many.
        patience = max(self._patience, _SILENT_GAPS * (now - self._first_request) / latest.requests)
        if now - self._progressed > patience:
            msg = (
                f"the load stopped: locust counted no request for {format_duration(now - self._progressed)}, "
                f"after {latest.requests:,} requests"
            )
            raise LoadError(msg, hint="a run judges a service under load: let the users go on for all of it")
        failed = latest.failures == latest.requests >= _ALL_FAILED_REQUESTS
        if failed and now - self._first_request >= _ALL_FAILED_AFTER:
            self.result().check()
        return latest

    def end(self) -> bool:
        """End locust and its workers; True when nothing of it is left."""
        ended = self._child.end(grace=_GRACE, pause=self._interrupts.pause, hurried=lambda: self._interrupts.hurried)
        self.history.refresh()
        return ended

    def result(self) -> LoadResult:
        """Return what the load has come to so far."""
        return result_in(self._folder, self.history, failure_budget=self._plan.failure_budget)


def result_in(folder: Path, history: History, *, failure_budget: float) -> LoadResult:
    """Return what the load that wrote into *folder* came to, as far as *history* was read."""
    samples = history.samples
    busy = _BUSY in read_tail(folder / LOG, 1 << 20)
    note = "locust was short of CPU for a while: the load was less steady than planned"
    return LoadResult(
        requests=samples[-1].requests if samples else 0,
        failures=samples[-1].failures if samples else 0,
        failure_budget=failure_budget,
        seconds=samples[-1].t - samples[0].t if samples else 0.0,
        users=max((sample.users for sample in samples), default=0),
        error=most_common_error(folder),
        notes=(note,) if busy else (),
        omitted=round(sum(map(_number_in, folder.glob("omitted-*")))),
    )


def together(results: Sequence[LoadResult]) -> LoadResult | None:
    """Return what the loads of several segments came to as one; None of none."""
    if len(results) < 2:
        return results[0] if results else None
    return LoadResult(
        requests=sum(each.requests for each in results),
        failures=sum(each.failures for each in results),
        failure_budget=results[-1].failure_budget,
        seconds=sum(each.seconds for each in results),
        users=max(each.users for each in results),
        error=next((each.error for each in reversed(results) if each.error), ""),
        notes=tuple(dict.fromkeys(note for each in results for note in each.notes)),
        omitted=sum(each.omitted for each in results),
    )


def _number_in(path: Path) -> float:
    """Return the number in a file that is written anew all the time; 0 in the moment in which it is empty."""
    try:
        return float(path.read_text() or 0.0)
    except (OSError, ValueError):
        return 0.0


def _arguments(plan: LoadPlan, host: str, folder: Path) -> list[str]:
    # Of several shapes locust takes the first.
    files = str(plan.locustfile) if plan.profile == _CONSTANT else f"{_SHAPE},{plan.locustfile}"
    arguments = ["-f", files, "--headless", "--only-summary", "--host", host]
    arguments += ["--users", str(plan.users), "--spawn-rate", str(plan.spawn_rate)]
    arguments += ["--csv", str(folder / PREFIX), "--csv-full-history", "--exit-code-on-error", "0"]
    if plan.processes > 1:
        # Locust's fixed port would let two runs on one machine take each other's workers.
        port = str(free_port())
        arguments += ["--processes", str(plan.processes), "--master-bind-host", "127.0.0.1"]
        arguments += ["--master-bind-port", port, "--master-port", port]
    return arguments


def _profile(plan: LoadPlan, *, planned: float, before: float) -> dict[str, str]:
    """Return what `_shape` wants to know; nothing for a load that never changes."""
    if plan.profile == _CONSTANT:
        return {}
    begin = begin_of(plan.profile, before, planned=planned)
    told = {"profile": plan.profile, "users": plan.users, "rate": plan.spawn_rate, "planned": planned, "before": begin}
    return {f"FLOODMARK_LOAD_{name.upper()}": str(value) for name, value in told.items()}


def _environment(base: Mapping[str, str], every: float) -> dict[str, str]:
    """Return floodmark's own environment for locust: none of the agent's variables, none of the sidecar's."""
    env = {name: value for name, value in base.items() if not name.startswith("FLOODMARK_")}
    return {**env, _MARK: uuid.uuid4().hex, "FLOODMARK_LOAD_EVERY": str(every), "PYTHONUNBUFFERED": "1"}


def _marker(env: Mapping[str, str]) -> str:
    return f"{_MARK}={env[_MARK]}"


def _no_request(seconds: float, error: str) -> str:
    why = f": {error}" if error else ""
    return f"the load failed: locust counted no request in {format_duration(max(seconds, 0.0))}{why}"
