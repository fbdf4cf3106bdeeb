"""The report as JUnit XML, for whatever shows test results."""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._whole import Whole
from floodmark_soak.report._record import Record

_FAILURES: Final = (ExitCode.CLIMBING, ExitCode.INCONCLUSIVE, ExitCode.NOT_PROVEN)
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot carry, not even escaped."""


def render_junit(records: Sequence[Record], whole: Whole | None = None) -> str:
    """Return one test case for each of *records*, and one for what they show as a *whole*.

    `steady` passes; a climb and an undecided run fail: a gate opens only for what was shown to be steady. Where there is a whole,
    that alone fails. A run that could not be judged (service, load, plan, interruption) is an error. Nothing is ever skipped.
    """
    cases = [_case(record, forgiven=whole is not None) for record in records]
    cases += [] if whole is None else [_case_of(whole)]
    suites = Element("testsuites")
    suite = SubElement(
        suites,
        "testsuite",
        name="floodmark soak",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped="0",
        time=f"{sum(_seconds(record) for record in records):.3f}",
    )
    suite.extend(cases)
    indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _case(record: Record, *, forgiven: bool) -> Element:
    """Return the case of *record*; *forgiven* is what it shows of the service's memory."""
    case = Element("testcase", classname="floodmark", name=_legal(record.title), time=f"{_seconds(record):.3f}")
    properties = SubElement(case, "properties")
    for name, value in _properties(record).items():
        SubElement(properties, "property", name=name, value=_legal(value))
    if record.exit_code != ExitCode.STEADY and not (forgiven and record.exit_code in _FAILURES):
        found = SubElement(case, _tag(record.exit_code), type=record.status.word, message=_legal(record.headline))
        found.text = _legal("\n".join([*record.reasons, *(_accused(culprit) for culprit in record.culprits)]))
    return case


def _case_of(whole: Whole) -> Element:
    case = Element("testcase", classname="floodmark", name=_legal(whole.title))
    if whole.exit_code != ExitCode.STEADY:
        word = whole.exit_code.name.lower()
        SubElement(case, _tag(whole.exit_code), type=word, message=_legal(whole.sentence))
    return case


def _tag(code: ExitCode) -> str:
    return "failure" if code in _FAILURES else "error"


def _properties(record: Record) -> dict[str, str]:
    """Return the numbers of the verdict by name; what is not known is left out."""
    result = record.result
    values = {
        "verdict": result.get("verdict"),
        "exit_code": int(record.exit_code),
        "shape": result.get("shape"),
        "growth_class": result.get("growth_class"),
        "slope_bytes_per_hour": record.slope("estimate"),
        "slope_bytes_per_hour_low": record.slope("low"),
        "slope_bytes_per_hour_high": record.slope("high"),
        "delta_bytes_per_hour": record.delta,
        "detectable_bytes_per_hour": result.get("detectable_bytes_per_hour"),
        "longest_life_seconds": result.get("longest_life_seconds"),
        "culprits": ", ".join(culprit["name"] for culprit in record.culprits) or None,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _accused(culprit: dict[str, object]) -> str:
    where = f" ({culprit['where']})" if culprit.get("where") else ""
    return f"{culprit['rank']}. {culprit['name']}{where}: {culprit['evidence']}"


def _seconds(record: Record) -> float:
    return float(record.result.get("duration_seconds") or 0.0)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
