"""Key shapes tell the pattern and no value."""

import uuid

import pytest

from floodmark_sidecar.agent import _shapes


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ([f"/in/{uuid.UUID(int=number)}.jpg" for number in range(32)], "/in/#.jpg"),
        ([f"/in/cam{number % 7}/{number}.jpg" for number in range(32)], "/in/cam#/#.jpg"),
        ([f"sess:{number * 7919:08x}" for number in range(32)], "sess:#"),
        (["anna@example.com", "bert@example.com"], "#@example.com"),
        (["anna", "bert"], "#"),
        ([1, 2, 3], "<int>"),
        ([("a", 1), ("b", 2)], "<tuple>"),
        (["a/b", "c", "d-e-f"], None),
        ([], None),
    ],
)
def test_shape(keys: list[object], shape: str | None) -> None:
    """Words that differ between keys, digits, hashes and uuids become #; what all keys share stays."""
    assert _shapes.shape(keys) == shape


def test_the_majority_decides() -> None:
    """A few odd keys do not hide the pattern of the rest."""
    assert _shapes.shape([*(f"/in/{number}" for number in range(9)), "default"]) == "/in/#"


def test_a_long_shape_is_cut() -> None:
    """A shape is a hint, not a document."""
    shape = _shapes.shape(["a/" * 300])
    assert shape is not None
    assert len(shape) <= 80
    assert shape.endswith("…")


def test_a_key_that_answers_nothing() -> None:
    """A key's own methods are never called."""

    class Hostile(str):
        __slots__ = ()

        def __getitem__(self, _: object) -> str:
            raise AssertionError

        __eq__ = __hash__ = __len__ = __repr__ = __str__ = __getitem__  # type: ignore[assignment]

    assert _shapes.shape([Hostile("secret"), Hostile("other")]) == (
        "<test_a_key_that_answers_nothing.<locals>.Hostile>"
    )
