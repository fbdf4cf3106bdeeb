"""A trace made ready to judge: what its workers have together, at the instants that count."""

from floodmark_sidecar.judge import Trace
from floodmark_sidecar.judge._frame import Frame


def frame_of(*rows: tuple[float, str, float | None, int]) -> Frame:
    """A frame of (t, worker, threads, masked); worker a has 10 bytes, worker b 20."""
    return Frame(
        Trace.from_rows(
            {"t": t, "worker": worker, "uss_bytes": 10 if worker == "a" else 20, "threads": threads, "masked": masked}
            for t, worker, threads, masked in rows
        )
    )


THREE = frame_of(
    (0, "a", 5, 0),
    (0, "b", 2, 0),
    (1, "a", None, 0),
    (1, "b", 3, 0),
    (2, "a", 9, 1),
    (2, "b", 9, 0),
    (3, "b", 4, 0),
)


def test_an_instant_counts_where_no_worker_is_masked() -> None:
    """One worker's mask is all workers', and the instant it masks is told."""
    assert THREE.t.tolist() == [0, 1, 3]
    assert (THREE.coverage().readings, THREE.coverage().masked) == (3, 1)


def test_workers_are_summed_and_compared_at_each_instant() -> None:
    """What was not measured adds nothing, and is never the largest."""
    threads = THREE.column("threads")

    assert THREE.present(threads).tolist() == [7, 3, 4]
    assert THREE.highest(threads).tolist() == [5, 3, 4]


def test_joined_memory_is_that_of_every_slot_together() -> None:
    """Asked for slot by slot, it is each one's own, held where a worker was not read."""
    together, first, second = (THREE.joined(THREE.memory, slot=slot) for slot in (None, 0, 1))

    assert first is not None
    assert second is not None
    assert together is not None
    assert (first.tolist(), second.tolist(), together.tolist()) == ([10] * 3, [20] * 3, [30] * 3)
