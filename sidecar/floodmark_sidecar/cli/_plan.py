"""What a plan says of a verdict: `[limits]`, `[maps]` and the warm-up. The rest of it is the soak's."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import Settings
from floodmark_sidecar.units import parse_duration, parse_rate, parse_size

_Number = TypeVar("_Number", int, float)

_TABLES: Final = ("floodmark", "service", "load", "soak", "limits", "maps")
_LIMITS: Final = ("growth", "memory")
_SOAK: Final = ("duration", "warmup", "read_every", "census_every", "trace_window")


def read_settings(path: Path) -> Settings:
    """Return what the plan at *path* says of a verdict; raises `UsageError` where it cannot be read or makes no sense."""
    try:
        plan = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        msg = f"the plan {path} cannot be read: {error.strerror}"
        raise UsageError(msg) from None
    except (ValueError, RecursionError) as error:  # also of bytes that are no text, and of numbers that are too long
        msg = f"the plan {path} is not TOML: {error}"
        raise UsageError(msg) from None
    if plan.get("floodmark") != 1:
        msg = f"{path} is not a plan that this floodmark knows: it does not say floodmark = 1"
        raise UsageError(msg)
    _refuse_unknown(plan, _TABLES, f"{path} has no table")
    limits, maps, soak = (_table(plan, name, path) for name in ("limits", "maps", "soak"))
    _refuse_unknown(limits, _LIMITS, f"{path}: [limits] has no key")
    _refuse_unknown(soak, _SOAK, f"{path}: [soak] has no key")
    growth, memory, warmup = limits.get("growth", "auto"), limits.get("memory"), soak.get("warmup", "auto")
    return Settings(
        growth=None if growth == "auto" else _growth(growth, path),
        memory=None if memory is None else _memory(memory, path),
        maps={name: _count(limit, name, path) for name, limit in maps.items()},
        warmup=None if warmup == "auto" else _parsed(parse_duration, warmup, "soak.warmup", path),
    )


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], complaint: str) -> None:
    unknown = next((key for key in table if key not in known), None)
    if unknown is not None:
        msg = f"{complaint} {unknown!r}"
        raise UsageError(msg, hint=f"it knows {', '.join(known)}")


def _table(plan: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = plan.get(name, {})
    if not isinstance(table, dict):
        msg = f"{path}: {name} is {table!r} where a table [{name}] should be"
        raise UsageError(msg)
    return table


def _string(value: object, key: str, path: Path) -> str:
    if not isinstance(value, str):
        msg = f"{path}: {key} is {value!r} where a text such as a size, a rate or a duration should be"
        raise UsageError(msg)
    return value


def _parsed(parse: Callable[[str], _Number], value: object, key: str, path: Path) -> _Number:
    text = _string(value, key, path)
    try:
        return parse(text)
    except UsageError as error:
        msg = f"{path}: {key}: {error.message}"
        raise UsageError(msg, hint=error.hint) from None


def _growth(value: object, path: Path) -> float:
    rate = _parsed(parse_rate, value, "limits.growth", path)
    if not rate:
        msg = f"{path}: limits.growth must be above 0 (got {value!r})"
        raise UsageError(msg, hint="every run has some growth that noise hides")
    return rate


def _memory(value: object, path: Path) -> int:
    size = _parsed(parse_size, value, "limits.memory", path)
    if not size:
        msg = f"{path}: limits.memory must be above 0 (got {value!r})"
        raise UsageError(msg)
    return size


def _count(value: object, name: str, path: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        msg = f"{path}: the limit of map {name} is {value!r} where a number of entries of at least 1 should be"
        raise UsageError(msg)
    return value
