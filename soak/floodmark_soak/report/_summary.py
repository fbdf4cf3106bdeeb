"""The report as a page of Markdown, for a pull request or a job's summary."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from floodmark_soak._whole import Whole
from floodmark_soak.report._record import UNKNOWN, Record, entries_per_hour, per_hour

_SPECIAL: Final = re.compile(r"[\\`*<>\[\]|&~]|(?<!\w)_|_(?!\w)")
_MOST_CULPRITS: Final = 10
_MOST_FIXES: Final = 4


def render_summary(records: Sequence[Record], whole: Whole | None = None) -> str:
    """Return a page of Markdown that says of *records*, and of what they show as a *whole*, what the HTML report says, without its
    pictures.
    """
    lines = ["# floodmark soak report", ""]
    if whole is not None:
        lines += [f"**{_plain(whole.title)}: {_plain(whole.sentence)}.**", ""]
    if len(records) > 1:
        lines += ["| run | verdict | slope | δ | named first |", "|---|---|---|---|---|"]
        lines += [_compared(record) for record in records]
        lines.append("")
    for record in records:
        lines += _run(record)
    return "\n".join(lines).rstrip() + "\n"


def _compared(record: Record) -> str:
    named = ", ".join(_code(record.label(culprit)) for culprit in record.culprits[:4]) or "nothing"
    status = f"{record.status.icon} {record.status.word}"
    slope, delta = per_hour(record.slope("estimate")), per_hour(record.delta)
    return f"| {_plain(record.title)} | {status} | {slope} | {delta} | {named} |"


def _run(record: Record) -> Iterator[str]:
    yield f"## {record.status.icon} {_plain(record.title)}: {record.status.word}"
    yield from ("", f"**{_plain(record.headline)}.**")
    if record.accusation:
        yield f"{_plain(record.accusation)}."
    yield ""
    if record.culprits:
        yield from _culprits(record)
    for title, sentences in (
        ("Why", record.reasons),
        ("What would tell", [record.next_step] if record.next_step else []),
        ("What could not have been seen", record.unseen),
        ("Notes", record.all_notes),
    ):
        if sentences:
            yield from (f"### {title}", "", *(f"- {_plain(sentence)}" for sentence in sentences), "")
    yield from ("### Numbers", "", "| what | value | |", "|---|---|---|")
    for what, value, remark in record.facts:
        yield f"| {_plain(what)} | {_plain(value)} | {_plain(remark)} |"
    for what, value in record.load_facts:
        yield f"| load: {_plain(what)} | {_plain(value)} | |"
    for name, verdict, growth, memory, processor in record.tools:
        yield f"| {_plain(name)} itself | {_plain(verdict)}, {_plain(growth)} | {memory}, {processor} of a processor |"
    for number, began, length, ended, machine in record.segments:
        yield f"| segment {number} | {length} | {began}, ended {ended}, on {_plain(machine)} |"
    yield ""
    if record.about:
        yield from ("### How this was measured", "", "| | |", "|---|---|")
        yield from (f"| {_plain(key)} | {_code(value)} |" for key, value in record.about.items())
        yield ""


def _culprits(record: Record) -> Iterator[str]:
    yield from ("| | name | made at | entries | bytes | share | evidence |", "|---|---|---|---|---|---|---|")
    for culprit in record.culprits[:_MOST_CULPRITS]:
        share, where = culprit.get("share"), culprit.get("where")
        cells = (
            str(culprit["rank"]),
            _code(record.label(culprit)),
            _code(where) if where else UNKNOWN,
            entries_per_hour(culprit["entries_per_hour"]),
            per_hour(culprit["bytes_per_hour"]),
            UNKNOWN if share is None else f"{share:.0%}",
            _plain(culprit["evidence"]),
        )
        yield f"| {' | '.join(cells)} |"
    if len(record.culprits) > _MOST_CULPRITS:
        yield from ("", f"{len(record.culprits) - _MOST_CULPRITS} more are in the report.")
    yield ""
    for culprit in [each for each in record.culprits if each.get("fix")][:_MOST_FIXES]:
        told = culprit["fix"]
        yield from (
            f"In place of {_code(record.label(culprit))}, a {_plain(told['title'])}: {_plain(told['why'])}.",
            "",
        )
        yield from (*(f"    {line}".rstrip() for line in str(told["code"]).splitlines()), "")


def _plain(text: str) -> str:
    """Return *text* so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def _code(text: str) -> str:
    """Return *text* as code, on one line; a backtick would end it and becomes an apostrophe."""
    return "`" + " ".join(text.split()).replace("`", "'").replace("|", r"\|") + "`"
