"""Reading a capture file: what is whole becomes a capture, what is not becomes a sentence."""

from typing import Any

import pytest

from floodmark_sidecar.culprits import Capture, Container, Owner, parse_capture

WHOLE: dict[str, Any] = {
    "floodmark_capture": 1,
    "service": "web",
    "pid": 77,
    "t": 1_700_000_000.5,
    "python": "3.11.7",
    "how": "fork",
    "seconds": 0.4,
    "objects": 120_000,
    "complete": True,
    "notes": [],
    "containers": [
        {
            "id": 140_000_000_000_000,
            "kind": "dict",
            "entries": 30_412,
            "bytes": 1_310_800,
            "entry_bytes": 188.5,
            "path": "app.scheduler.Scheduler.move_locks",
            "name": "move_locks",
            "owner": {
                "module": "app.scheduler",
                "file": "/srv/app/scheduler.py",
                "qualname": "Scheduler",
                "attribute": "move_locks",
            },
            "chain": "app.main.PIPELINE.scheduler.move_locks",
            "shape": "task-#",
        },
        {
            "id": 2,
            "kind": "list",
            "entries": 32,
            "bytes": 312,
            "entry_bytes": None,
            "path": None,
            "name": None,
            "owner": None,
            "chain": None,
            "shape": None,
        },
    ],
}


def with_container(**fields: Any) -> dict[str, Any]:
    return WHOLE | {"containers": [WHOLE["containers"][0] | fields]}


def test_whole_capture() -> None:
    """Every field of a container arrives, null as None."""
    assert parse_capture(WHOLE, worker="web-0", life=3) == Capture(
        worker="web-0",
        life=3,
        t=1_700_000_000.5,
        complete=True,
        containers=(
            Container(
                id=140_000_000_000_000,
                kind="dict",
                entries=30_412,
                bytes=1_310_800,
                entry_bytes=188.5,
                path="app.scheduler.Scheduler.move_locks",
                name="move_locks",
                owner=Owner("app.scheduler", "/srv/app/scheduler.py", "Scheduler", "move_locks"),
                chain="app.main.PIPELINE.scheduler.move_locks",
                shape="task-#",
            ),
            Container(2, "list", 32, 312, None, None, None, None, None, None),
        ),
    )


@pytest.mark.parametrize(
    ("obj", "sentence"),
    [
        ({}, "not a capture of format 1: floodmark_capture is None"),
        (WHOLE | {"floodmark_capture": 2}, "not a capture of format 1: floodmark_capture is 2"),
        (WHOLE | {"containers": None}, "containers of a capture must be a list (got NoneType)"),
        (WHOLE | {"containers": ["x"]}, "container 0 must be an object (got str)"),
        (WHOLE | {"t": None}, "t of the capture must be a number >= 0 (got None)"),
        (WHOLE | {"t": float("nan")}, "t of the capture must be a number >= 0 (got nan)"),
        (WHOLE | {"t": float("inf")}, "t of the capture must be a number >= 0 (got inf)"),
        (with_container(entries=-1), "entries of container 0 must be a whole number >= 0 (got -1)"),
        (with_container(entries=1.5), "entries of container 0 must be a whole number >= 0 (got 1.5)"),
        (with_container(entries=True), "entries of container 0 must be a whole number >= 0 (got True)"),
        (with_container(bytes="x"), "bytes of container 0 must be a whole number >= 0 (got 'x')"),
        (with_container(bytes=10**400), "bytes of container 0 must be a whole number >= 0 (got 1000"),
        (with_container(id=None), "id of container 0 must be a whole number >= 0 (got None)"),
        (with_container(entry_bytes=[]), "entry_bytes of container 0 must be a number >= 0 (got [])"),
        (with_container(name=7), "name of container 0 must be a text (got int)"),
        (with_container(owner="x"), "the owner of container 0 must be an object (got str)"),
    ],
)
def test_nonsense(obj: dict[str, Any], sentence: str) -> None:
    """What cannot be read is said with the value in it."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence is compared below, brackets and all
        parse_capture(obj, worker="web-0", life=1)

    assert str(caught.value).startswith(sentence)
    assert len(str(caught.value)) < 200


def test_texts_of_the_service_become_one_bearable_line() -> None:
    """Names and key shapes come from foreign code: control characters and endless names do not get through."""
    capture = parse_capture(with_container(name="a\n\x1b[31mb", shape="x" * 10_000), worker="web-0", life=1)

    (container,) = capture.containers
    assert container.name == "a [31mb"
    assert container.shape is not None
    assert len(container.shape) == 400


def test_unknown_keys_are_ignored() -> None:
    """A capture of a later agent with more in it can still be read."""
    obj = with_container(types=["x"]) | {"later": 1}

    assert len(parse_capture(obj, worker="web-0", life=1).containers) == 1
