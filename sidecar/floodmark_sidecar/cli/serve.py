"""`floodmark serve`: the sidecar alone, beside services that are already running."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from floodmark_sidecar.captures import MOST_TRACE_SECONDS
from floodmark_sidecar.cli._token import token_of_the_environment
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.retention import DEFAULT_BYTES, DEFAULT_FILES, check_limits
from floodmark_sidecar.units import parse_duration, parse_size

NAME: Final = "serve"
HELP: Final = "watch running services: keep their history, judge it, and show it over HTTP"

_WATCH: Final = re.compile(r"(?P<service>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})=(?P<pid>[0-9]{1,9})(?::(?P<cwd>.+))?")
_LEAST_READING: Final = 0.05
"""Seconds between readings below which the sidecar would measure itself."""

_MOST_READING: Final = 86400.0
_LEAST_CENSUS: Final = 1.0
"""Seconds between censuses below which a service would be in one all the time."""

_LEAST_WINDOW: Final = 1.0
"""Seconds of tracing in which hardly a line of a slow leak is run."""

_MOST_UID: Final = 2**32 - 2
"""The kernel's largest; the next one stands for "nobody in particular"."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A service to watch: its name, the root of its process tree, and the folder its source lines are relative to."""

    service: str
    pid: int
    cwd: Path | None


@dataclass(frozen=True, slots=True)
class Options:
    """What `floodmark serve` was asked for; times in seconds, `census_every` and `trace_window` of None are off."""

    socket: Path
    store: Path
    store_cap: int | None
    host: str
    port: int
    captures: Path | None
    captures_cap: int
    captures_keep: int
    watches: tuple[Watch, ...]
    read_every: float
    census_every: float | None
    trace_window: float | None
    allowed_uids: tuple[int, ...]
    token: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `floodmark serve`."""
    add = parser.add_argument
    add("--socket", type=Path, required=True, metavar="PATH", help="unix socket that agents connect to")
    add("--store", type=Path, required=True, metavar="FILE", help="SQLite file that keeps the history")
    add("--store-cap", metavar="SIZE", help="the most the store may take on disk; oldest readings go first (1GiB)")
    add(
        "--host",
        default="127.0.0.1",
        help="address to serve HTTP on; beyond loopback, FLOODMARK_TOKEN must be set (127.0.0.1)",
    )
    add("--port", type=int, default=8642, help="port to serve HTTP on; 0 takes a free one (8642)")
    add("--captures", type=Path, metavar="DIR", help="folder for captures; without it none are taken")
    add(
        "--captures-cap",
        metavar="SIZE",
        help="the most capture files may take together; of each process the first and the newest go last (256MiB)",
    )
    add("--captures-keep", type=int, metavar="N", help="the most capture files to keep (1000)")
    add(
        "--watch",
        action="append",
        default=[],
        metavar="SERVICE=PID[:CWD]",
        help="watch the tree of processes below PID; may be repeated",
    )
    add("--read-every", default="15s", metavar="TIME", help="how often everything is read (15s)")
    add("--census-every", metavar="TIME", help="how often containers are counted, or off (1h)")
    add(
        "--trace-window",
        metavar="TIME",
        help="how long allocations of one worker are traced where censuses have no name for a climb, or off (30s)",
    )
    add(
        "--allow-uid",
        action="append",
        default=[],
        type=int,
        metavar="UID",
        help="another user whose agents may connect; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; returns 0. Raises `UsageError` for what cannot be served."""
    options = _options(args)
    from floodmark_sidecar.cli._serving import serve  # noqa: PLC0415 - a web framework is not loaded to print help

    return serve(options)


def _options(args: argparse.Namespace) -> Options:
    watches = tuple(_watch(text) for text in args.watch)
    names = [watch.service for watch in watches]
    for name in names:
        if names.count(name) > 1:
            msg = f"service {name} is to be watched twice"
            raise UsageError(msg, hint="one service is one tree of processes; give the other tree its own name")
    if not 0 <= args.port <= 65535:
        msg = f"a port must be between 0 and 65535 (got {args.port})"
        raise UsageError(msg)
    if args.captures is None and (args.captures_cap, args.captures_keep) != (None, None):
        msg = "--captures-cap and --captures-keep are limits on the folder of --captures, which is not given"
        raise UsageError(msg, hint="add --captures DIR")
    census_every = _census_every("1h" if args.census_every is None else args.census_every)
    trace_window = _trace_window("30s" if args.trace_window is None else args.trace_window)
    given = (args.census_every and census_every) or (args.trace_window and trace_window)
    if args.captures is None and given is not None:
        msg = "--census-every and --trace-window are about captures, and there is no folder for them"
        raise UsageError(msg, hint="add --captures DIR")
    captures_cap = DEFAULT_BYTES if args.captures_cap is None else parse_size(args.captures_cap)
    captures_keep = DEFAULT_FILES if args.captures_keep is None else args.captures_keep
    check_limits(captures_keep, captures_cap)
    return Options(
        socket=args.socket.absolute(),
        store=args.store.absolute(),
        store_cap=None if args.store_cap is None else parse_size(args.store_cap),
        host=args.host,
        port=args.port,
        captures=args.captures.absolute() if args.captures else None,
        captures_cap=captures_cap,
        captures_keep=captures_keep,
        watches=watches,
        read_every=_read_every(args.read_every),
        census_every=census_every,
        trace_window=trace_window,
        allowed_uids=tuple(_uid(number) for number in args.allow_uid),
        token=token_of_the_environment(),
    )


def _read_every(text: str) -> float:
    seconds = parse_duration(text)
    if not _LEAST_READING <= seconds <= _MOST_READING:
        msg = f"--read-every must be at least 50ms and at most 1d (got {text})"
        raise UsageError(msg)
    return seconds


def _census_every(text: str) -> float | None:
    if text == "off":
        return None
    seconds = parse_duration(text)
    if seconds < _LEAST_CENSUS:
        msg = f"--census-every must be at least 1s (got {text})"
        raise UsageError(msg, hint="a census forks the service; off takes none by the clock")
    return seconds


def _trace_window(text: str) -> float | None:
    if text == "off":
        return None
    seconds = parse_duration(text)
    if not _LEAST_WINDOW <= seconds <= MOST_TRACE_SECONDS:
        msg = f"--trace-window must be at least 1s and at most {MOST_TRACE_SECONDS / 60:.0f}min (got {text})"
        raise UsageError(msg, hint="a worker that is traced is slower; off traces none by itself")
    return seconds


def _uid(number: int) -> int:
    if not 0 <= number <= _MOST_UID:
        msg = f"--allow-uid must be the number of a user, 0 to {_MOST_UID} (got {number})"
        raise UsageError(msg)
    return number


def _watch(text: str) -> Watch:
    match = _WATCH.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not SERVICE=PID or SERVICE=PID:CWD"
        raise UsageError(msg, hint="a service's name has letters, digits, dots, dashes and underscores, at most 64")
    cwd = Path(match["cwd"]).absolute() if match["cwd"] else None
    if cwd is not None and not cwd.is_dir():
        msg = f"the folder {cwd} of service {match['service']} {'is no folder' if cwd.exists() else 'does not exist'}"
        raise UsageError(msg, hint="CWD is the folder that source lines are written relative to; it may be left out")
    return Watch(match["service"], int(match["pid"]), cwd)
