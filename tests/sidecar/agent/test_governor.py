"""The agent backs off when it costs too much."""

from floodmark_sidecar.agent._governor import SLOWEST, Governor


def spend(governor: Governor, seconds: float, every: float, times: int) -> float:
    for _ in range(times):
        governor.spent(seconds, every)
    return governor.interval(every)


def test_within_the_budget_nothing_changes() -> None:
    """Half a per cent of a processor is allowed."""
    assert spend(Governor(), 0.004, 1.0, 40) == 1.0


def test_over_the_budget_readings_become_rarer_until_they_fit() -> None:
    """20 ms a second is four times too much: every four seconds is often enough."""
    assert spend(Governor(), 0.020, 1.0, 40) == 4.0


def test_one_dear_reading_alone_does_not_count() -> None:
    """The first reading pays for imports; the mean of several decides."""
    governor = Governor()
    governor.spent(0.010, 1.0)
    assert spend(governor, 0.001, 1.0, 3) == 1.0


def test_it_comes_back() -> None:
    """When readings have become cheap, they become frequent again."""
    governor = Governor()
    assert spend(governor, 0.020, 1.0, 8) == 4.0
    assert spend(governor, 0.0001, 1.0, 40) == 1.0


def test_never_rarer_than_the_slowest() -> None:
    """Even a very dear agent says something now and then, and a slow request is honoured."""
    assert spend(Governor(), 100.0, 1.0, 400) <= SLOWEST
    assert Governor().interval(3600.0) == 3600.0
