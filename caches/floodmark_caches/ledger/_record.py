"""What is known of one task, and of all of them together."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class TaskState(StrEnum):
    """Where a task is. It leaves `active` once, and never comes back."""

    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task at one moment. Times are UTC epoch seconds."""

    id: str
    kind: str
    key: str | None
    state: TaskState
    started: float
    due: float
    """When it times out if it is not over by then; a heartbeat moves it."""
    ended: float | None
    """None while it is active; for a task that timed out, when it was due."""
    pid: int
    """The process that started it."""
    error_type: str | None
    """The qualified name of the exception, where it failed by one."""
    error: str | None
    """The exception's message, cut to a bounded length."""
    result_json: str | None

    @property
    def result(self) -> Any:
        """What the task was completed with, read from its JSON afresh each time, or None."""
        return None if self.result_json is None else json.loads(self.result_json)

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is active."""
        return None if self.ended is None else max(0.0, self.ended - self.started)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON types."""
        return {
            "id": self.id,
            "kind": self.kind,
            "key": self.key,
            "state": self.state.value,
            "started": self.started,
            "due": self.due,
            "ended": self.ended,
            "seconds": self.seconds,
            "pid": self.pid,
            "error_type": self.error_type,
            "error": self.error,
            "result": self.result,
        }


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """All tasks since the ledger began. `started == active + completed + failed + timed_out`, always."""

    started: int
    active: int
    completed: int
    failed: int
    timed_out: int
    duplicates: int
    """Starts that were refused because their key was taken."""
    late: int
    """Endings that were refused because their task had timed out."""
    evicted: int
    """Finished tasks given up for room before `keep` was over."""
    oldest_age: float | None
    """Seconds since the oldest active task was started; None where there is none."""

    @property
    def finished(self) -> int:
        """Tasks that are over, whatever became of them."""
        return self.completed + self.failed + self.timed_out
