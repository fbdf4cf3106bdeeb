"""Registered maps: their readings name them, their containers say where they are."""

from collections.abc import Sequence

import pytest

from floodmark_sidecar.judge import Trace
from tests.sidecar.culprits.scripted import MINUTE, START, capture, captures, container, names, ranked, verdict


def readings(
    sizes: Sequence[float | None], *, worker: str = "web-0", life: int = 1, **fields: object
) -> list[dict[str, object]]:
    """Return one reading every ten seconds of a map `locks` with each of *sizes*, and the other *fields* of it."""
    more = {f"map.locks.{field}": value for field, value in fields.items()}
    return [
        {"t": START + 10 * n, "worker": worker, "life": life, "uss_bytes": 1e8, "map.locks.entries": size} | more
        for n, size in enumerate(sizes)
    ]


def of(*rows: Sequence[dict[str, object]]) -> Trace:
    return Trace.from_rows([row for each in rows for row in each])


LEAK = [100.0 + 10 * n for n in range(25)]
BOUND = [100.0 * n for n in range(10)] + [1000.0] * 40


def test_registered_map_grows() -> None:
    """A registered map is named by its readings alone; what only a capture tells is unknown."""
    (culprit,) = ranked([], of(readings(LEAK)))

    assert (culprit.kind, culprit.name) == ("map", "locks")
    assert culprit.entries_per_hour == pytest.approx(3600)
    assert (culprit.where, culprit.path, culprit.bytes_per_hour, culprit.share) == (None, None, None, None)
    assert culprit.evidence == "grew from 110 to 335 entries over 4 min of readings"


def test_bounded_map_at_its_bound() -> None:
    """A map that has reached its bound and stays there is not a culprit."""
    assert ranked([], of(readings(BOUND, maxsize=1000))) == ()


def test_bounded_map_that_still_fills() -> None:
    """A map under its bound that grows is named with its bound: the reader sees what it can become."""
    (culprit,) = ranked([], of(readings(LEAK, maxsize=100_000)))

    assert "declared bound 100,000 entries in each worker" in culprit.evidence


def test_map_that_filled_during_warm_up() -> None:
    """Readings from before the judged part do not count."""
    trace = of(readings([50.0 * n for n in range(20)] + [1000.0] * 9 + [1001.0]))
    assert names(ranked([], trace)) == ["locks"]

    assert ranked([], trace, verdict(since=200)) == ()


def test_map_that_was_judged_to_climb() -> None:
    """What the judge calls a climb is named, also where it fell a little at the end."""
    rows = readings([*LEAK, 300.0, 290.0, 280.0])
    assert ranked([], of(rows)) == ()

    assert names(ranked([], of(rows), verdict(climbing_maps=["locks"]))) == ["locks"]


def test_masked_readings_do_not_count() -> None:
    """Readings taken while a capture ran are not judged."""
    rows = readings(LEAK)
    flat = [row | {"map.locks.entries": 100.0} for row in rows[::2]]

    assert ranked([], of(flat, [row | {"masked": 1} for row in rows[1::2]])) == ()
    assert names(ranked([], of(rows))) == ["locks"]


def test_map_in_flight_swings() -> None:
    """A map of what is in flight goes up and down and is not a culprit."""
    assert ranked([], of(readings([40.0 + 30 * (n % 3) for n in range(60)]))) == ()


def test_map_without_readings_at_times() -> None:
    """Readings that lack the map are gaps, not zeros."""
    sizes: list[float | None] = [*LEAK]
    sizes[3] = sizes[17] = None

    assert names(ranked([], of(readings(sizes)))) == ["locks"]


def test_own_container_of_a_map_is_the_map() -> None:
    """The container inside a registered map lends it path, line and size, and is no second culprit."""
    inside = captures("app.Scheduler.locks_by_task", [100, 140, 180, 220], id=7)

    (culprit,) = ranked(inside, of(readings(LEAK)), registered={("web-0", 1): {7: "locks"}})
    assert (culprit.kind, culprit.name, culprit.path) == ("map", "locks", "app.Scheduler.locks_by_task")
    assert culprit.where == "locks_by_task.py:7"
    assert culprit.bytes_per_hour == pytest.approx(3600 * 120)
    assert culprit.evidence.endswith("readings, 120 B each; held by app.Scheduler.locks_by_task")


def test_container_of_a_steady_map_is_no_culprit() -> None:
    """What the readings of a map say goes for the container inside: expired entries not yet released are no leak."""
    inside = captures("app.locks", [100, 140, 180, 220], id=7)

    assert ranked(inside, of(readings([50.0] * 20)), registered={("web-0", 1): {7: "locks"}}) == ()


def test_map_that_renewed_its_container() -> None:
    """A container that took the place of a registered one is still its map's."""
    inside = captures("app.Box.data", [100, 140], id=7) + [
        capture(t * MINUTE, [container("app.Box.data", size, id=8)]) for t, size in ((2, 60), (3, 90), (4, 120))
    ]

    found = ranked(inside, of(readings(LEAK)), registered={("web-0", 1): {7: "locks"}})
    assert [(culprit.kind, culprit.name) for culprit in found] == [("map", "locks")]


def test_registered_map_without_a_trace() -> None:
    """Captures alone name a registered map by its registered name."""
    (culprit,) = ranked(captures("app.x", [100, 200, 300], id=7), registered={("web-0", 1): {7: "locks"}})

    assert (culprit.kind, culprit.name, culprit.path) == ("map", "locks", "app.x")


def test_same_id_in_another_worker_is_another_container() -> None:
    """Ids belong to one life of one worker."""
    seen = captures("app.x", [100, 200, 300], id=7, worker="web-1")

    (culprit,) = ranked(seen, registered={("web-0", 1): {7: "locks"}, ("web-1", 2): {7: "locks"}})
    assert (culprit.kind, culprit.name) == ("container", "x")


def test_values_of_a_full_map_grow() -> None:
    """A full map whose values become larger is named by its own account of its bytes."""
    rows = [row | {"map.locks.bytes": 1e6 + 1e5 * n} for n, row in enumerate(readings([1000.0] * 25, maxsize=1000))]

    (culprit,) = ranked([], of(rows))
    assert culprit.entries_per_hour == 0
    assert culprit.bytes_per_hour == pytest.approx(3.6e7)
    assert "while its entries did not" in culprit.evidence


def test_map_grows_in_one_of_two_workers() -> None:
    """The worker whose map grows is named where the other's does not."""
    (culprit,) = ranked([], of(readings(LEAK), readings([100.0] * 25, worker="web-1")))

    assert culprit.worker == "web-0"


def test_map_grows_in_both_workers() -> None:
    """The rates of all workers add up."""
    (culprit,) = ranked([], of(readings(LEAK), readings(LEAK, worker="web-1")))

    assert culprit.worker is None
    assert culprit.entries_per_hour == pytest.approx(7200)


def test_map_of_two_lives() -> None:
    """A worker that starts anew gives its map back; its rate is that of its lives."""
    later = [row | {"t": START + 1000 + 10 * n} for n, row in enumerate(readings(LEAK, life=2))]

    (culprit,) = ranked([], of(readings(LEAK), later))
    assert culprit.entries_per_hour == pytest.approx(3600)


def test_evidence_of_a_worker_that_is_gone() -> None:
    """Readings go on without a worker whose place nobody took: what it held is gone, and in no sum."""
    gone = readings([10_000.0 + 10 * n for n in range(25)], worker="web-1")
    on = readings([100.0 + 10 * n for n in range(60)])

    (culprit,) = ranked([], of(on, gone))
    assert culprit.evidence.startswith(
        "grew from 120 to 670 entries over 9 min 50 s of readings, and in 1 life that is"
    )
    assert culprit.points[-1][1] < 1000


def test_evidence_of_nothing_but_lives_that_are_over() -> None:
    """Where no life that grew goes on, one is told of, and that it is over."""
    gone = [readings(LEAK, worker=f"web-{n}") for n in (1, 2)]
    on = readings([100.0] * 60)

    (culprit,) = ranked([], of(on, *gone))
    assert culprit.evidence == (
        "grew from 110 to 335 entries over 4 min of readings, in the longest of 2 lives that are all over"
    )


def test_evidence_counts_from_the_first_reading_of_the_map() -> None:
    """A process that was watched for long before its map was there did not let it grow for so long."""
    before = [{"t": START - 3600 + 10 * n, "worker": "web-0", "life": 1, "uss_bytes": 1e8} for n in range(360)]

    (culprit,) = ranked([], of(before, readings(LEAK)))
    assert culprit.evidence == "grew from 110 to 335 entries over 4 min of readings"


def test_unknown_size_comes_last() -> None:
    """A map whose bytes nobody knows is ranked after what is known to cost something."""
    found = ranked(captures("app.cheap", [100, 200, 300], id=1), of(readings(LEAK)))

    assert names(found) == ["cheap", "locks"]


def test_trace_of_three_rows() -> None:
    """An interrupted run's few readings are no reason to fail."""
    assert names(ranked([], of(readings(LEAK[:3])))) == ["locks"]
    assert ranked([], of(readings([100.0]))) == ()
    assert ranked([], Trace.from_rows([])) == ()
