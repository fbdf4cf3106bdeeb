"""What trims come to, in a sentence."""

from typing import Any

import pytest

from floodmark_sidecar.trims import Trim, parse_trim, said

MB = 1 << 20


def trim(before: float, after: float, *, worker: str = "web-0", free: float = 0, t: float = 0.0) -> Trim:
    return Trim(worker, 1, t, int(before * MB), int(after * MB), None, int(free * MB))


def test_nothing_is_said_of_no_trim() -> None:
    """A service that nobody asked has no such sentence."""
    assert said([]) == []


def test_what_came_back_was_no_leak() -> None:
    """It is held against what was held, over all workers."""
    one = trim(100, 60)
    text = "a trim gave back 40.0 MiB of the 100 MiB that web-0 held: free memory that the allocator had kept, which is no leak"
    assert said([one]) == [text]
    (both,) = said([one, trim(100, 80, worker="web-1")])
    assert both.startswith("a trim gave back 60.0 MiB of the 200 MiB that 2 workers held: ")


def test_it_is_held_against_a_climb() -> None:
    """More than the climb, and that may be the allocator's; less, and it is not."""
    assert said([trim(100, 60)], grown=30 * MB)[0].endswith(
        "it is more than the 30.0 MiB that memory grew by, so that the climb may be the allocator's"
    )
    assert said([trim(100, 60)], grown=50 * MB)[0].endswith("it is less than the 50.0 MiB that memory grew by")


def test_next_to_nothing() -> None:
    """What is left is in use or lies between what is; much of the second kind has its size."""
    (text,) = said([trim(100, 99)])
    assert text == (
        "a trim gave back next to nothing, 1.0 MiB of the 100 MiB that web-0 held: "
        "the rest is in use, or lies between blocks that are"
    )
    assert said([trim(100, 101, free=30)])[0].endswith("(30.0 MiB of it is free for what is asked for next)")


def test_the_newest_of_a_worker_counts() -> None:
    """A second one finds what has become free since the first."""
    assert "10.0 MiB of the 90.0 MiB" in said([trim(90, 80, t=2.0), trim(100, 60, t=1.0)])[0]


def content(**changes: Any) -> dict[str, Any]:
    before, after = {"uss_bytes": 100, "heap_free_bytes": 50}, {"uss_bytes": 60, "heap_free_bytes": None}
    return {"floodmark_capture": 1, "kind": "trim", "t": 5.0, "before": before, "after": after, **changes}


def test_a_file_is_read() -> None:
    """With what malloc says is free, where it says so."""
    found = parse_trim(content(), worker="web-0", life=2)
    assert found == Trim("web-0", 2, 5.0, 100, 60, 50, None)
    assert found.as_dict() == {
        "worker": "web-0",
        "life": 2,
        "t": 5.0,
        "before_bytes": 100,
        "after_bytes": 60,
        "returned_bytes": 40,
        "free_before_bytes": 50,
        "free_after_bytes": None,
    }


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": "census"}, "its kind is 'census'"),
        ({"floodmark_capture": 2}, "not a trim of format 1"),
        ({"t": "now"}, "t of the trim must be a time (got 'now')"),
        ({"t": float("nan")}, "got nan"),
        ({"before": None}, "does not say what was held"),
        ({"after": {"uss_bytes": -1}}, "uss_bytes after the trim must be a number of bytes (got -1)"),
        ({"after": {"uss_bytes": True}}, "got True"),
        ({"before": {"uss_bytes": 1, "heap_free_bytes": 0.5}}, "heap_free_bytes before the trim must be"),
    ],
)
def test_other_files_are_refused(changes: dict[str, Any], why: str) -> None:
    """With what is wrong in them."""
    with pytest.raises(ValueError, match="trim") as caught:
        parse_trim(content(**changes), worker="web-0", life=1)
    assert why in str(caught.value)
