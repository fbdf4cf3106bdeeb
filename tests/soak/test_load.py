"""What a load's numbers are judged to be."""

import pytest

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._load import LoadError, LoadResult


def result(requests: int, failures: int, *, budget: float = 0.01, error: str = "") -> LoadResult:
    return LoadResult(
        requests=requests, failures=failures, failure_budget=budget, seconds=10, users=2, error=error, notes=()
    )


@pytest.mark.parametrize(("requests", "failures", "budget"), [(100, 0, 0), (100, 1, 0.01), (10, 10, 1)])
def test_failures_within_the_budget_are_no_failure(requests: int, failures: int, budget: float) -> None:
    """The budget itself is still within it."""
    result(requests, failures, budget=budget).check()


def test_failures_over_the_budget_are_told_with_their_most_common_error() -> None:
    """Numbers, ratio, budget and reason in one sentence."""
    with pytest.raises(LoadError) as caught:
        result(200, 3, error="GET /: 500").check()

    assert caught.value.exit_code is ExitCode.LOAD_FAILED
    assert "3 of 200 requests (1.5%) failed, and the budget is 1.0%; most often: GET /: 500" in caught.value.message


def test_no_request_at_all_is_a_failed_load() -> None:
    """Memory of a service that nobody asked anything proves nothing."""
    with pytest.raises(LoadError, match="locust counted no request in 10 s"):
        result(0, 0).check()


def test_the_result_goes_into_the_files_with_its_rates() -> None:
    """Base units, and None where there is nothing to divide by."""
    assert result(200, 3).as_dict()["failure_ratio"] == pytest.approx(0.015)
    assert result(200, 3).as_dict()["requests_per_second"] == 20
    assert result(0, 0).as_dict()["failure_ratio"] is None
