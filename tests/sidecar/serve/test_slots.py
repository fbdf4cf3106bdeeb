"""Names of worker slots, as processes come and go."""

from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark_sidecar.slots import Process, Slots


def _names(slots: Slots) -> dict[int, tuple[str, int]]:
    return {pid: (held.worker, held.life) for pid, held in slots.held.items()}


def _master(*pids: int, born: float = 1.0) -> list[Process]:
    """Return a master (pid 1) with workers below it, each born at its pid's number."""
    return [Process(1, born), *(Process(pid, float(pid), 1) for pid in pids)]


def test_parents_are_named_before_their_children() -> None:
    """The root gets index 0 whatever order the processes are listed in."""
    slots = Slots("web")
    slots.update(reversed(_master(7, 8)))
    assert _names(slots) == {1: ("web-0", 1), 7: ("web-1", 1), 8: ("web-2", 1)}


def test_a_replaced_worker_takes_the_free_place_and_begins_its_next_life() -> None:
    """A new process below the same parent takes over the name; its life is counted on."""
    slots = Slots("web")
    slots.update(_master(7, 8, 9))
    changes = slots.update(_master(7, 9, 20))
    assert [held.worker for held in changes.ended] == ["web-2"]
    assert [(held.worker, held.life) for held in changes.started] == [("web-2", 2)]


def test_the_lowest_free_place_is_taken_first() -> None:
    """Of several free places, the lowest index is used again first."""
    slots = Slots("web")
    slots.update(_master(7, 8, 9))
    slots.update(_master(9))
    slots.update(_master(9, 30))
    assert _names(slots)[30] == ("web-1", 2)


def test_a_helper_below_a_worker_does_not_take_the_place_of_its_neighbour() -> None:
    """A place belongs to its parent: what runs below another process gets a place of its own."""
    slots = Slots("web")
    slots.update(_master(7, 8))
    slots.update([*_master(7), Process(40, 40.0, 7)])
    assert _names(slots)[40] == ("web-3", 1)
    slots.update([*_master(7, 50), Process(40, 40.0, 7)])
    assert _names(slots)[50] == ("web-2", 2)


def test_a_pid_that_is_given_away_again_is_another_life() -> None:
    """The same pid with another birth is another process."""
    slots = Slots("web")
    slots.update(_master(7))
    changes = slots.update([Process(1, 1.0), Process(7, 99.0, 1)])
    assert [held.life for held in changes.ended] == [1]
    assert _names(slots)[7] == ("web-1", 2)


def test_restored_slots_go_on_where_the_history_ended() -> None:
    """Running processes keep their lives; ended ones leave their place free, with its count of lives."""
    slots = Slots("web")
    slots.restore([("web-0", 1, "", Process(1, 1.0)), ("web-1", 1, "web-0", None), ("web-1", 2, "web-0", None)])
    assert slots.update(_master()).started == ()
    slots.update(_master(60))
    assert _names(slots) == {1: ("web-0", 1), 60: ("web-1", 3)}


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(2, 12)), max_size=12))
def test_no_two_processes_ever_share_a_name_or_a_life(looks: list[set[int]]) -> None:
    """Whatever comes and goes: names are unique at every time, lives of a slot are unique for ever, slots stay few."""
    slots = Slots("web")
    seen: set[tuple[str, int]] = set()
    for number, pids in enumerate(looks):
        before = set(slots.held)
        changes = slots.update(
            [Process(1, 1.0), *(Process(p, 10.0 * p + (number if p % 3 == 0 else 0), 1) for p in pids)]
        )
        names = [held.worker for held in slots.held.values()]
        assert len(names) == len(set(names)) == len(pids) + 1
        for held in changes.started:
            assert (held.worker, held.life) not in seen
            seen.add((held.worker, held.life))
        assert {held.process.pid for held in changes.ended} <= before
    assert len({name for name, _ in seen}) <= 12
