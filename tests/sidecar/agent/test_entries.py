"""The sample of a container's entries. Given containers directly, it needs no fork."""

from collections import OrderedDict
from typing import Any

import pytest

from floodmark_sidecar.agent import _entries
from floodmark_sidecar.agent._census import Container


def tokens(*values: Any) -> list[list[int] | None]:
    bases: dict[type, type] = {dict: dict, OrderedDict: dict, set: set, list: list}
    containers = [Container(value, bases[type(value)], len(value), 0) for value in values]
    found = _entries.tokens(containers, pause=lambda: None)
    return [found.get(id(value)) for value in values]


def sample(value: Any) -> list[int]:
    (found,) = tokens(value)
    assert found is not None
    return found


def test_the_same_entries_have_the_same_tokens() -> None:
    """Whatever order they came in, and although a key was made anew."""
    first = {f"/in/{number}.jpg": 0.0 for number in range(50)}
    again = OrderedDict((f"/in/{number}.jpg", None) for number in reversed(range(50)))
    assert sample(first) == sample(again) == sorted(sample(set(first)))
    assert len(sample(first)) == 50


@pytest.mark.parametrize(
    "make",
    [str, float, lambda n: bytes([n]), lambda n: (n, "a"), lambda _: object()],
    ids=["str", "float", "bytes", "tuple", "object"],
)
def test_a_sample_is_a_part_that_can_be_found_again(make: Any) -> None:
    """Of those up to the highest token that is listed, every one is still listed when others have come and gone."""
    keys = [make(number) for number in range(250)]
    before, after = sample(set(keys[:150])), sample(set(keys[50:]))
    assert len(before) == len(after) == _entries.TOKENS
    limit = min(before[-1], after[-1])
    stayed = {each for each in sample(set(keys[50:150])) if each <= limit}
    assert stayed
    assert stayed == set(before) & set(after)


def test_a_token_tells_nothing_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is of this process: with another secret, every one is another."""
    cards = {4929_0000_0000 + number: "paid" for number in range(50)}
    told = sample(cards)
    assert not set(told) & {hash(card) for card in cards}
    monkeypatch.setattr(_entries, "_SECRET", _entries._SECRET + 1)
    assert not set(told) & set(sample(cards))


def test_no_code_of_the_service_runs() -> None:
    """Neither a key's own hash nor its comparison, nor those of a part of a tuple, is asked again."""
    asked: list[str] = []

    class Key:
        def __hash__(self) -> int:
            asked.append("hash")
            return 1

        def __eq__(self, other: object) -> bool:
            asked.append("eq")
            return self is other

    held = {key: 1 for number in range(40) for key in (Key(), (Key(), number))}
    asked.clear()
    assert len(sample(held)) == 80
    assert asked == []


def test_lists_have_no_sample() -> None:
    """An element may be in a list twice, and then is no entry of its own."""
    assert tokens([*range(50)]) == [None]


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many containers, and only so many entries of them all."""
    monkeypatch.setattr(_entries, "MOST_CONTAINERS", 2)
    monkeypatch.setattr(_entries, "MOST_ENTRIES", 100)
    assert [found is not None for found in tokens(set(range(50)), set(range(51)), set(range(50)))] == [
        True,
        False,
        False,
    ]
    assert [found is not None for found in tokens(set(range(50)), set(range(50)), set(range(9)))] == [True, True, False]
