"""What counts as growth: the sizes of one container, capture by capture. Test names read as shapes."""

import pytest

from tests.sidecar.culprits.scripted import MINUTE, capture, captures, container, names, ranked, together, verdict


def test_grows_steadily() -> None:
    """A container that is larger each time is named, with its rates."""
    (culprit,) = ranked(captures("app.locks", [100, 200, 300, 400, 500]))

    assert culprit.name == "locks"
    assert culprit.entries_per_hour == pytest.approx(6000)
    assert culprit.bytes_per_hour == pytest.approx(6000 * 120)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([500, 500, 500, 500], id="flat"),
        pytest.param([500, 400, 300, 200], id="shrinks"),
        pytest.param([100, 300, 500, 500], id="stopped"),
        pytest.param([100, 300, 501, 500, 500, 500], id="stopped after a peak"),
        pytest.param([100, 900, 900, 900, 910], id="stopped, one more at the end"),
        pytest.param([100, 900, 890, 880, 890], id="a step, then noise"),
        pytest.param([100, 500, 150, 450, 200, 520], id="swings, and is high at the end"),
        pytest.param([100, 200, 300, 400, 150, 250], id="cleared, and grows again"),
        pytest.param([100, 300, 900, 800, 850], id="stays under its height"),
        pytest.param([500], id="seen once"),
        pytest.param([], id="never seen"),
    ],
)
def test_does_not_go_on_growing(sizes: list[int]) -> None:
    """What stopped, swings or falls back is not named."""
    assert ranked(captures("app.locks", sizes)) == ()


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([100, 200], id="two captures"),
        pytest.param([100, 200, 200, 300, 400], id="one pause"),
        pytest.param([100, 200, 190, 300, 400], id="gives a little back"),
        pytest.param([100, 110, 1000, 1010, 2000, 2010], id="in steps"),
    ],
)
def test_goes_on_growing(sizes: list[int]) -> None:
    """A pause, a small give-back or steps do not hide a leak."""
    assert names(ranked(captures("app.locks", sizes))) == ["locks"]


def test_rate_is_not_moved_by_one_jump() -> None:
    """The rate is the usual one, not that of the widest step."""
    (culprit,) = ranked(captures("app.locks", [100, 110, 120, 130, 140, 150, 160, 170, 180, 900]))

    assert culprit.entries_per_hour == pytest.approx(600)


def test_last_capture_right_after_another() -> None:
    """A last census that comes at once after a periodic one does not look like standstill."""
    sizes = [(0, 100), (60, 200), (120, 300), (180, 400), (182, 400)]
    seen = [capture(t, [container("app.locks", size)]) for t, size in sizes]

    assert names(ranked(seen)) == ["locks"]


def test_out_of_order() -> None:
    """Captures may be given in any order."""
    seen = captures("app.locks", [100, 200, 300, 400])

    assert ranked(seen[::-1]) == ranked(seen)


def test_thousands_of_captures() -> None:
    """A month of hourly captures is thinned, and the growth is still seen from its first to its last."""
    (culprit,) = ranked(captures("app.locks", range(1000, 2000)))

    assert culprit.entries_per_hour == pytest.approx(60)
    assert "from 1,000 to 1,999 entries over 1000 captures" in culprit.evidence


def test_grew_during_warm_up_only() -> None:
    """Where three captures are from the judged part, those before it do not count."""
    seen = captures("app.cache", [100, 500, 900, 1000, 1000, 1000])

    assert ranked(seen, None, verdict(since=3 * MINUTE)) == ()


def test_too_few_captures_after_warm_up() -> None:
    """Where fewer than three captures are from the judged part, all count."""
    seen = captures("app.locks", [100, 200, 300, 400])

    (culprit,) = ranked(seen, None, verdict(since=2 * MINUTE))
    assert "from 100 to 400" in culprit.evidence


def test_replaced_by_a_bigger_one() -> None:
    """A container that is rebuilt larger each time, under the same path, is followed through its replacements."""
    seen = [capture(minute * MINUTE, [container("app.routes", 100 * (minute + 1), id=minute)]) for minute in range(5)]

    (culprit,) = ranked(seen)
    assert culprit.entries_per_hour == pytest.approx(6000)


def test_replaced_by_a_smaller_one() -> None:
    """A container that is renewed when it is full is not one container that grows."""
    sizes = [(1, 100), (1, 200), (2, 50), (2, 150)]
    seen = [capture(t * MINUTE, [container("app.batch", size, id=id_)]) for t, (id_, size) in enumerate(sizes)]

    (culprit,) = ranked(seen)
    assert "from 50 to 150" in culprit.evidence


def test_many_short_lived_with_one_path() -> None:
    """Containers that come and go, several at a time under one path, are not taken for one that grows."""
    seen = [
        capture(t * MINUTE, [container("app.Request.items", 100 * (t + 1) + n, id=10 * t + n) for n in range(3)])
        for t in range(5)
    ]

    assert ranked(seen) == ()


def test_id_used_again() -> None:
    """An id that was given to another container starts a new history."""
    seen = [
        capture(0, [container("app.a", 500, id=1)]),
        capture(60, [container("app.a", 600, id=1)]),
        capture(120, [container("app.b", 100, id=1)]),
        capture(180, [container("app.b", 200, id=1)]),
    ]

    (culprit,) = ranked(seen)
    assert culprit.name == "b"
    assert "from 100 to 200" in culprit.evidence


def test_id_used_again_by_another_type() -> None:
    """An id under which another type of container appears starts a new history."""
    seen = captures("app.a", [100, 200, 300], id=1)
    seen.append(capture(3 * MINUTE, [container("app.a", 400, id=1, kind="list")]))

    assert ranked(seen) == ()


def test_gone_at_last() -> None:
    """What grew and is not there any more has given everything back."""
    seen = [*captures("app.batch", [100, 200, 300]), capture(3 * MINUTE, [])]

    assert ranked(seen) == ()


def test_missing_from_an_incomplete_last_capture() -> None:
    """What a census that ran out of time does not show may be there all the same."""
    seen = [*captures("app.locks", [100, 200, 300]), capture(3 * MINUTE, [], complete=False)]

    assert names(ranked(seen)) == ["locks"]


def test_path_found_late() -> None:
    """A container whose owner one capture could not name keeps its history and gets its name."""
    seen = [
        capture(0, [container(None, 100, id=1)]),
        capture(60, [container("app.locks", 200, id=1)]),
        capture(120, [container(None, 300, id=1)]),
    ]

    (culprit,) = ranked(seen)
    assert (culprit.name, culprit.path, culprit.where) == ("locks", "app.locks", "locks.py:7")
    assert "from 100 to 300" in culprit.evidence


def test_missing_from_one_capture() -> None:
    """A container that one capture left out keeps its history."""
    seen = captures("app.locks", [100, 200, 300, 400])
    seen[1] = capture(MINUTE, [])

    (culprit,) = ranked(seen)
    assert culprit.entries_per_hour == pytest.approx(6000)


def test_too_small_to_be_listed_in_between() -> None:
    """A queue that was there between two captures, and lighter than what they list, swings and does not grow."""
    queue, other = captures("app.queue", [149, 0, 0, 160, 0, 239]), captures("app.names", [40] * 6)
    seen = together(queue, other)
    for empty in (1, 2, 4):
        seen[empty] = other[empty]

    assert ranked(seen) == ()


def test_lighter_than_all_that_is_listed() -> None:
    """A capture that lists heavier containers only does not say how much was in one that it left out."""
    growing, other = captures("app.locks", [100, 200, 300, 400]), captures("app.names", [1000] * 4)
    seen = together(growing, other)
    seen[1] = other[1]

    assert names(ranked(seen)) == ["locks"]


def test_seen_twice_of_many_times() -> None:
    """Two looks of many that saw a container, and the later one more of it, tell no growth; a third one does."""
    seen = captures("app.queue", [0, 0, 0, 100, 200, 300])
    seen[:3] = [capture(t * MINUTE, []) for t in range(3)]

    assert ranked(seen[:5]) == ()
    assert names(ranked(seen)) == ["queue"]


def test_crosses_the_threshold_late() -> None:
    """What was too small to be listed at first counts only with the part of the time it was seen."""
    seen = captures("app.locks", [0, 0, 0, 32, 64, 96, 128])
    seen[:3] = [capture(t * MINUTE, []) for t in range(3)]

    (culprit,) = ranked(seen)
    assert culprit.entries_per_hour == pytest.approx(32 * 60 / 2)


def test_values_grow_while_entries_do_not() -> None:
    """A container of few entries that each become larger is named by its bytes."""
    seen = [
        capture(t * MINUTE, [container("app.history", 50, entry_bytes=1000.0 * (t + 1), bytes=0)]) for t in range(5)
    ]

    (culprit,) = ranked(seen)
    assert culprit.entries_per_hour == 0
    assert culprit.bytes_per_hour == pytest.approx(50 * 1000 * 60)
    assert culprit.evidence.startswith("grew from 48.8 KiB to 244 KiB over 5 captures, while its entries did not")


def test_sampled_sizes_wander() -> None:
    """Mean sizes of entries are samples: their small drift is no growth."""
    seen = [capture(t * MINUTE, [container("app.history", 50, entry_bytes=1000.0 + t)]) for t in range(5)]

    assert ranked(seen) == ()


def test_entries_that_could_not_be_sampled() -> None:
    """Without a sample an entry costs its share of the table, which is known."""
    (culprit,) = ranked(captures("app.locks", [100, 200, 300], entry_bytes=None))

    assert culprit.bytes_per_hour == pytest.approx(6000 * 20)


def test_two_with_one_name() -> None:
    """Two containers of one name stay two culprits, told apart by path and line."""
    listener = captures("app.listener.processed", [1000, 2000, 3000], id=1)
    scanner = captures("app.scanner.processed", [500, 1000, 1500], id=2)

    first, second = ranked(together(listener, scanner))
    assert (first.name, first.path) == ("processed", "app.listener.processed")
    assert (second.name, second.path) == ("processed", "app.scanner.processed")


def test_two_with_one_path() -> None:
    """Two instances of one class that both leak are one culprit with the sum of both."""
    one = captures("app.Scheduler.locks", [100, 200, 300], id=1)
    other = captures("app.Scheduler.locks", [100, 200, 300], id=2)

    (culprit,) = ranked(together(one, other))
    assert culprit.entries_per_hour == pytest.approx(12000)
    assert "from 200 to 600 entries" in culprit.evidence
