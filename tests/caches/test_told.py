"""Callbacks that raise, in the thread of whoever changed the map."""

import sys

import pytest

from floodmark_caches import BoundedMap, RemovalCause


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exit_or_interrupt_comes_out_behind_the_other_callbacks(
    name: str, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Of many, the first; errors of the others are logged, and the map is as it should be."""
    told: list[int] = []

    def removed(key: int, value: str, cause: RemovalCause) -> None:
        told.append(key)
        if key == 0:
            msg = "no matter"
            raise OSError(msg)
        raise error(key)

    store = BoundedMap[int, str](name, maxsize=10, on_remove=removed, warn_at=5)
    for key in range(4):
        store[key] = "a"
    with pytest.raises(error, match="1"):
        store.clear()
    assert told == [0, 1, 2, 3]
    assert caplog.text.count("OSError: no matter") == 1
    assert len(store) == 0
    assert store.stats().removals["explicit"] == 4


def test_a_warning_is_given_though_a_callback_exits(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The level was crossed, whoever is told of it."""
    now = [0.0]
    store = BoundedMap[int, int](
        name, maxsize=10, ttl=10, timer=lambda: now[0], on_remove=lambda key, value, cause: sys.exit(key), warn_at=2
    )
    store[1] = 1
    with pytest.raises(SystemExit):
        store[1] = 2
    del caplog.records[:]
    store.set(2, 2, ttl=5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
