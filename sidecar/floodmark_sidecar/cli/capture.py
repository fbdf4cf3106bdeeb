"""`floodmark capture`: a census of every worker, a trace or native window or a trim, by a running sidecar when it is asked."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from floodmark_sidecar.cli._holders import HoldersPicture
from floodmark_sidecar.cli._sidecar import Sidecar
from floodmark_sidecar.cli._streams import complain
from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.cli._token import checked_token, token_of_the_environment
from floodmark_sidecar.errors import ExitCode, UsageError
from floodmark_sidecar.units import format_bytes, format_duration, parse_duration

NAME: Final = "capture"
HELP: Final = "have a running sidecar take a census of every worker of a service now, or a window, or a trim"

_URL: Final = "http://127.0.0.1:8642"
_EACH: Final = 130.0
"""Seconds to wait for one worker: the sidecar itself gives up one that has not answered for two minutes."""

_UNDER_WAY: Final = 900.0
"""Seconds to wait for what the sidecar has begun before: captures of a service are taken one after the other."""

_LONGEST: Final = 86400.0

_COUNTED: Final = {"container": ("entry", "entries"), "line": ("block", "blocks"), "native": ("block", "blocks")}


@dataclass(frozen=True, slots=True)
class _Taken:
    """How the capture of one worker went; times in seconds, None where they are not known."""

    worker: str
    path: str | None
    refused: str | None
    seconds: float | None
    stall_seconds: float | None
    heaviest: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Two lines for one that was taken and one for each thing that weighs most in it; one line for one that was not."""
        name = printable(self.worker)
        if self.path is None:
            return f"{name}: refused: {printable(self.refused or 'nobody says why')}\n"
        took = "" if self.seconds is None else f"took {_brief(self.seconds)}; "
        held = "for a time nobody knows" if self.stall_seconds is None else f"for {_brief(self.stall_seconds)}"
        heaviest = "".join(f"  {printable(each)}\n" for each in self.heaviest)
        return f"{name}: {printable(self.path)}\n  {took}it held the worker {held}\n{heaviest}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `floodmark capture` to *parser*."""
    parser.add_argument("--service", metavar="NAME", help="which service; may be left out when there is only one")
    parser.add_argument("--worker", metavar="NAME", help="of this worker alone, as web-0")
    parser.add_argument("--url", default=_URL, help=f"where the sidecar serves ({_URL})")
    parser.add_argument("--token", help="the sidecar's token; others may see it here, and not in FLOODMARK_TOKEN")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--trace",
        metavar="DURATION",
        help="trace for so long (30s) where one worker allocates, and tell by line what stayed; slows it several times",
    )
    kind.add_argument(
        "--native",
        metavar="DURATION",
        help="have memray note for so long (30s) in one worker what C code asks for and does not give back; it must be "
        "installed where the service runs",
    )
    kind.add_argument(
        "--trim",
        action="store_true",
        help="have the allocators give memory back that nothing uses: what comes back is no leak",
    )
    kind.add_argument(
        "--graph",
        type=Path,
        metavar="FILE.svg",
        help="draw who holds what grows into FILE, which must be new; needs graphviz",
    )
    parser.add_argument("--json", action="store_true", help="print what the sidecar answers as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Take the captures and say how they went: 0, or 3 if none was taken. Raises `UsageError` if there is no sidecar."""
    windows = {name: text for name in ("trace", "native") if (text := getattr(args, name)) is not None}
    kind = "trim" if args.trim else next((f"{name} window" for name in windows), "census")
    seconds = sum(_duration(name, text) for name, text in windows.items())
    picture = None if args.graph is None else HoldersPicture(args.graph)
    token = token_of_the_environment() if args.token is None else checked_token(args.token, "--token")
    sidecar = Sidecar(args.url, token)
    workers = _workers(sidecar)
    service = args.service if args.service is not None else _only(workers, args.url)
    patience = min(_LONGEST, _UNDER_WAY + seconds + _EACH * max(1, workers.get(service, 1)))
    asked = {"worker": args.worker, "trim": args.trim or None, **windows}
    body = {"service": service, **{name: value for name, value in asked.items() if value is not None}}
    _say_what_it_waits_for(sidecar, service)
    answer = sidecar.post("/api/v1/captures", body, patience=patience)
    taken = _rows(sidecar, answer)
    if args.json:
        sys.stdout.write(f"{json.dumps(answer)}\n")
    else:
        sys.stdout.write("".join(each.text for each in taken))
        sys.stdout.write("".join(f"{printable(str(note))}\n" for note in answer.get("notes", ())))
    if picture is not None:
        (sys.stderr if args.json else sys.stdout).write(f"{picture.draw(_culprits(sidecar, service))}\n")
    if any(each.path is not None for each in taken):
        return int(ExitCode.STEADY)
    complain(_nothing(kind, service, taken))
    return int(ExitCode.INCONCLUSIVE)


def _duration(name: str, text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as error:
        msg = f"--{name}: {error.message}"
        raise UsageError(msg, hint=error.hint) from None


def _workers(sidecar: Sidecar) -> dict[str, int]:
    """Return how many workers each service has that the sidecar knows."""
    listed: Any = sidecar.get("/api/v1/services").get("services")
    try:
        return {str(each["name"]): int(each["workers"]) for each in listed}
    except (LookupError, TypeError, ValueError):
        why = "it lists no services"
        raise sidecar.is_none(why) from None


def _only(workers: dict[str, int], url: str) -> str:
    if len(workers) == 1:
        return next(iter(workers))
    if not workers:
        msg = f"the sidecar at {url} has read no service yet"
        raise UsageError(msg, hint="floodmark serve --watch NAME=PID, or an agent in the service, lets it")
    msg = f"which service? The sidecar at {url} has {', '.join(sorted(workers))}"
    raise UsageError(msg, hint="name one with --service")


def _say_what_it_waits_for(sidecar: Sidecar, service: str) -> None:
    """Say on standard error what is being taken already: of a service, one capture is taken after the other."""
    before = sidecar.get(f"/api/v1/captures?service={quote(service, safe='')}").get("under_way")
    if isinstance(before, dict):
        kind, seconds = before.get("kind"), _seconds(before.get("seconds"))
        what = f"the {kind}" if seconds is None else f"the {kind} window of {format_duration(seconds)}"
        complain(f"waiting for {what} of {before.get('worker')} to end")


def _rows(sidecar: Sidecar, answer: dict[str, Any]) -> list[_Taken]:
    rows = answer.get("captures")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        why = "it lists no captures"
        raise sidecar.is_none(why)
    return [
        _Taken(
            worker=str(row.get("worker")),
            path=_text(row.get("path")),
            refused=_text(row.get("refused")),
            seconds=_seconds(row.get("seconds")),
            stall_seconds=_seconds(row.get("stall_seconds")),
            heaviest=tuple(_heaviest(row.get("heaviest"))),
        )
        for row in rows
    ]


def _heaviest(rows: Any) -> Iterator[str]:
    """Yield a line for each of *rows*; a sidecar of an older version has none."""
    for row in rows if isinstance(rows, list) else ():
        try:
            kind, name, where = row["kind"], str(row["name"]), row["where"]
            size, number = format_bytes(row["bytes"]), f"{row['count']:,} {_COUNTED[kind][row['count'] != 1]}"
        except (LookupError, TypeError, ValueError):
            continue
        place = "" if where is None or where == name else f", {where}"
        yield f"{size:>10} in {number:<16} {name}{place}"


def _culprits(sidecar: Sidecar, service: str) -> list[dict[str, Any]]:
    listed: Any = sidecar.get(f"/api/v1/culprits?service={quote(service, safe='')}").get("culprits")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        why = "it lists no culprits"
        raise sidecar.is_none(why)
    return listed


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _brief(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def _nothing(kind: str, service: str, taken: Sequence[_Taken]) -> str:
    if not taken:
        return f"no {kind} was taken: no worker of {service} has an agent that is connected"
    return f"no {kind} was taken: {'its worker' if len(taken) == 1 else f'all {len(taken)} workers'} refused"
