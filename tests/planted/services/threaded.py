"""Threads, and what threads keep."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.planted._truth import leak
from tests.planted.services._work import Record, batch

stopping = threading.Event()  # planted: threads
remembered = threading.local()  # planted: thread_local
pool = ThreadPoolExecutor(1, "keeper")


def poll(record: Record) -> int:  # planted: threads
    """Wait for the end."""
    stopping.wait()  # planted: threads
    return record.number


@leak(
    "thread",
    "container",
    "line",
    named="poller.*|poll|stopping",
    fair=r"_active|WeakSet\.data|Thread|Event|Condition|lock",
    growth_class="threads",
)
def threads(tick: int) -> None:
    """Every request starts a thread, and none ends."""
    record = Record(tick, f"{tick:08d}" * 128)  # planted: threads
    threading.Thread(target=poll, args=(record,), name=f"poller-{tick}", daemon=True).start()  # planted: threads


def remember(number: int) -> None:
    """Keep a record in the thread's own place."""
    if not hasattr(remembered, "records"):
        remembered.records = []  # planted: thread_local
    remembered.records.append(Record(number, f"{number:08d}" * 128))  # planted: thread_local


@leak("container", "map", "line", named="remembered|records")
def thread_local(tick: int) -> None:
    """A thread that lives as long as the service remembers everything it did."""
    for done in pool.map(remember, batch(tick)):
        assert done is None
