"""What a test may leave in maps and in memory: measured when it begins and when it ends."""

import gc
from collections.abc import Callable, Mapping
from typing import Any, Final

from floodmark_sidecar.agent import tracemalloc_tools
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import format_bytes
from floodmark_soak._limits import size_of

_MOST_LINES: Final = 5
_NOT_THE_TEST: Final = ("<frozen importlib*", "*/floodmark_soak/*", "*/_pytest/*", "*/pluggy/*")
"""Modules that are imported stay and grow once; and whoever calls the test has its own."""


class Bounds:
    """The bounds of one test, from its first call on; *tidy* lets go of what others keep of it. Not thread-safe."""

    def __init__(self, *, tidy: Callable[[], object]) -> None:
        self._tidy = tidy
        self._maps: Mapping[str, int] = {}
        self._limit: float | None = None
        self._before = tracemalloc_tools.Allocations(())
        self._window: tracemalloc_tools.Window | None = None
        self._kept: float | None = None
        self._entries: dict[str, int] = {}

    def __call__(self, *, limit: str | int | None = None, maps: Mapping[str, int] | None = None) -> None:
        """Hold registered *maps* to so many entries by name, and traced memory to a growth of *limit* (`64KiB`, or bytes).

        Raises `UsageError` for a limit that is no size or a bound that is no number, and `RuntimeError` where it was called before.
        """
        if self._maps or self._limit is not None:
            msg = "floodmark_bounds was called before in this test"
            raise RuntimeError(msg)
        for name, most in dict[str, object](maps or {}).items():
            if not isinstance(most, int) or isinstance(most, bool) or most < 0:
                msg = f"the bound of the map {name!r} is a number of entries of 0 or more (got {most!r})"
                raise UsageError(msg)
        self._maps = dict(maps or {})
        if limit is None:
            return
        self._limit = size_of(limit)
        self._tidy()
        gc.collect()
        self._window = tracemalloc_tools.Window()
        self._before = self._window.look().without(*_NOT_THE_TEST)

    def problems(self) -> list[str]:
        """Return a sentence for each bound that does not hold now."""
        in_memory = self._of_memory()
        return [*self._of_maps(), *in_memory]

    def properties(self) -> dict[str, Any]:
        """Return what was measured, for a report."""
        kept = {} if self._kept is None else {"floodmark_kept_bytes": self._kept}
        return {**{f"floodmark_entries.{name}": number for name, number in self._entries.items()}, **kept}

    def close(self) -> None:
        """Stop tracing; idempotent."""
        if self._window is not None:
            self._window.close()

    def _of_maps(self) -> list[str]:
        from floodmark_caches import registry  # noqa: PLC0415 -- the test may have none

        found = {each.name: each for each in registry.stats()}
        known = ", ".join(sorted(found)) or "none"
        missing = sorted(self._maps.keys() - found.keys())
        problems = [f"  there is no map {name!r}: those that are registered are {known}" for name in missing]
        for name, stats in found.items():
            self._entries[name] = stats.entries
            most = self._maps.get(name, stats.maxsize)
            if most is not None and stats.entries > most:
                problems.append(f"  the map {name} has {stats.entries:,} entries, and {most:,} are its bound")
        return problems

    def _of_memory(self) -> list[str]:
        if self._window is None or self._limit is None:
            return []
        self._tidy()
        gc.collect()
        self._window.look()
        found = self._window.looks[-1].without(*_NOT_THE_TEST)
        grown = [change for change in tracemalloc_tools.changes(self._before, found) if change.bytes > 0]
        self._kept = sum(change.bytes for change in grown)
        if self._kept <= self._limit:
            return []
        limit = format_bytes(self._limit)
        head = f"  memory grew by {format_bytes(self._kept)} ({self._kept:,.0f} B), and {limit} is its limit"
        return [head, *(f"    {change}" for change in grown[:_MOST_LINES])]
