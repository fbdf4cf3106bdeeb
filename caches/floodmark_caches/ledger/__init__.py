"""What became of every task: started, completed, failed or timed out, in one process or in all workers of a machine."""

from floodmark_caches.ledger._errors import DuplicateTask, LedgerBusy, LedgerFileError, LedgerFull
from floodmark_caches.ledger._ledger import TaskLedger
from floodmark_caches.ledger._record import TaskCounts, TaskRecord, TaskState
from floodmark_caches.ledger._task import Task

__all__ = [
    "DuplicateTask",
    "LedgerBusy",
    "LedgerFileError",
    "LedgerFull",
    "Task",
    "TaskCounts",
    "TaskLedger",
    "TaskRecord",
    "TaskState",
]
