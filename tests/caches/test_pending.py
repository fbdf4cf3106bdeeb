"""PendingSet: who is at work on what."""

import logging

import pytest

from floodmark_caches import CachesError, Claim, PendingFull, PendingSet
from tests.caches.conftest import Clock

pytestmark = pytest.mark.usefixtures("alone")

Lost = list[tuple[str, float]]


def test_one_claim_for_a_key(name: str) -> None:
    """The second is None in a `with`, false elsewhere, and counted."""
    pending = PendingSet[str](name, maxsize=10, ttl=5)
    with pending.claim("a") as mine:
        assert mine is not None
        assert "a" in pending
        with pending.claim("a") as theirs:
            assert theirs is None
        assert "a" in pending
        assert not pending.claim("a")
    assert "a" not in pending
    assert (pending.duplicates, len(pending)) == (2, 0)


def test_a_claim_is_released_when_its_work_fails(name: str) -> None:
    """The error goes on; the key is free."""
    pending = PendingSet[str](name, maxsize=10, ttl=5)
    with pytest.raises(ZeroDivisionError), pending.claim("a"):
        raise ZeroDivisionError
    assert pending.claim("a")


def test_a_claim_without_a_with(name: str) -> None:
    """It stays until it is released, once, by itself or by its token."""
    pending = PendingSet[str](name, maxsize=10, ttl=5)
    claim = pending.claim("a")
    other = pending.claim("b")
    assert claim
    assert (claim.key, other.key) == ("a", "b")
    assert claim.release()
    assert not claim.release()
    assert other.token is not None
    assert pending.release("b", other.token)
    assert len(pending) == 0


def test_only_its_token_ends_a_claim(name: str, clock: Clock) -> None:
    """A worker that was given up for lost and comes back does not clear the flag of its successor."""
    pending = PendingSet[str](name, maxsize=10, ttl=5, timer=clock)
    late = pending.claim("a")
    clock.tick(5)
    successor = pending.claim("a")
    assert successor
    assert not late.release()
    assert "a" in pending
    refused = pending.claim("a")
    assert not refused.release()
    assert "a" in pending
    assert successor.release()


def test_an_expired_claim_is_an_event(name: str, clock: Clock) -> None:
    """Told with the key and its age, whoever notices; counted."""
    lost: Lost = []
    pending = PendingSet[str](name, maxsize=2, ttl=5, timer=clock, on_expire=lambda key, age: lost.append((key, age)))
    pending.claim("a")
    clock.tick(7)
    assert pending.claim("a")
    assert lost == [("a", 7.0)]
    pending.claim("b")
    clock.tick(6)
    assert len(pending) == 0
    assert lost[1:] == [("a", 6.0), ("b", 6.0)]
    late = pending.claim("c")
    clock.tick(5)
    assert not late.release()
    assert lost[3:] == [("c", 5.0)]
    assert pending.expired == pending.stats().removals["expired"] == 4


def test_claims_that_expire_together_are_one_line(name: str, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A storm of lost workers does not flood the log, and no key is in it: it may be secret."""
    pending = PendingSet[str](name, maxsize=100, ttl=5, timer=clock)
    for number in range(100):
        pending.claim(f"secret-{number}")
    clock.tick(6)
    with caplog.at_level("INFO", "floodmark.caches"):
        assert len(pending) == 0
    assert [record.message for record in caplog.records] == [
        f"pending set '{name}': claims expired: 100, the oldest after 6.0 s; their workers seem lost"
    ]


def test_a_renewed_claim_lives_for_a_whole_ttl_again(name: str, clock: Clock) -> None:
    """Its age counts from there."""
    lost: list[tuple[str, float]] = []
    pending = PendingSet[str](name, maxsize=10, ttl=5, timer=clock, on_expire=lambda key, age: lost.append((key, age)))
    claim = pending.claim("a")
    clock.tick(4)
    assert claim.renew()
    clock.tick(4)
    assert "a" in pending
    clock.tick(1)
    assert "a" not in pending
    assert not claim.renew()
    assert len(pending) == 0
    assert lost == [("a", 5)]


def test_work_that_waited_too_long_is_left_to_the_next_owner(name: str, clock: Clock) -> None:
    """Of the two that wait in a queue when the first claim has expired, one may begin."""
    queue: list[Claim[str]] = []

    def schedule(key: str) -> None:
        claim = pending.claim(key)
        if claim:
            queue.append(claim)

    pending = PendingSet[str](name, maxsize=10, ttl=5, timer=clock, on_expire=lambda key, age: schedule(key))
    schedule("a")
    schedule("a")
    clock.tick(5)
    assert len(pending) == 1
    assert [claim.renew() for claim in queue] == [False, True]
    assert not pending.claim("a").renew()


def test_a_claim_tells_its_set_and_not_its_key(name: str) -> None:
    """What is logged by accident must not be the path of a customer."""
    pending = PendingSet[str](name, maxsize=10, ttl=5)
    assert repr(pending.claim("secret")) == f"Claim('{name}', granted=True)"
    assert repr(pending.claim("secret")) == f"Claim('{name}', granted=False)"


def test_a_release_in_time_is_no_event(name: str, clock: Clock) -> None:
    """Only expiry is."""
    lost: Lost = []
    pending = PendingSet[str](name, maxsize=2, ttl=5, timer=clock, on_expire=lambda key, age: lost.append((key, age)))
    with pending.claim("a"):
        clock.tick(4.9)
    clock.tick(10)
    assert len(pending) == 0
    assert lost == []


def test_an_event_that_fails_breaks_nothing(name: str, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the new claim stands."""

    def fail(key: str, age: float) -> None:
        msg = f"cannot tell {key}"
        raise OSError(msg)

    pending = PendingSet[str](name, maxsize=2, ttl=5, timer=clock, on_expire=fail)
    pending.claim("a")
    clock.tick(5)
    with caplog.at_level(logging.ERROR, "floodmark.caches"):
        assert pending.claim("a")
    assert "cannot tell a" in caplog.text


def test_at_the_bound_expired_claims_go_and_live_ones_never(name: str, clock: Clock) -> None:
    """Full of live claims is an error with the bound in it; nothing has changed by it."""
    lost: Lost = []
    pending = PendingSet[str](name, maxsize=2, ttl=5, timer=clock, on_expire=lambda key, age: lost.append((key, age)))
    pending.claim("a")
    clock.tick(3)
    pending.claim("b")
    with pytest.raises(PendingFull, match=f"{name}.* 2 live") as caught:
        pending.claim("c")
    assert isinstance(caught.value, CachesError)
    assert (caught.value.name, caught.value.maxsize) == (name, 2)
    assert caught.value.hint
    assert not pending.claim("a")
    assert sorted(pending) == ["a", "b"]
    clock.tick(2)
    assert pending.claim("c")
    assert sorted(pending) == ["b", "c"]
    assert lost == [("a", 5.0)]
    assert pending.stats().removals["size"] == 0


def test_an_expired_key_can_be_claimed_anew_in_a_full_set(name: str, clock: Clock) -> None:
    """Its own place is free for it."""
    pending = PendingSet[str](name, maxsize=1, ttl=5, timer=clock)
    pending.claim("a")
    clock.tick(5)
    assert pending.claim("a")


@pytest.mark.parametrize("ttl", [None, 0, float("nan")])
def test_claims_must_expire(name: str, ttl: float) -> None:
    """Without a ttl a lost worker would hold its key for ever."""
    with pytest.raises((ValueError, TypeError), match=f"ttl .*{ttl!r}"):
        PendingSet(name, maxsize=1, ttl=ttl)
