"""Containers that only ever grow, held in every way a container is held."""

from collections import OrderedDict, defaultdict, deque
from typing import ClassVar, Final

from tests.planted._truth import leak
from tests.planted.services._work import Record, batch

orders: dict[str, Record] = {}  # planted: module_dict
journal: list[Record] = []  # planted: module_list
visitors: set[str] = set()  # planted: module_set
backlog: deque[Record] = deque()  # planted: module_deque
by_day: defaultdict[str, list[Record]] = defaultdict(list)  # planted: nested_lists
sessions: OrderedDict[int, str] = OrderedDict()  # planted: full_lru
_MOST_SESSIONS: Final = 64


class Desk:
    """Keeps every ticket it ever saw."""

    def __init__(self) -> None:
        self.tickets: dict[int, Record] = {}  # planted: instance_dict

    def take(self, number: int) -> None:
        """Keep one more."""
        self.tickets[number] = Record(number, f"{number:08d}" * 128)  # planted: instance_dict


class Audit:
    """Writes down what happens, for all its instances."""

    trail: ClassVar[list[Record]] = []  # planted: class_attribute

    def note(self, number: int) -> None:
        """Write down one more."""
        self.trail.append(Record(number, f"{number:08d}" * 128))  # planted: class_attribute


desk = Desk()


@leak("container", "map", "line", named="orders")
def module_dict(tick: int) -> None:
    """Orders are filed by their number and never forgotten."""
    for number in batch(tick):
        orders[f"order-{number}"] = Record(number, f"{number:08d}" * 128)  # planted: module_dict


@leak("container", "map", "line", named="tickets|desk")
def instance_dict(tick: int) -> None:
    """An object that lives as long as the service keeps what it is given."""
    for number in batch(tick):
        desk.take(number)


@leak("container", "map", "line", named="trail")
def class_attribute(tick: int) -> None:
    """A list on the class outlives every instance."""
    for number in batch(tick):
        Audit().note(number)


@leak("container", "map", "line", named="journal")
def module_list(tick: int) -> None:
    """A list of the module is appended to."""
    for number in batch(tick):
        journal.append(Record(number, f"{number:08d}" * 128))  # noqa: PERF401  # planted: module_list


@leak("container", "map", "line", named="visitors")
def module_set(tick: int) -> None:
    """Who was here is remembered for ever."""
    for number in batch(tick):
        visitors.add(f"{number:08d}" * 128)  # planted: module_set


@leak("container", "map", "line", named="backlog")
def module_deque(tick: int) -> None:
    """A queue without a reader."""
    for number in batch(tick):
        backlog.append(Record(number, f"{number:08d}" * 128))  # planted: module_deque


@leak("container", "map", "line", named="by_day")
def nested_lists(tick: int) -> None:
    """A few keys, and under each a list that grows."""
    for number in batch(tick):
        by_day[f"day {number % 7}"].append(Record(number, f"{number:08d}" * 128))  # planted: nested_lists


@leak("container", "map", "line", named="sessions")
def full_lru(tick: int) -> None:
    """The number of sessions is bounded, and what each of them says is not."""
    for number in batch(tick)[:8]:
        key = number % _MOST_SESSIONS
        sessions[key] = sessions.pop(key, "") + f"{number:08d}" * 640  # planted: full_lru
        if len(sessions) > _MOST_SESSIONS:
            sessions.popitem(last=False)
