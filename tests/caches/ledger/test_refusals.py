"""What a ledger refuses, with the value in its words."""

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

from floodmark_caches import registry
from floodmark_caches.ledger import TaskLedger, TaskState
from tests.caches.conftest import fresh_name
from tests.caches.ledger.conftest import Make, state


def nested(depth: int) -> list[object]:
    """A list in a list, and so on."""
    outer: list[object] = []
    for _ in range(depth):
        outer = [outer]
    return outer


@pytest.mark.parametrize(
    ("result", "error", "said"),
    [
        (nested(100_000), ValueError, "nested too deep"),
        ("x" * 5000, ValueError, "5002"),
        (object(), TypeError, "object"),
        (float("nan"), ValueError, "nan"),
    ],
)
def test_a_result_that_cannot_be_kept_is_refused(
    ledger: TaskLedger, result: object, error: type[Exception], said: str
) -> None:
    """With the reason, and the task stays active."""
    task = ledger.start("speech")
    with pytest.raises(error, match=said):
        task.complete(result)
    assert state(ledger, task.id) is TaskState.ACTIVE


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (
            {"state": "nonsense"},
            ValueError,
            r"state must be one of active, completed, failed, timed_out \(got 'nonsense'\)",
        ),
        ({"state": 3}, ValueError, r"state must be one of .* \(got 3\)"),
        ({"kind": b"x"}, TypeError, r"kind must be a str \(got b'x'\)"),
        ({"limit": 0}, ValueError, r"limit must be >= 1 \(got 0\)"),
        ({"limit": 2**70}, ValueError, rf"limit must be <= {sys.maxsize} \(got an int of 71 bits\)"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    ledger: TaskLedger, options: dict[str, object], error: type[Exception], said: str
) -> None:
    """With its value."""
    ledger.start("speech")
    with pytest.raises(error, match=said):
        ledger.tasks(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"timeout": 0}, ValueError, "timeout must be > 0 seconds \\(got 0\\)"),
        ({"timeout": float("nan")}, ValueError, "timeout must be finite \\(got nan\\)"),
        ({"keep": -1}, ValueError, "keep must be > 0 seconds \\(got -1\\)"),
        ({"key_ttl": 0}, ValueError, "key_ttl must be > 0 seconds \\(got 0\\)"),
        ({"key_ttl": 4000}, ValueError, "key_ttl must be <= keep, 3600 s, .* \\(got 4000\\)"),
        ({"max_active": 0}, ValueError, "max_active must be >= 1 \\(got 0\\)"),
        ({"max_active": True}, TypeError, "max_active must be an int \\(got True\\)"),
        ({"max_finished": 1.5}, TypeError, "max_finished must be an int \\(got 1.5\\)"),
        ({"on_timeout": 3}, TypeError, "on_timeout must be callable \\(got 3\\)"),
        ({"warn_at": 2.0}, ValueError, "warn_at .* \\(got 2.0\\)"),
        ({"busy_timeout": 0}, ValueError, "busy_timeout must be > 0 seconds \\(got 0\\)"),
        ({"wall": 7}, TypeError, "wall must be callable \\(got 7\\)"),
        ({"wall": lambda: math.nan}, ValueError, "the time from wall must be finite \\(got nan\\)"),
        ({"wall": lambda: None}, TypeError, "the time from wall must be a number \\(got None\\)"),
        ({"timer": lambda: math.nan}, ValueError, "the time from timer must be finite \\(got nan\\)"),
    ],
)
def test_a_bad_setting_is_refused(make: Make, options: dict[str, object], error: type[Exception], said: str) -> None:
    """With its value, and nothing is made."""
    known = {stats.name for stats in registry.stats()}
    with pytest.raises(error, match=said):
        make(**options)
    assert {stats.name for stats in registry.stats()} <= known


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"kind": ""}, ValueError, "kind must be 1 to 500 printable characters \\(got ''\\)"),
        ({"kind": 3}, TypeError, "kind must be a str \\(got 3\\)"),
        ({"key": "a\nb"}, ValueError, "key must be .* \\(got 'a\\\\nb'\\)"),
        ({"key": "k" * 501}, ValueError, "key must be .* of 501 characters"),
        ({"timeout": -3}, ValueError, "timeout must be > 0 seconds \\(got -3\\)"),
    ],
)
def test_a_bad_start_is_refused(
    ledger: TaskLedger, options: dict[str, object], error: type[Exception], said: str
) -> None:
    """With its value, and nothing is started."""
    settings: dict[str, object] = {"kind": "speech", **options}
    with pytest.raises(error, match=said):
        ledger.start(**settings)  # type: ignore[arg-type]
    assert ledger.counts().started == 0


@pytest.mark.parametrize(
    ("task_id", "error", "said"),
    [
        ([1], TypeError, "task_id must be a str \\(got \\[1\\]\\)"),
        (None, TypeError, "task_id must be a str \\(got None\\)"),
        ("\ud800", ValueError, "task_id must be .* \\(got '\\\\ud800'\\)"),
    ],
)
def test_an_id_that_cannot_be_one_is_refused(
    ledger: TaskLedger, task_id: object, error: type[Exception], said: str
) -> None:
    """With its value, by every call that takes one."""
    each: Any = task_id
    calls: list[Callable[[], object]] = [
        lambda: ledger.get(each),
        lambda: ledger.task(each, "token"),
        lambda: ledger.complete(each, "token"),
        lambda: ledger.fail(each, "token", "error"),
        lambda: ledger.extend(each, "token", 5),
    ]
    for call in calls:
        with pytest.raises(error, match=said):
            call()
    assert ledger.counts().late == 0
    assert ledger.get("unknown") is None


def test_a_token_that_can_be_nobody_s_is_refused(ledger: TaskLedger) -> None:
    """By its type: its value may be a secret."""
    task, wrong = ledger.start("speech"), b"secret"
    calls: list[Callable[[Any], object]] = [
        lambda token: ledger.task(task.id, token),
        lambda token: ledger.complete(task.id, token),
        lambda token: ledger.fail(task.id, token, "error"),
        lambda token: ledger.extend(task.id, token, 5),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"token must be a str \(got a bytes\)"):
            call(wrong)
    assert state(ledger, task.id) is TaskState.ACTIVE


@pytest.mark.parametrize("error", [5, None, ValueError, b"bytes"])
def test_a_failure_is_an_exception_or_a_text(ledger: TaskLedger, error: Any) -> None:
    """Anything else is refused with its value, and the task stays active."""
    task = ledger.start("speech")
    with pytest.raises(TypeError, match=f"error must be an exception or a str .got {error!r}"):
        task.fail(error)
    assert state(ledger, task.id) is TaskState.ACTIVE


def test_a_name_is_used_once(make: Make, ledger: TaskLedger) -> None:
    """Among all live maps."""
    with pytest.raises(ValueError, match=f"already named '{ledger.name}'"):
        TaskLedger(ledger.name, timeout=1, keep=1)
    TaskLedger(fresh_name(), timeout=1, keep=1).close()
