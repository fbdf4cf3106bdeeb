"""What is left in an event loop."""

import asyncio
import functools

from tests.planted._truth import leak
from tests.planted.services._work import Record, batch

closing = asyncio.Event()  # planted: tasks_waiting


async def wait_for_reply(record: Record) -> int:
    """Wait for what does not come."""
    await closing.wait()  # planted: tasks_waiting
    return record.number


@leak(
    "task",
    "container",
    "line",
    named="wait_for_reply|closing",
    fair=r"_asyncio\.Task|Task|Future|coroutine|deque|Context|WeakSet\.data",
    growth_class="tasks",
)
async def tasks_waiting(tick: int) -> None:
    """Every request begins a task that waits for ever."""
    for number in batch(tick):
        asyncio.create_task(wait_for_reply(Record(number, f"{number:08d}" * 128)))  # noqa: RUF006  # planted: tasks_waiting


class Feed:
    """A connection that ends with the service."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] | None = None  # planted: future_callbacks

    def on_close(self, record: Record) -> None:
        """Have *record* told of the end."""
        if self.closed is None:
            self.closed = asyncio.get_running_loop().create_future()  # planted: future_callbacks
        self.closed.add_done_callback(functools.partial(told, record))  # planted: future_callbacks


def told(record: Record, _closed: "asyncio.Future[None]") -> None:
    """Forget a record."""
    record.text = ""


feed = Feed()


@leak("container", "line", named="closed|feed|told", fair="functools.partial|partial|Context")
async def future_callbacks(tick: int) -> None:
    """Callbacks wait for a future that ends with the service."""
    for number in batch(tick):
        feed.on_close(Record(number, f"{number:08d}" * 128))  # planted: future_callbacks
