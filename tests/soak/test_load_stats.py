"""Reading locust's files: the history while it grows, requests by time, and the most common error."""

from pathlib import Path

import pytest

from floodmark_soak._load_stats import History, RequestCounter, Sample, most_common_error

HEADER = "Timestamp,User Count,Type,Name,Requests/s,Total Request Count,Total Failure Count\n"


def history_file(folder: Path) -> Path:
    return folder / "locust_stats_history.csv"


def test_a_history_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    """Before locust writes there is nothing, and that is no error."""
    assert History(tmp_path).refresh() is None


def test_a_history_is_read_on_from_where_the_last_look_ended(tmp_path: Path) -> None:
    """Each look takes the whole lines that are new; a half written line waits for its end."""
    history = History(tmp_path)
    file = history_file(tmp_path)
    file.write_text(HEADER + '10,2,,Aggregated,1.0,5,1\n10,2,GET,"/a, b",1.0,5,1\n11,2,,Aggre')

    assert history.refresh() == Sample(10, 2, 5, 1)

    with file.open("a") as more:
        more.write("gated,1.0,9,1\n")

    assert history.refresh() == Sample(11, 2, 9, 1)
    assert history.samples == [Sample(10, 2, 5, 1), Sample(11, 2, 9, 1)]


def test_lines_that_make_no_sense_are_passed_over(tmp_path: Path) -> None:
    """A cut line or a cell that is no number does not end a run of a day."""
    history_file(tmp_path).write_text(HEADER + "10,x,,Aggregated,1.0,5,1\n10,2\n\n11,2,,Aggregated,1.0,7,0\n")

    assert History(tmp_path).refresh() == Sample(11, 2, 7, 0)


@pytest.mark.parametrize(("t", "expected"), [(9, 0), (10, 0), (12, 50), (14, 100), (15, 150), (16, 200), (99, 200)])
def test_requests_between_two_samples_are_counted_in_proportion(t: float, expected: int) -> None:
    """Nothing before the load, the last count after it, a straight line between."""
    counter = RequestCounter([Sample(10, 1, 0, 0), Sample(14, 1, 100, 0), Sample(16, 1, 200, 0)])

    assert counter.at(t) == expected
    assert counter.total == 200


def test_a_count_that_begins_again_goes_on_rising() -> None:
    """A locustfile that resets the statistics does not make requests undone."""
    counter = RequestCounter([Sample(1, 1, 100, 0), Sample(2, 1, 10, 0), Sample(3, 1, 30, 0)])

    assert [counter.at(t) for t in (1, 2, 3)] == [100, 110, 130]


def test_several_samples_of_one_second_are_one(tmp_path: Path) -> None:
    """Locust's times are whole seconds; the last sample of a second is the one that counts."""
    counter = RequestCounter([Sample(1, 1, 10, 0), Sample(1, 1, 20, 0), Sample(2, 1, 40, 0)])

    assert [counter.at(t) for t in (1, 1.5, 2)] == [20, 30, 40]


def test_without_a_history_nothing_is_counted() -> None:
    """Not measured is not zero."""
    assert RequestCounter([]).at(5) is None


def test_the_most_common_error_is_told(tmp_path: Path) -> None:
    """The one with the most occurrences, with the request it belongs to."""
    (tmp_path / "locust_failures.csv").write_text(
        "Method,Name,Error,Occurrences,First Seen,Last Seen\nGET,/a,rare,2,x,y\nPOST,/b,often,11,x,y\n"
    )

    assert most_common_error(tmp_path) == "POST /b: often"


def test_an_exception_of_the_locustfile_is_told_where_no_request_failed(tmp_path: Path) -> None:
    """A task that raises before its request is the reason for no request at all."""
    (tmp_path / "locust_exceptions.csv").write_text("Count,Message,Traceback,Nodes\n3,no attribute 'clint',tb,local\n")

    assert most_common_error(tmp_path) == "the locustfile raised no attribute 'clint'"


def test_without_errors_there_is_none_to_tell(tmp_path: Path) -> None:
    """Empty files and no files are both fine."""
    (tmp_path / "locust_failures.csv").write_text("Method,Name,Error,Occurrences,First Seen,Last Seen\n")

    assert most_common_error(tmp_path) == ""
