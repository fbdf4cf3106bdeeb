"""Keys whose own code fails: what locks by key make of them, for threads and for tasks."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from floodmark_caches import AsyncKeyedLocks, KeyedLocks
from tests.caches.background.conftest import Interrupt
from tests.caches.conftest import eventually
from tests.caches.fix_owners import Locks, Owner, is_free, owner_of


class Key:
    """All have one hash, so that each is compared with those before it; while `broken`, that fails."""

    broken = False

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        if self.broken:
            raise OSError(self.number)
        return isinstance(other, Key) and self.number == other.number


@pytest.fixture(autouse=True)
def sound() -> Iterator[None]:
    """Keys can be compared, before each test and behind it."""
    Key.broken = False
    yield
    Key.broken = False


def hold(locks: Locks, *keys: object, then: Callable[[], object] = int) -> None:
    """Hold the keys while `then` is called, in a loop if need be."""
    if isinstance(locks, KeyedLocks):
        with locks.hold(*keys):
            then()
        return

    async def run() -> None:
        async with locks.hold(*keys):
            then()

    asyncio.run(run())


def break_keys() -> None:
    """From here on, to compare two of them fails."""
    Key.broken = True


def users(locks: Locks) -> int:
    """How many of the entries somebody holds or waits for."""
    table: dict[Any, Any] = locks._table
    return sum(len(entry.holds) > 0 for entry in list(table.values()))


def test_a_key_that_cannot_be_hashed_is_named(locks: Locks) -> None:
    """Wherever it is asked for; the keys before it are let go."""
    uses: list[Callable[[], object]] = [
        lambda: hold(locks, "a", ["bad"]),
        lambda: hold(locks, ["bad"]),
        lambda: ["bad"] in locks,
    ]
    for use in uses:
        with pytest.raises(TypeError, match=r"a key must be hashable \(got \['bad'\]\)"):
            use()
    assert len(locks) == 0


def test_a_type_error_of_a_key_s_own_code_stays_what_it_is(locks: Locks) -> None:
    """It can be hashed, so that is not said of it."""

    class Fussy:
        def __hash__(self) -> int:
            return hash("a")

        def __eq__(self, other: object) -> bool:
            msg = "never with a str"
            raise TypeError(msg)

    owner = owner_of(locks, "a")
    for use in (lambda: hold(locks, Fussy()), lambda: Fussy() in locks):
        with pytest.raises(TypeError, match="never with a str"):
            use()
    owner.finish()


def test_keys_that_cannot_be_found_at_the_end_have_no_user(locks: Locks) -> None:
    """The error comes out, every key is free all the same, and the entries go as soon as they can be found again."""
    owner = owner_of(locks, Key(0))
    with pytest.raises(OSError, match="0"):
        hold(locks, Key(1), Key(2), Key(3), then=break_keys)
    assert users(locks) == 1
    hold(locks, "another")  # says nothing of them
    assert users(locks) == 1
    Key.broken = False
    assert is_free(locks, Key(1), Key(2), Key(3))
    hold(locks, "another")
    assert len(locks) == 1
    owner.finish()


def test_entries_that_were_left_are_tried_again_by_any_hold(locks: Locks) -> None:
    """For nobody may ever ask for their own keys again."""
    owner = owner_of(locks, Key(0))
    with pytest.raises(OSError, match="0"):
        hold(locks, Key(1), Key(2), then=break_keys)
    assert len(locks) == 3
    Key.broken = False
    hold(locks, "another")
    assert len(locks) == 1
    assert not locks._stuck
    owner.finish()


def test_who_waits_for_a_key_that_cannot_be_found_gets_it(locks: Locks) -> None:
    """The release was cut short by nothing."""
    first = owner_of(locks, Key(0))
    waiters: list[Owner] = []

    def wait() -> None:
        waiters.extend(Owner(locks, key) for key in (Key(1), Key(2)))
        eventually(lambda: locks.stats().hits == 2)
        break_keys()

    with pytest.raises(OSError, match="0"):
        hold(locks, Key(3), Key(1), Key(2), then=wait)
    assert all(waiter.held.wait(10) for waiter in waiters)
    Key.broken = False
    assert all(waiter.finish() for waiter in waiters)
    hold(locks, "another")
    assert len(locks) == 1
    first.finish()


def test_a_key_that_cannot_be_looked_for_leaves_nothing(locks: Locks) -> None:
    """However often it is tried."""
    owner = owner_of(locks, Key(0))
    break_keys()
    for _ in range(5):
        with pytest.raises(OSError, match="0"):
            hold(locks, "a", Key(1))
    assert len(locks) == 1
    assert not locks._stuck
    Key.broken = False
    owner.finish()


def test_a_key_that_cannot_be_put_in_leaves_nothing(locks: Locks) -> None:
    """It could be looked for, and at the second look no more."""

    class Late(Key):
        looks = 0

        __hash__ = Key.__hash__

        def __eq__(self, other: object) -> bool:
            self.looks += 1
            if self.looks > 1:
                raise OSError(self.looks)
            return super().__eq__(other)

    owner = owner_of(locks, Key(0))
    for _ in range(3):
        with pytest.raises(OSError, match=r"\d"):
            hold(locks, Late(1))
    assert len(locks) == 1
    assert not locks._stuck
    owner.finish()


def test_a_hold_that_ends_together_with_a_bad_one_leaves_nothing(name: str) -> None:
    """Tasks' holds may end several at once, as when the collector has dropped some."""
    locks: AsyncKeyedLocks[object] = AsyncKeyedLocks(name)

    async def run() -> None:
        async with locks.hold(Key(0)):
            bad, good = locks.hold(Key(1)), locks.hold("good")
            await bad.__aenter__()
            await good.__aenter__()
            break_keys()
            locks._leaving.append(bad)  # type: ignore[arg-type]
            with pytest.raises(OSError, match="0"):
                await good.__aexit__(None, None, None)
            assert "good" not in locks
            assert users(locks) == 1
            Key.broken = False

    asyncio.run(run())
    assert len(locks) == 0


def test_an_interrupt_is_not_lost_behind_an_error(locks: Locks) -> None:
    """It comes out in the error's place."""

    class Interrupting(Key):
        __hash__ = Key.__hash__

        def __eq__(self, other: object) -> bool:
            if self.broken:
                raise Interrupt
            return super().__eq__(other)

    owner = owner_of(locks, Key(0))
    with pytest.raises(Interrupt):
        hold(locks, Key(1), Interrupting(2), then=break_keys)
    Key.broken = False
    hold(locks, "another")
    assert len(locks) == 1
    owner.finish()


class Changing(Key):
    """Its hash may change."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.hash = number

    def __hash__(self) -> int:
        return self.hash

    __eq__ = Key.__eq__


def test_a_key_whose_hash_has_changed_is_given_back(locks: Locks) -> None:
    """Its entry is found without it, and those of others stay as they are."""
    owner = owner_of(locks, Changing(7), "other")
    keys = [Changing(number) for number in range(3)]

    def change() -> None:
        keys[1].hash = 55
        keys[2].hash = 56

    hold(locks, *keys, then=change)
    assert len(locks) == 2
    assert not locks._stuck
    assert not is_free(locks, Changing(7))
    owner.finish()


def test_a_key_whose_hash_changes_stays_for_its_other_users(locks: Locks) -> None:
    """The last of them takes it out."""
    key = Changing(1)
    owner = owner_of(locks, key)
    waiter = Owner(locks, key)
    eventually(lambda: locks.stats().hits == 1)
    key.hash = 2
    owner.finish()
    assert waiter.held.wait(10)
    assert len(locks) == 1
    waiter.finish()


def test_no_entry_that_is_in_use_is_lost_for_one_that_is_not(locks: Locks) -> None:
    """As where two keys have become equal: it stays until that can be done."""
    held, going = Changing(1), Changing(2)
    twin = Changing(3)
    owner, other = owner_of(locks, held), owner_of(locks, twin)

    def become_equal() -> None:
        going.hash = 9
        twin.hash = twin.number = 1

    hold(locks, going, then=become_equal)
    assert len(locks) == 3
    assert users(locks) == 2
    twin.hash = twin.number = 3
    hold(locks, "another")
    assert len(locks) == 2
    owner.finish()
    other.finish()


def test_a_finalizer_that_takes_a_key_in_the_middle_loses_nothing(name: str) -> None:
    """As the collector may have it: the entry that it puts in meanwhile is there."""
    locks: KeyedLocks[object] = KeyedLocks(name)
    inner = locks.hold("new")

    class Entering(Changing):
        """Enters a hold where its hash is asked for."""

        armed = False

        def __hash__(self) -> int:
            if self.armed:
                self.armed = False
                inner.__enter__()
            return super().__hash__()

        __eq__ = Key.__eq__

    trap, key = Entering(1), Changing(2)
    with locks.hold(trap):
        with locks.hold(key):
            key.hash = 77
            trap.armed = True
        assert "new" in locks
        inner.__exit__(None, None, None)
        assert len(locks) == 1
    assert len(locks) == 0
