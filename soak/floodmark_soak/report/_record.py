"""One run as a report tells it: the judged numbers, and the words that are derived from them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from floodmark_sidecar.culprits import path_text
from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.judge import Trace
from floodmark_sidecar.units import format_between, format_bytes, format_duration, format_rate

UNKNOWN: Final = "unknown"

_ENDED: Final = {
    "whole": "with the run",
    "segment": "at its length",
    "early": "with growth beyond doubt",
    "interrupted": "interrupted",
    "failed": "with a problem",
    "killed": "killed",
}

_MEMORY: Final = frozenset({"python", "native", "retention", "mmap", "none", "unknown", None})
"""Growth classes whose climb is one of bytes; the others climb in count."""


@dataclass(frozen=True)
class Status:
    """How a run ended in a word, an icon and a tone (`good`, `bad` or `unsure`); never by colour alone."""

    word: str
    icon: str
    tone: str


_STATUS: Final = {
    ExitCode.STEADY: Status("steady", "✓", "good"),
    ExitCode.CLIMBING: Status("climbing", "▲", "bad"),
    ExitCode.USAGE: Status("not started", "✕", "bad"),
    ExitCode.INCONCLUSIVE: Status("inconclusive", "?", "unsure"),
    ExitCode.SERVICE_DIED: Status("service died", "✕", "bad"),
    ExitCode.LOAD_FAILED: Status("load failed", "✕", "bad"),
    ExitCode.INTERNAL: Status("failed", "✕", "bad"),
    ExitCode.NOT_PROVEN: Status("not proven", "✕", "bad"),
    ExitCode.INTERRUPTED: Status("interrupted", "■", "unsure"),
}

_GOES_ON: Final = Status("goes on", "…", "unsure")


@dataclass(frozen=True)
class Record:
    """One run: its `result` (the dictionary of result.json, any part of which may be missing or null) and its readings.

    `about` says how it was measured (command, machine, versions), `load` what the load came to, `captures` when each
    census was taken (`t`, `worker`, `refused`, `stall_seconds`, `seconds`), `notes` what else a reader should know. `holders` is
    the picture of who holds the culprits, as SVG that graphviz drew, and `no_holders` why there is none.
    """

    name: str
    title: str
    result: dict[str, Any]
    trace: Trace
    about: dict[str, str]
    load: dict[str, object] | None
    captures: list[dict[str, Any]]
    notes: list[str]
    holders: str = ""
    no_holders: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """How the run ended; a result that does not say is one of a run that failed."""
        try:
            return ExitCode(int(self.result["exit_code"]))
        except (KeyError, TypeError, ValueError):
            return ExitCode.INTERNAL

    @property
    def status(self) -> Status:
        """The word, icon and tone of `exit_code`; a segment that was done and showed nothing is no verdict."""
        return _GOES_ON if self._goes_on else _STATUS[self.exit_code]

    @property
    def _goes_on(self) -> bool:
        return self.exit_code is ExitCode.STEADY and self.result.get("verdict", "steady") != "steady"

    @property
    def culprits(self) -> list[dict[str, Any]]:
        """The culprits, the first one first."""
        return list(self.result.get("culprits") or ())

    @property
    def reasons(self) -> list[str]:
        """The sentences of the verdict."""
        return [str(reason) for reason in self.result.get("reasons") or ()]

    @property
    def next_step(self) -> str:
        """What would decide a run that could not tell, if the judge knows; what climbs has culprits instead."""
        undecided = self.result.get("verdict") == "inconclusive"
        return str(self.result.get("next") or "") if undecided else ""

    @property
    def all_notes(self) -> list[str]:
        """Notes of the run and of the judge, each once."""
        return list(dict.fromkeys([*self.notes, *map(str, self.result.get("notes") or ())]))

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        low, high = self.slope("low"), self.slope("high")
        estimate, reason = self.slope("estimate"), self.reasons[0] if self.reasons else ""
        match self.exit_code:
            case ExitCode.STEADY if self._goes_on:
                return f"Nothing is shown so far: {reason}".rstrip(": .")
            case ExitCode.STEADY:
                return "Memory is steady" + (
                    "" if high is None else f": it grows by at most {_size(max(high, 0.0))} an hour"
                )
            case ExitCode.CLIMBING if (
                estimate is not None and self.result.get("growth_class") in _MEMORY and not self.decisive
            ):
                between = f" ({_size(low)} to {_size(high)})" if low is not None and high is not None else ""
                return f"Memory climbs by {_size(estimate)} an hour{between}"
            case ExitCode.INCONCLUSIVE:
                return "This run cannot tell whether memory climbs"
            case ExitCode.INTERRUPTED:
                seen = self.result.get("duration_seconds")
                return "Interrupted" + (f" after {format_duration(seen)} under load" if seen else "")
        return _sentence(reason).rstrip(".") or f"The run ended with exit code {int(self.exit_code)}"

    @property
    def accusation(self) -> str:
        """The first culprit in a sentence; empty where nothing is named."""
        if not self.culprits:
            return ""
        first = self.culprits[0]
        where = f" ({first['where']})" if first.get("where") else ""
        share = f", {first['share']:.0%} of the growth" if first.get("share") is not None else ""
        more = len(self.culprits) - 1
        return f"{self.label(first)}{where} grows most{share}" + (f"; {more} more below" if more else "")

    @property
    def ways(self) -> list[tuple[int, str]]:
        """The steps from a name to each culprit of which they are known, with its rank."""
        return [(each["rank"], path_text(each["retainers"])) for each in self.culprits if each.get("retainers")]

    def label(self, culprit: dict[str, Any]) -> str:
        """Return the name of *culprit*; with the last part of its owner's path where another has the same name."""
        name, path = str(culprit["name"]), culprit.get("path")
        twins = sum(other["name"] == name for other in self.culprits)
        return ".".join(path.split(".")[-2:]) if twins > 1 and path else name

    @property
    def unseen(self) -> list[str]:
        """What this run could not have shown, one sentence each."""
        sentences = []
        limit, life = self.result.get("detectable_bytes_per_hour"), self.result.get("longest_life_seconds")
        if limit is not None:
            sentences.append(f"Growth under {_rate(limit)} ({per_day(limit)}) could not have been seen in this run.")
        if life is not None:
            sentences.append(
                f"No process was watched for longer than {format_duration(life)}: "
                "growth that only begins later has not been seen."
            )
        wait = self.result.get("hours_to_decide")
        if wait is not None:
            sentences.append(f"A run some {format_duration(wait * 3600)} longer should decide.")
        return sentences

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """The numbers of the verdict as (what, value, remark)."""
        result, coverage = self.result, self.result.get("coverage") or {}
        delta, limit = self.delta, result.get("detectable_bytes_per_hour")
        low, high, share = self.slope("low"), self.slope("high"), coverage.get("share")
        life, wait = result.get("longest_life_seconds"), result.get("hours_to_limit")
        by_request = (result.get("slope_bytes_per_request") or {}).get("estimate")
        verdict = str(result.get("verdict") or UNKNOWN)
        between = format_between(low, high, "/h") if low is not None and high is not None else ""
        return [
            *([] if verdict == self.status.word else [("verdict", verdict, "on what was read until then")]),
            ("slope", per_hour(self.slope("estimate")), between),
            *([] if by_request is None else [("slope by request", f"{_size(by_request)} a request", "")]),
            ("δ", _rate(delta), f"{per_day(delta)}; growth from here on counts" if delta is not None else ""),
            ("detection limit", _rate(limit), per_day(limit) if limit is not None else ""),
            ("shape", str(result.get("shape") or UNKNOWN), _class(result.get("growth_class"))),
            *([] if life is None else [("longest life", format_duration(life), "of one process under this load")]),
            ("readings", f"{len(self.trace):,}", f"{share:.0%} of the time covered" if share is not None else ""),
            *([] if wait is None else [("limit reached in", format_duration(wait * 3600), "at this slope")]),
        ]

    def slope(self, part: str) -> float | None:
        """Return the `low`, `estimate` or `high` of the slope in bytes an hour."""
        return (self.result.get("slope_bytes_per_hour") or {}).get(part)

    @property
    def delta(self) -> float | None:
        """The smallest growth of interest in bytes an hour."""
        return self.result.get("delta_bytes_per_hour")

    @property
    def decisive(self) -> list[dict[str, Any]]:
        """The workers, maps and counts that decided where memory as a whole did not."""
        return list(self.result.get("decisive") or ())

    @staticmethod
    def told(decisive: dict[str, Any]) -> str:
        """Return what one of the `decisive` is, and how fast it grows."""
        slope = decisive.get("slope_per_hour") or {}
        low, estimate, high = (slope.get(part) for part in ("low", "estimate", "high"))
        name = decisive["name"] if decisive["kind"] == "count" else f"{decisive['kind']} {decisive['name']}"
        if low is None or estimate is None or high is None:
            return f"{_sentence(name)}, by itself"
        if decisive["kind"] == "worker":
            return f"{_sentence(name)}: climbs by {_size(estimate)} an hour ({_size(low)} to {_size(high)})"
        return f"{_sentence(name)}: {estimate:+,.0f} an hour ({low:,.0f} to {high:,.0f})"

    @property
    def load_facts(self) -> list[tuple[str, str]]:
        """What the load came to, as (what, value)."""
        known = {key: value for key, value in (self.load or {}).items() if value is not None}
        return [(key.replace("_", " "), fact(key, value)) for key, value in known.items()]

    @property
    def tools(self) -> list[tuple[str, str, str, str, str]]:
        """What floodmark itself took, as (tool, verdict, growth, memory, processor)."""
        return [
            (
                name,
                each["verdict"],
                per_hour(each["slope_bytes_per_hour"]),
                _size(each["mean_bytes"]),
                f"{each['cpu_share']:.1%}",
            )
            for name, each in (self.result.get("tools") or {}).items()
        ]

    @property
    def segments(self) -> list[tuple[str, str, str, str, str]]:
        """The segments of a run that has several, as (number, beginning, length, how it ended, machine)."""
        told = self.result.get("segments") or []
        return [
            (
                str(each["number"]),
                datetime.fromtimestamp(each["started"], UTC).strftime("%Y-%m-%d %H:%M UTC"),
                format_duration(each["seconds"]),
                _ENDED.get(each["ended"], str(each["ended"])),
                str(each["machine"]),
            )
            for each in (told if len(told) > 1 else ())
        ]

    @property
    def workers(self) -> dict[str, dict[str, Any]]:
        """What each worker shows by itself, by its slot."""
        return self.result.get("workers") or {}

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """The growth split into rows that sum to it."""
        return self.result.get("ledger") or []


def per_hour(bytes_per_hour: float | None) -> str:
    """Return a rate as `+3.4 MiB/h`."""
    return UNKNOWN if bytes_per_hour is None else format_rate(bytes_per_hour / 3600)


def per_day(bytes_per_hour: float) -> str:
    """Return a rate as `82 MiB a day`."""
    return f"{format_bytes(bytes_per_hour * 24)} a day"


def entries_per_hour(rate: float | None) -> str:
    """Return a rate of entries as `+12,345/h`."""
    return UNKNOWN if rate is None else f"{rate:+,.0f}/h"


def fact(key: str, value: object) -> str:
    """Return *value* as people read it, by what the name of its *key* says it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if key.endswith(("_ratio", "_budget", "share")):
        return f"{value:.2%}"
    if key.endswith("_seconds"):
        return format_duration(value)
    if key.endswith("_bytes"):
        return format_bytes(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _class(growth_class: str | None) -> str:
    return "" if growth_class in {None, "unknown"} else f"growth of class {growth_class}"


def _rate(bytes_per_hour: float | None) -> str:
    """Return a threshold as `3.4 MiB/h`, without the sign of a change."""
    return UNKNOWN if bytes_per_hour is None else f"{format_bytes(bytes_per_hour)}/h"


def _size(count: float) -> str:
    return format_bytes(count)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
