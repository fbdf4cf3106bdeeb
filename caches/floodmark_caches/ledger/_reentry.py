"""No thread comes into a ledger from inside one of its own calls."""

import threading


def refuse_reentry(lock: threading.RLock, name: str) -> None:
    """RuntimeError if this thread is inside already, by a finalizer that the collector runs perhaps.

    The lock itself is asked, as threading.Condition asks its lock: a mark beside it could be left behind by an
    exception that a signal handler raises.
    """
    if lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - every RLock has it, for Condition
        msg = f"ledger {name!r} was used in the middle of its own use, by a finalizer perhaps"
        raise RuntimeError(msg)
