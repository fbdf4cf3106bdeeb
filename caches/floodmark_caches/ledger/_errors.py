"""The errors of a ledger: each carries what it is about as fields, and a hint."""

from pathlib import Path

from floodmark_caches._errors import CachesError
from floodmark_caches.ledger._record import TaskRecord


class DuplicateTask(CachesError):  # noqa: N818 - names the state that the caller handles
    """Raised by a start whose key belongs to another task already; nothing was started.

    `record` is that task: active, or completed within the ledger's key_ttl.
    """

    def __init__(self, name: str, record: TaskRecord) -> None:
        super().__init__(
            f"ledger {name!r}: key {record.key!r} belongs to task {record.id}, which is {record.state}",
            "answer with the record of the task that has the key",
        )
        self.name = name
        self.key = record.key
        self.record = record


class LedgerFull(CachesError):  # noqa: N818 - names the state that the caller handles, as queue.Full does
    """Raised by a start when `max_active` tasks are active: an active task is never given up for a new one."""

    def __init__(self, name: str, max_active: int) -> None:
        super().__init__(
            f"ledger {name!r} is full: {max_active} active tasks",
            "end tasks when their work ends, shorten the timeout, or raise max_active",
        )
        self.name = name
        self.max_active = max_active


class LedgerBusy(CachesError, TimeoutError):  # noqa: N818 - a TimeoutError by another name
    """Raised when other threads or processes kept the ledger's file for longer than `seconds`; nothing was changed."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(
            f"ledger file {path}: somebody else kept it busy for {seconds:g} s",
            "look for a long transaction or backup on this file, or raise busy_timeout",
        )
        self.path = path
        self.seconds = seconds


class LedgerFileError(CachesError):
    """Raised when the ledger's file cannot be used: foreign, damaged, gone, or on a full disk.

    What was being done has not happened. `reason` is a sentence, `path` the file; a foreign file is left as it is.
    """

    def __init__(self, path: Path, reason: str, hint: str) -> None:
        super().__init__(f"ledger file {path}: {reason}", hint)
        self.path = path
        self.reason = reason
