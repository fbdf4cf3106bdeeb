"""The end of a run in words: the verdict as a sentence, the culprits and the variants as tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.units import format_bytes, format_duration, format_rate

_PLAIN_WIDTH: Final = 160

_SHOWN: Final = {
    ExitCode.STEADY: "the leak was caught, and the bounded maps hold",
    ExitCode.CLIMBING: "the bounded variant climbs, and it should not",
    ExitCode.NOT_PROVEN: "the leak was not caught: a longer run sees smaller leaks",
    ExitCode.INCONCLUSIVE: "the bounded variant could not be told from a climb: a longer run can tell",
    ExitCode.INTERRUPTED: "interrupted before both variants were through",
}


def say_run(result: Mapping[str, Any], report: str, stream: TextIO) -> None:
    """Write the verdict of one run, what went wrong, its culprits and where the report is."""
    console = _console(stream)
    console.print(Text(f"{result['plan']['name']}: {verdict(result)}"))
    for problem in result["problems"]:
        console.print(Text(f"floodmark: {problem['message']}"))
        if problem["hint"]:
            console.print(Text(f"  hint: {problem['hint']}"))
    if result["culprits"]:
        console.print(_culprits(result["culprits"]))
        for line in _fix(result["culprits"]):
            console.print(Text(line), soft_wrap=not console.is_terminal)
    if result["remaining_seconds"] and result["segments"][-1]["ended"] == "segment":
        console.print(Text("to go on, give the command of this soak --resume, and its folder as --output"))
    console.print(Text(f"report: {report}"), soft_wrap=True)


def variants_show(code: ExitCode) -> str:
    """Return what both variants of a bundled service show together, as a sentence without its stop."""
    return _SHOWN.get(code, "the two runs do not show what they should: see above")


def say_variants(results: Mapping[str, Mapping[str, Any]], sentence: str, report: str, stream: TextIO) -> None:
    """Write the table of the variants' verdicts, what they show together in a *sentence*, and where their report is."""
    table = _table("variant", "verdict", "what it means", "culprits")
    for variant, result in results.items():
        names = ", ".join(map(_named, result["culprits"])) or "none"
        table.add_row(*(Text(cell) for cell in (variant, result["verdict"], verdict(result), names)))
    console = _console(stream)
    console.print(table)
    console.print(Text(sentence))
    console.print(Text(f"report: {report}"), soft_wrap=True)


def verdict(result: Mapping[str, Any]) -> str:
    """Return the verdict of *result* as a sentence without its stop."""
    slope = result.get("slope_bytes_per_hour") or {}
    length = f"{format_duration(result['duration_seconds'])}{_in_segments(result)}"
    if result["verdict"] == "climbing":
        low, high = slope.get("low"), slope.get("high")
        between = "" if low is None or high is None else f" (between {_per_hour(low)} and {_per_hour(high)})"
        rate = "" if slope.get("estimate") is None else f" by {_per_hour(slope['estimate'])}{between}"
        return f"climbing{rate} over {length}"
    delta = result.get("delta_bytes_per_hour")
    if result["verdict"] == "steady" and delta is not None:
        limit = f"{format_bytes(delta)}/h ({format_bytes(delta * 24)}/day)"
        return f"steady over {length}: it grows by less than {limit}; to rule out less takes a longer run"
    why = "" if result["problems"] or not result["reasons"] else f": {result['reasons'][0]}"
    return f"{result['verdict']} after {length}{why}"


def _in_segments(result: Mapping[str, Any]) -> str:
    """Return in how many segments a run was, and the longest life in them; nothing of one that was whole."""
    count = sum(segment["seconds"] > 0 for segment in result.get("segments") or ())
    life = result.get("longest_life_seconds")
    if count < 2:
        return ""
    longest = "" if life is None else f", in which no process lived longer than {format_duration(life)}"
    return f" in {count} segments{longest}"


def _culprits(culprits: Sequence[Mapping[str, Any]]) -> Table:
    """A table of two lines a culprit, so that what one wants to copy stays whole on a narrow terminal."""
    table = _table("", "culprit", "share", "growth")
    for culprit in culprits:
        share = culprit.get("share")
        cells = (
            str(culprit["rank"]),
            f"{culprit.get('where') or culprit['kind']}\n{culprit.get('path') or culprit['name']}",
            "-" if share is None else f"{share:.0%}",
            _growth(culprit),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _fix(culprits: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines that would bound the first culprit that a map would bound, and where those of the others are."""
    bounded = [culprit for culprit in culprits if culprit.get("fix")]
    for culprit in bounded[:1]:
        told = culprit["fix"]
        yield f"in place of {_named(culprit)}, a {told['title']}"
        yield f"  {told['why']}"
        yield from ("", *(f"    {line}".rstrip() for line in str(told["code"]).splitlines()), "")
    if len(bounded) > 1:
        yield f"the report has such lines for {len(bounded) - 1} more"


def _named(culprit: Mapping[str, Any]) -> str:
    """Return the culprit's name with its owner's: two attributes of one name are told apart."""
    return ".".join(str(culprit.get("path") or culprit["name"]).split(".")[-2:])


def _table(*headers: str) -> Table:
    """A table whose cells are folded and never cut: a path that ends in dots cannot be opened."""
    table = Table()
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def _growth(culprit: Mapping[str, Any]) -> str:
    size, entries = culprit.get("bytes_per_hour"), culprit.get("entries_per_hour")
    parts = ["" if size is None else _per_hour(size), "" if entries is None else f"{entries:+,.0f} entries/h"]
    return "\n".join(part for part in parts if part) or "-"


def _per_hour(bytes_per_hour: float) -> str:
    return format_rate(bytes_per_hour / 3600)


class _Console(Console):
    """A console whose owner decides what a reader that went away means; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Raise."""
        raise BrokenPipeError


def _console(stream: TextIO) -> Console:
    """A console that draws tables; paths are not cut to 80 columns where there is no terminal to be narrow."""
    return _Console(file=stream, highlight=False, width=None if stream.isatty() else _PLAIN_WIDTH)
