"""The fix of a container: the right map, numbers that were measured, honest words, and lines that run."""

import gc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from floodmark_caches import MapStats, registry
from floodmark_sidecar.culprits import Capture, Fix
from floodmark_sidecar.judge import Trace
from tests.sidecar.culprits.scripted import MINUTE, START, capture, captures, container, ranked, verdict

SIZES = [1000, 2000, 3000, 4000]
PATH = "app.scheduler.Scheduler.move_locks"


def fixed(path: str = PATH, sizes: Sequence[int] = SIZES, **more: Any) -> Fix | None:
    """Return the fix of the container at *path*, which grows by *sizes*."""
    (culprit,) = ranked(captures(path, sizes, **{"users": True, **more}))
    return culprit.fix


def certain(found: Fix | None) -> Fix:
    assert found is not None
    return found


def looks(*contents: Sequence[int], every: float = MINUTE, **more: Any) -> list[Capture]:
    """Return captures of a container with these entries, each by its token."""
    return [
        capture(number * every, [container("app.pending", len(tokens), tokens=sorted(tokens), users=True, **more)])
        for number, tokens in enumerate(contents)
    ]


@pytest.fixture
def pasted() -> Any:
    """Run the code of a fix as it is, and return what it names; no map of it is left."""
    names: dict[str, Any] = {}

    def paste(found: Fix) -> dict[str, Any]:
        exec(found.code, names)  # noqa: S102 - that it runs is the point
        return names

    yield paste
    names.clear()
    gc.collect()
    for stats in published():
        if stats.kind == "deque":
            registry.unwatch(stats.name)


def published() -> list[MapStats]:
    """Return what the registry has of the fixes here; other tests may have left maps of other names."""
    return [stats for stats in registry.stats() if stats.name.partition(".")[0] in {"Scheduler", "Pricing", "routes"}]


@pytest.mark.parametrize(
    ("held", "class_name"),
    [
        ({"values": "_thread.lock"}, "KeyedLocks"),
        ({"values": "_thread.RLock"}, "KeyedLocks"),
        ({"values": "asyncio.locks.Lock"}, "AsyncKeyedLocks"),
        ({"values": "float"}, "SeenSet"),
        ({"values": "bool"}, "SeenSet"),
        ({"kind": "set"}, "SeenSet"),
        ({"values": "app.Session"}, "BoundedMap"),
        ({"kind": "defaultdict", "values": "list"}, "BoundedMap"),
        ({"kind": "OrderedDict", "values": "str"}, "BoundedMap"),
        ({"kind": "list"}, "deque"),
        ({"kind": "deque"}, "deque"),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else value,
)
def test_the_class_fits_what_is_held_and_its_lines_run(
    held: dict[str, Any], class_name: str, pasted: Callable[[Fix], dict[str, Any]]
) -> None:
    """Locks need no bound, flags and times are keys that were seen, all else is a map; a list keeps its newest."""
    found = certain(fixed(**held))
    assert found.class_name == class_name
    made = pasted(found)["move_locks"]
    assert type(made).__name__ == class_name
    stated = getattr(made, "maxsize", getattr(made, "maxlen", None))
    assert (stated, getattr(made, "ttl", None)) == (found.maxsize, found.ttl)
    assert [stats.name for stats in published()] == ["Scheduler.move_locks"]
    assert f"# in place of {PATH}:\n" in found.code


@pytest.mark.parametrize(
    ("values", "words"),
    [("bool", "PendingSet with the same arguments"), ("float", "BoundedMap with the same arguments")],
)
def test_what_else_it_may_have_been_is_said(values: str, words: str) -> None:
    """A flag may be one of work under way, and a time may be read."""
    assert words in certain(fixed(values=values)).code
    assert words not in certain(fixed(kind="set")).code


def test_locks_have_no_numbers() -> None:
    """A bound or a time would break mutual exclusion."""
    found = certain(fixed(values="_thread.lock"))
    assert (found.maxsize, found.ttl) == (None, None)
    assert "no size and no time has to be chosen" in found.why


def test_where_nothing_was_followed_the_words_say_so() -> None:
    """A census without samples knows the rate alone: an hour is a guess, and the bound what comes in two."""
    found = certain(fixed(values="float"))
    assert (found.maxsize, found.ttl) == (120_000, 3600.0)
    assert found.why == (
        "no entry was followed from one capture to another, so no lifetime is known: the ttl of 1 h is a guess and a "
        "starting point, to be set to how long an entry may be needed; entries came at 60,000 an hour, and maxsize is twice what "
        "comes in that time; full, it takes about 13.7 MiB in each process"
    )


def test_where_nothing_left_the_words_say_so() -> None:
    """No lifetime is made up: what was looked for, and for how long, is what there is to say."""
    (culprit,) = ranked(looks(range(50), range(100), range(150), values="bool"))
    found = certain(culprit.fix)
    assert (found.class_name, found.ttl) == ("SeenSet", 3600.0)
    assert found.why.startswith("none of 100 entries that were followed left within 2 min, so no lifetime is known")


def test_lifetimes_that_were_seen_give_the_ttl() -> None:
    """Flags that mostly end: those that left were at most a minute old, so that twice that is the time to live."""
    lost = [range(10 * n + 10) for n in range(5)]
    under_way = [range(1000 + 20 * n, 1020 + 20 * n) for n in range(5)]
    contents = [[*some, *others] for some, others in zip(lost, under_way, strict=True)]
    (culprit,) = ranked(looks(*contents, every=30.0, values="bool"))
    found = certain(culprit.fix)
    assert (found.class_name, found.ttl, found.maxsize) == ("PendingSet", 120.0, 240)
    # In each half minute ten are lost and twenty come that will end.
    assert found.why.startswith(
        "80 of 120 entries that were followed left, none later than 1 min after it came, in captures up to 30 s apart; "
        "ttl is twice that or a little more; entries came at 3,600 an hour, and maxsize is twice what comes in that time; "
    )


def test_a_bound_is_never_below_what_was_held_at_first() -> None:
    """What was there before it grew may be needed."""
    found = certain(fixed(sizes=[50_000, 50_100, 50_200], values="str"))
    assert found.maxsize == 50_000
    assert "maxsize is what was held when it was first seen" in found.why


def test_one_map_for_all_containers_at_a_path() -> None:
    """Instances that grow alike are one line of source, and their map holds what all of them gain."""
    seen = [
        capture(t * MINUTE, [container(PATH, 100 + 60 * t, id=number, users=True) for number in (1, 2)])
        for t in range(3)
    ]
    (culprit,) = ranked(seen)
    found = certain(culprit.fix)
    assert "one for all 2 containers at this path in a process; entries came at 7,200 an hour" in found.why


def test_the_rate_is_of_one_process() -> None:
    """Every worker has its own map."""
    seen = [*captures(PATH, SIZES, users=True), *captures(PATH, SIZES, worker="web-1", users=True)]
    (culprit,) = ranked(seen)
    assert culprit.entries_per_hour == pytest.approx(120_000)
    assert "entries came at 60,000 an hour" in certain(culprit.fix).why


@pytest.mark.parametrize(
    "held",
    [
        {"users": False},
        {"kind": "app.Registry"},
        {"path": "app.[…]"},
        {"owner": {"module": "app", "file": "/srv/app.py", "qualname": "", "attribute": "__dict__"}},
        {"owner": {"module": "app", "file": "/srv/app.py", "qualname": "", "attribute": "x; import os"}},
        {"owner": {"module": "app", "file": "/srv/app.py", "qualname": "", "attribute": "class"}},
    ],
    ids=["in a library", "a class of its own", "an element", "a namespace", "no name", "a keyword"],
)
def test_no_fix_where_no_map_would_help(held: dict[str, Any]) -> None:
    """Nothing is offered that could not be pasted or would not do what was there."""
    if held.get("path") == "app.[…]":
        held = {"users": True, "path": None, "name": None, "owner": None, "chain": "app.cache[…]"}
    assert fixed(**held) is None


def test_no_fix_for_entries_that_swell() -> None:
    """A bound on their number does not stop entries that grow."""
    seen = [capture(t * MINUTE, [container(PATH, 100, users=True, entry_bytes=1000.0 + 1000 * t)]) for t in range(3)]
    (culprit,) = ranked(seen)
    assert (culprit.measured, culprit.fix) == ("bytes", None)


def registered(rows: int, **columns: str) -> Trace:
    """Return readings of a map that grows by a thousand entries a minute."""
    return Trace.from_rows(
        [
            {"t": START + n * 10, "uss_bytes": 1e8, "worker": "web-0", "map.routes.entries": n * 170.0 + 100, **columns}
            for n in range(rows)
        ]
    )


def test_a_watched_dict_keeps_its_name(pasted: Callable[[Fix], dict[str, Any]]) -> None:
    """The map takes the place in the registry too, and the words say that the old entry goes."""
    seen = captures("app.table", SIZES, id=7, users=True, values="str")
    (culprit,) = ranked(seen, registered(24), verdict(climbing_maps=["routes"]), {("web-0", 1): {7: "routes"}})
    found = certain(culprit.fix)
    assert (culprit.kind, culprit.name) == ("map", "routes")
    assert 'table = BoundedMap("routes", ' in found.code
    assert '# the registry.watch("routes", …) that there was goes' in found.code
    pasted(found)


def test_no_fix_for_a_map_that_has_a_bound() -> None:
    """It is bounded already: what is wrong with it is another thing."""
    seen = captures("app.table", SIZES, id=7, users=True, values="str")
    trace = registered(24, **{"map.routes.maxsize": "1000000000000"})
    (culprit,) = ranked(seen, trace, verdict(climbing_maps=["routes"]), {("web-0", 1): {7: "routes"}})
    assert (culprit.kind, culprit.fix) == ("map", None)


def test_a_function_that_keeps_all_it_returned_is_decorated_anew(pasted: Callable[[Fix], dict[str, Any]]) -> None:
    """Its `lru_cache` gives way to a map of our own, under cachetools."""
    way = [["app.Pricing", "class"], [".quote", "functools._lru_cache_wrapper"], ["", "dict"]]
    owner = {"module": "app", "file": "/srv/app.py", "qualname": "Pricing", "attribute": "quote"}
    found = certain(fixed("app.Pricing.quote", retainers=way, owner=owner, values="float"))
    assert (found.class_name, found.maxsize, found.ttl) == ("BoundedMap", 120_000, 3600.0)
    quote = pasted(found)["quote"]
    quote(1), quote(2), quote(1)
    ((name, entries, hits),) = [(each.name, each.entries, each.hits) for each in published()]
    assert (name, entries, hits) == ("Pricing.quote", 2, 1)


def test_a_private_name_is_written_as_it_can_be_pasted() -> None:
    """`self.__locks` of a class is stored under a name that nobody writes."""
    owner = {"module": "app", "file": "/srv/app.py", "qualname": "Scheduler", "attribute": "_Scheduler__locks"}
    found = certain(fixed("app.Scheduler._Scheduler__locks", owner=owner, values="_thread.lock"))
    assert "\n_locks = KeyedLocks(" in found.code


def test_the_fix_is_part_of_the_result() -> None:
    """As JSON has it; None where there is none."""
    (culprit,) = ranked(captures(PATH, SIZES, users=True, values="float"))
    told = culprit.as_dict()["fix"]
    assert told.keys() == {"title", "class", "maxsize", "ttl_seconds", "why", "code"}
    assert (told["class"], told["maxsize"], told["ttl_seconds"]) == ("SeenSet", 120_000, 3600.0)
    assert told["title"] == "SeenSet of at most 120,000 entries, each for 1 h"
    (other,) = ranked(captures(PATH, SIZES))
    assert other.as_dict()["fix"] is None
