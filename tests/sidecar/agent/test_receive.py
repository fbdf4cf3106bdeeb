"""The answer of a census's child, whenever it comes."""

import os
import time

import pytest

from floodmark_sidecar.agent import _fork


def test_an_answer_that_comes_as_the_child_ends_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a look at the pipe and the look at the process a child may answer and end."""
    reader, writer = os.pipe()
    looks: list[int] = []

    def answers_and_ends(pid: int) -> bool:
        if not looks:
            os.write(writer, _fork._LENGTH.pack(3) + b"+42")
        looks.append(pid)
        return False

    monkeypatch.setattr(_fork, "_running", answers_and_ends)
    monkeypatch.setattr(_fork, "_LOOK_EVERY", 0.01)
    try:
        assert _fork._receive(1, reader, time.monotonic() + 5, None) == (b"+42", "")
        assert _fork._receive(1, reader, time.monotonic() + 5, None) == (None, "")
    finally:
        os.close(reader)
        os.close(writer)
