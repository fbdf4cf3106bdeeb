"""What is kept alive by something other than a container with a name of its own."""

import contextvars
import functools
import gc
import logging
import weakref
from collections.abc import Callable, Generator

from tests.planted._truth import leak
from tests.planted.services._work import Record, batch

log = logging.getLogger("planted.references")  # planted: logging_handlers
history: contextvars.ContextVar[list[Record]] = contextvars.ContextVar("history")  # planted: context_variable
streams: list[Generator[int]] = []  # planted: generators_kept
failures: list[Exception] = []  # planted: exceptions


def make_counter() -> Callable[[int], int]:
    """Return a function that counts what it has not seen before."""
    seen: dict[int, Record] = {}  # planted: closure_cell

    def count(number: int) -> int:
        seen[number] = Record(number, f"{number:08d}" * 128)  # planted: closure_cell
        return len(seen)

    return count


count = make_counter()


@leak("container", "map", "line", named="seen")
def closure_cell(tick: int) -> None:
    """The variable of a function that is over lives on in the function it returned."""
    for number in batch(tick):
        count(number)


class Pricing:
    """Prices what it is asked for."""

    @functools.lru_cache(maxsize=None)  # noqa: B019, UP033  # planted: lru_cache_method
    def quote(self, number: int) -> Record:  # planted: lru_cache_method
        """Return a price, remembered for ever, and this object with it."""
        return Record(number, f"{number:08d}" * 128)  # planted: lru_cache_method


pricing = Pricing()


@leak("container", "map", "line", named="quote|Pricing", fair="_lru_list_elem|_lru_cache_wrapper")
def lru_cache_method(tick: int) -> None:
    """A cache without a bound, around a method."""
    for number in batch(tick):
        pricing.quote(number)


class Node:  # planted: cycle_with_del
    """Points to itself, and has something to do at its end."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.peer = self

    def __del__(self) -> None:
        self.record.number = 0


@leak("container", "type", "line", named="Node")
def cycle_with_del(tick: int) -> None:
    """Cycles are left to a collector that was switched off for speed."""
    gc.disable()
    for number in batch(tick):
        Node(Record(number, f"{number:08d}" * 128))  # planted: cycle_with_del


def parse(number: int) -> int:
    """Fail with a large text at hand."""
    text = f"{number:08d}" * 1024  # planted: exceptions
    return int(text[:8] + "x")


@leak("container", "map", "line", named="failures|parse", fair="ValueError|traceback|frame")
def exceptions(tick: int) -> None:
    """Errors are kept for a report; each holds its frames, and these what they worked on."""
    for number in batch(tick)[:5]:
        try:
            parse(number)
        except ValueError as error:
            failures.append(error)  # planted: exceptions


@leak(
    "container",
    "map",
    "type",
    "line",
    named="log|handlers|StreamHandler|logging_handlers",
    fair=r"RLock|weakref|WeakSet\.data|_handlerList",
)
def logging_handlers(tick: int) -> None:
    """Every request adds its handler."""
    for _ in batch(tick):
        log.addHandler(logging.StreamHandler())  # planted: logging_handlers


class Receipt(Record):  # planted: weakref_callback
    """What a callback is to work on."""


def archive(receipt: Receipt) -> None:
    """Put away a receipt whose desk is gone."""
    receipt.text = ""


desk = Record(0, "a desk that outlives all requests")


@leak("container", "type", "line", named="Receipt|archive|desk", fair="finalize|_Info|_registry|weakref")
def weakref_callback(tick: int) -> None:
    """What a callback needs lives as long as the object it waits for."""
    for number in batch(tick):
        weakref.finalize(desk, archive, Receipt(number, f"{number:08d}" * 128))  # planted: weakref_callback


@leak("container", "map", "line", named="history")
def context_variable(tick: int) -> None:
    """The context of the service is never left, so what is noted in it stays."""
    if history.get(None) is None:
        history.set([])  # planted: context_variable
    for number in batch(tick):
        history.get().append(Record(number, f"{number:08d}" * 128))  # planted: context_variable


def averages() -> Generator[float, float]:
    """Answer each number with the mean of all so far."""
    samples: list[str] = []  # planted: generator_local
    while True:
        number = yield float(len(samples))
        samples.append(f"{number:08f}" * 64)  # planted: generator_local


averaging = averages()


@leak("container", "map", "line", named="samples|averaging")
def generator_local(tick: int) -> None:
    """A generator that never ends keeps all it was ever sent."""
    if tick == 0:
        next(averaging)
    for number in batch(tick):
        averaging.send(number)


def lines_of(record: Record) -> Generator[int]:
    """Yield the lines of a record."""
    yield len(record.text)
    yield record.number


@leak("container", "map", "line", named="streams|lines_of", fair="generator")
def generators_kept(tick: int) -> None:
    """Generators that were begun and never ended, each with its arguments."""
    for number in batch(tick):
        stream = lines_of(Record(number, f"{number:08d}" * 128))  # planted: generators_kept
        next(stream)
        streams.append(stream)  # planted: generators_kept
