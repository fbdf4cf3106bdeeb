"""The guide's examples run as they are printed."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cachetools
import pytest

from floodmark_caches import registry

GUIDE = Path(__file__).parents[2] / "caches" / "README.md"


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Every name that the guide's Python blocks define, after all of them ran in order."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {
        "cachetools": cachetools,
        "threading": threading,
        "infer": lambda path: f"inferred {path}",
        "load": lambda user: f"profile of {user}",
        "retry": lambda path: None,
        "speak": lambda text: f"{text}.wav",
    }
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)  # noqa: S102 - our own page
    yield names
    names["background"].close()
    names["tasks"].close()
    registry.unwatch("routes")
    registry.unwatch("speech_slots")


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is beside the sources only")
def test_the_examples_of_the_guide_do_what_it_says(guide: dict[str, Any], tmp_path: Path) -> None:
    """Every function of the page, called once."""
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    guide["move"]("7", tmp_path / "a.jpg", tmp_path / "moved.jpg")
    guide["on_event"]("/in/1.jpg")
    guide["schedule"]("/in/1.jpg")
    task = guide["tasks"].start("move")
    guide["schedule_move"](tmp_path / "b.jpg", tmp_path / "c.jpg", guide["pending"].claim("/in/2.jpg"), task)
    guide["background"].close()
    record = guide["synthesize"]("hello", "request 1")

    assert (tmp_path / "moved.jpg").exists()
    assert (tmp_path / "c.jpg").exists()
    assert guide["synthesize"]("hello", "request 1").id == record.id
    assert guide["profile"]("ann") == "profile of ann"
    assert (len(guide["move_locks"]), len(guide["pending"]), guide["background"].completed) == (0, 0, 2)
    counts = guide["tasks"].counts()
    assert (counts.started, counts.completed, counts.active) == (2, 2, 0)
    shown = {stats.name: (stats.entries, stats.maxsize) for stats in registry.stats()}
    assert shown["speech_slots"] == (0, 8)
    assert shown["templates"] == (0, 500)
    assert shown["routes"] == (0, None)
