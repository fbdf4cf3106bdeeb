"""What the owner of a task does with it."""

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from floodmark_caches._errors import CachesError

if TYPE_CHECKING:
    from floodmark_caches.ledger._ledger import TaskLedger

logger = logging.getLogger("floodmark.caches")


class Task:
    """A task under way, in the hands of its owner. As a `with` it completes at the end, and fails by an exception.

    Every call says whether it took effect: False means that the task is over already, ended by its owner or timed out;
    then it stays as it is. `id` names the task to everybody; `token` is its owner's alone: with both,
    `ledger.task(id, token)` takes the task up in another process. LedgerFileError and LedgerBusy, and no change, where
    the ledger's file cannot be used. Thread-safe; costs are those of the ledger's calls of the same names.
    """

    __slots__ = ("_ledger", "_over", "id", "token")

    def __init__(self, ledger: "TaskLedger", task_id: str, token: str) -> None:
        self._ledger = ledger
        self._over = False
        self.id = task_id
        self.token = token

    def complete(self, result: object = None) -> bool:
        """End it well, and say whether it was active until now.

        `result` is kept with it: a JSON value of up to 4096 characters, TypeError or ValueError and no change for any
        other.
        """
        self._over = (done := self._ledger.complete(self.id, self.token, result)) or self._over
        return done

    def fail(self, error: BaseException | str) -> bool:
        """End it badly, and say whether it was active until now.

        The exception's type and its message, cut to 500 characters, are kept; a str is a message without a type.
        TypeError and no change for anything else.
        """
        self._over = (done := self._ledger.fail(self.id, self.token, error)) or self._over
        return done

    def extend(self, seconds: float) -> bool:
        """Say that the work goes on, and whether the task is active: it is due no sooner than `seconds` from this moment.

        It never comes to be due sooner by this. ValueError unless `seconds` is above zero.
        """
        return self._ledger.extend(self.id, self.token, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._over:
            return
        if error is None:
            if not self.complete():
                self._ledger._late(self.id)  # noqa: SLF001 - our own
            return
        try:
            self.fail(error)
        except CachesError:
            # The work's own exception is on its way out and says more than this.
            logger.exception("ledger %r: the failure of task %s could not be entered", self._ledger.name, self.id)

    def __repr__(self) -> str:
        return f"Task({self.id!r} of {self._ledger.name!r})"
