"""The plan: a TOML file that says how to start a service, load it, and judge it.

`load_plan` reads and checks the whole file before anything is started. What only a run knows (the free port) is put in
by `Plan.placed`; everything else, `auto` values included, is settled here.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import format_duration, parse_duration, parse_rate, parse_size
from floodmark_soak import _schema as schema
from floodmark_soak._profiles import PROFILES
from floodmark_soak._schema import PlanError, Table

VERSION: Final = 1

_SOAK_KEYS: Final = ("duration", "warmup", "read_every", "census_every", "trace_window", "trim")
_TABLES: Final = ("floodmark", "service", "load", "soak", "limits", "maps")
_PLACEHOLDER: Final = re.compile(r"(?<![{$])\{([A-Za-z_]\w*)\}(?!\})")
_ESCAPED: Final = re.compile(r"\{(\{[A-Za-z_]\w*\})\}")
_PLACEHOLDERS: Final = ("python", "port", "plan")

READINGS_PER_RUN: Final = 300
"""What `read_every = "auto"` aims at: enough floors for the judge, and a cost in the service that stays invisible."""

_LEAST_READING: Final = 0.05
"""Seconds between readings below which the sidecar would measure itself."""

_LEAST_CENSUS: Final = 1.0
"""Seconds between censuses below which the service would be in one all the time."""

_LEAST_WINDOW: Final = 1.0
_MOST_WINDOW: Final = 600.0
"""Seconds of a trace window that the sidecar takes."""

_LEAST_AUTO_WINDOW: Final = 10.0
"""Seconds of a trace window below which a short run does without: it would see too little to be worth the readings."""

CENSUSES_PER_RUN: Final = 10
"""What `census_every = "auto"` aims at: a line through a container's sizes needs several points."""


@dataclass(frozen=True, kw_only=True)
class ServicePlan:
    """How the service is started and known to be ready. Strings may hold placeholders until `Plan.placed`."""

    command: tuple[str, ...]
    python: str
    cwd: Path
    ready: str
    start_timeout: float
    env: Mapping[str, str]

    @property
    def host(self) -> str:
        """Scheme and authority of `ready`: what locust gets as `--host`."""
        parts = urlsplit(self.ready)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """What locust does. `failure_budget` is the share of requests that may fail, `profile` one of `PROFILES`."""

    locustfile: Path
    users: int
    spawn_rate: float
    processes: int
    failure_budget: float
    profile: str = "steady"


@dataclass(frozen=True, kw_only=True)
class SoakPlan:
    """How long, and how often to look; all in seconds.

    `warmup` None = measured; `census_every` None = only the last; `trace_window` None = none: it is taken of a climb that
    censuses by the clock have no name for. `trim` says whether the allocator is asked at the end for what it kept.
    """

    duration: float
    warmup: float | None
    read_every: float
    census_every: float | None
    trace_window: float | None
    trim: bool


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is too much: growth in bytes a second (None = worked out by the judge), memory in bytes."""

    growth: float | None
    memory: int | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A checked plan. `name` is the service's name in worker slots and reports; `maps` are thresholds by map name."""

    path: Path
    name: str
    service: ServicePlan
    load: LoadPlan
    soak: SoakPlan
    limits: Limits
    maps: Mapping[str, int]

    @property
    def uses_port(self) -> bool:
        """True if the plan asks for a free port."""
        strings = (*self.service.command, self.service.ready, *self.service.env.values())
        return any(match[1] == "port" for string in strings for match in _PLACEHOLDER.finditer(string))

    def placed(self, port: int) -> "Plan":
        """Return the plan with `{python}`, `{port}` and `{plan}` replaced."""
        values = {"python": self.service.python, "port": str(port), "plan": str(self.path.parent)}

        def fill(string: str) -> str:
            return _ESCAPED.sub(r"\1", _PLACEHOLDER.sub(lambda match: values[match[1]], string))

        service = replace(
            self.service,
            command=tuple(fill(part) for part in self.service.command),
            ready=fill(self.service.ready),
            env={name: fill(value) for name, value in self.service.env.items()},
        )
        return replace(self, service=service)


def load_plan(path: Path, *, duration: float | None = None, name: str | None = None) -> Plan:
    """Return the plan in *path*; raises `PlanError` with what is wrong and where.

    *duration* (seconds) takes the place of the plan's own, before `auto` values are worked out from it. *name* takes
    the place of the file's stem.
    """
    path = path.absolute()
    try:
        return _checked(path, _read(path), duration, name)
    except (ValueError, OverflowError, RecursionError, OSError) as error:
        _refuse(f"cannot be used: {error}", path)


def _checked(path: Path, data: Mapping[str, Any], duration: float | None, name: str | None) -> Plan:
    shown = str(path)
    if "floodmark" not in data:
        _refuse(f"the first line must be `floodmark = {VERSION}`, the plan's version", path)
    if data["floodmark"] != VERSION or isinstance(data["floodmark"], bool):
        _refuse(f"this floodmark reads plans of version {VERSION} (got {data['floodmark']!r})", path)
    Table(shown, "", data, _TABLES)
    for table in _TABLES[1:]:
        if not isinstance(data.get(table, {}), dict):
            _refuse(f"{table} must be a table (got {data[table]!r})", path)
    return Plan(
        path=path,
        name=_service_name(name or path.stem),
        service=_service(path, data.get("service", {})),
        load=_load(path, data.get("load", {})),
        soak=_soak(shown, data.get("soak", {}), duration),
        limits=_limits(shown, data.get("limits", {})),
        maps=_maps(shown, data.get("maps", {})),
    )


def _service_name(text: str) -> str:
    """Return *text* as a service can be called: letters, digits, dots, dashes and underscores, at most 64."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text).lstrip("-._")[:64] or "service"


def _refuse(message: str, path: Path) -> NoReturn:
    raise PlanError(message, plan=str(path)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():
            _refuse("is not a file", path)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        _refuse("there is no such plan", path)
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8 text ({error.reason} at byte {error.start})", path)
    except tomllib.TOMLDecodeError as error:
        _refuse(f"is not TOML: {error}", path)
    except OSError as error:
        _refuse(f"cannot be read: {error.strerror}", path)


def _service(path: Path, data: Mapping[str, Any]) -> ServicePlan:
    table = Table(str(path), "service", data, ("command", "python", "cwd", "ready", "start_timeout", "env"))
    service = ServicePlan(
        command=table.read("command", schema.texts),
        python=_interpreter(path, table.read("python", schema.text, sys.executable)),
        cwd=(path.parent / table.read("cwd", schema.text, ".")).resolve(),
        ready=table.read("ready", schema.text),
        start_timeout=table.read("start_timeout", _duration, "30s"),
        env=table.read("env", schema.strings_by_name, {}),
    )
    strings = [("command", part) for part in service.command]
    strings += [("ready", service.ready), *((f"env.{name}", value) for name, value in service.env.items())]
    for key, string in strings:
        _check_placeholders(table, key, string)
    if not service.cwd.is_dir():
        table.refuse("cwd", f"cwd: there is no folder {service.cwd}")
    _check_url(table, service.ready)
    return service


def _interpreter(path: Path, python: str) -> str:
    """Return *python* as it can be started from any folder: a path is taken from the plan's, a bare name from PATH."""
    return str(path.parent / python) if "/" in python else python


def _check_placeholders(table: Table, key: str, string: str) -> None:
    for match in _PLACEHOLDER.finditer(string):
        if match[1] not in _PLACEHOLDERS:
            near = schema.did_you_mean(match[0], ["{" + name + "}" for name in _PLACEHOLDERS])
            table.refuse(key, f"{key}: unknown placeholder {match[0]}{near}; write {{{match[0]}}} for the braces alone")


def _check_url(table: Table, ready: str) -> None:
    sample = ready.replace("{port}", "65535")
    try:
        parts = urlsplit(sample)
        host = (parts.hostname or "").encode("idna")
        good = (
            parts.scheme in ("http", "https") and host and parts.port != 0 and sample.isascii() and sample.isprintable()
        )
        good = good and " " not in sample
    except ValueError:
        good = False
    if not good:
        table.refuse(
            "ready", f"ready must be an http address such as http://127.0.0.1:{{port}}/healthz (got {ready!r})"
        )


def _load(path: Path, data: Mapping[str, Any]) -> LoadPlan:
    keys = ("locustfile", "users", "spawn_rate", "processes", "failure_budget", "profile")
    table = Table(str(path), "load", data, keys)
    locustfile = (path.parent / table.read("locustfile", schema.text, "locustfile.py")).resolve()
    if not locustfile.is_file():
        table.refuse("locustfile", f"locustfile: there is no file {locustfile}")
    if "," in str(locustfile):
        table.refuse("locustfile", f"locustfile: locust cannot load a file with a comma in its path ({locustfile})")
    users = table.read("users", schema.count, 8)
    profile = table.read("profile", schema.text, "steady")
    if profile not in PROFILES:
        table.refuse("profile", f"profile: there is no {profile!r}{schema.did_you_mean(profile, PROFILES)}")
    return LoadPlan(
        locustfile=locustfile,
        users=users,
        spawn_rate=table.read("spawn_rate", schema.positive, users),
        processes=table.read("processes", schema.count, 1),
        failure_budget=table.read("failure_budget", schema.ratio, 0.01),
        profile=profile,
    )


def _soak(plan: str, data: Mapping[str, Any], override: float | None) -> SoakPlan:
    table = Table(plan, "soak", data, _SOAK_KEYS)
    stated = table.read("duration", _duration, "24h")
    duration = stated if override is None else override
    warmup = table.read("warmup", schema.word_or("auto", parse_duration), "auto")
    read_every = table.read("read_every", schema.word_or("auto", parse_duration), "auto")
    if isinstance(read_every, float) and read_every < _LEAST_READING:
        table.refuse("read_every", f"read_every must be at least 50ms (got {data['read_every']!r})")
    census_every = table.read("census_every", schema.word_or("auto", parse_duration, "off"), "auto")
    if isinstance(census_every, float) and census_every < _LEAST_CENSUS:
        table.refuse("census_every", f"census_every must be at least 1s (got {data['census_every']!r})")
    trace_window = table.read("trace_window", schema.word_or("auto", parse_duration, "off"), "auto")
    if isinstance(trace_window, float) and not _LEAST_WINDOW <= trace_window <= _MOST_WINDOW:
        table.refuse(
            "trace_window", f"trace_window must be at least 1s and at most 10min (got {data['trace_window']!r})"
        )
    if isinstance(warmup, float) and warmup >= duration:
        limit = format_duration(duration)
        table.refuse("warmup", f"warmup must be shorter than the run of {limit} (got {data['warmup']!r})")
    return SoakPlan(
        duration=duration,
        warmup=warmup if isinstance(warmup, float) else None,
        read_every=read_every if isinstance(read_every, float) else _auto_reading(duration),
        census_every=None if census_every == "off" else _or_auto_census(census_every, duration),
        trace_window=None if trace_window == "off" else _or_auto_window(trace_window, duration),
        trim=table.read("trim", schema.flag, default=True),
    )


def _auto_reading(duration: float) -> float:
    """Seconds between readings: a share of the run, never so often that reading shows, never rarer than in production."""
    return round(min(max(duration / READINGS_PER_RUN, 0.5), 15.0), 3)


def _or_auto_census(chosen: float | str | None, duration: float) -> float:
    """Seconds between censuses; by itself a share of the run, with room for one census to end before the next."""
    return chosen if isinstance(chosen, float) else round(max(duration / CENSUSES_PER_RUN, 8.0), 3)


def _or_auto_window(chosen: float | str | None, duration: float) -> float | None:
    """Seconds of a trace window, whose readings are not judged: a tenth of the run at most, by itself a hundredth."""
    if isinstance(chosen, float):
        return max(min(chosen, duration / 10), _LEAST_WINDOW)
    window = min(duration / 100, 30.0)
    return window if window >= _LEAST_AUTO_WINDOW else None


def _limits(plan: str, data: Mapping[str, Any]) -> Limits:
    table = Table(plan, "limits", data, ("growth", "memory"))
    growth = table.read("growth", schema.word_or("auto", _growth), "auto")
    memory = table.read("memory", _size, None) if "memory" in data else None
    return Limits(growth=growth if isinstance(growth, float) else None, memory=memory)


def _maps(plan: str, data: Mapping[str, Any]) -> dict[str, int]:
    table = Table(plan, "maps", data, data)
    return {name: table.read(name, schema.count) for name in data}


def _duration(value: Any) -> float:
    if not isinstance(value, str):
        msg = 'a string such as "90s", "3m" or "24h"'
        raise ValueError(msg)  # noqa: TRY004 -- Table.read turns one kind of error into the sentence
    return parse_duration(value)


def _growth(text: str) -> float:
    rate = parse_rate(text)
    if rate <= 0:
        msg = f"a limit of growth must be above 0 (got {text!r})"
        raise UsageError(msg)
    return rate


def _size(value: Any) -> int:
    if not isinstance(value, str):
        msg = 'a string such as "512MiB"'
        raise ValueError(msg)  # noqa: TRY004 -- Table.read turns one kind of error into the sentence
    size = parse_size(value)
    if size <= 0:
        msg = f"a memory limit must be above 0 (got {value!r})"
        raise UsageError(msg)
    return size
