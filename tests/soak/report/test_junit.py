"""JUnit XML: one case a run, failed, in error or passed; never skipped."""

from xml.etree import ElementTree as ET

import pytest

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._whole import Whole
from floodmark_soak.report import Record, render_junit
from tests.soak.report.samples import MIB, MakeRecord, culprit, result


def parsed(*records: Record, whole: Whole | None = None) -> ET.Element:
    root = ET.fromstring(render_junit(records, whole).encode())  # noqa: S314  our own text
    suite = root.find("testsuite")
    assert suite is not None
    return suite


def test_a_climb_is_a_failure(climbing: Record) -> None:
    """The message is the verdict's sentence, the text its reasons and culprits."""
    suite = parsed(climbing)
    failure = suite.find("testcase/failure")

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "1",
        "1",
        "0",
        "0",
    )
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("climbing", climbing.headline)
    assert failure.text is not None
    assert "1. processed (app/processed.py:11): grew from" in failure.text
    assert all(reason in failure.text for reason in climbing.reasons)


def test_steady_passes(steady: Record) -> None:
    """A steady run is a case without a failure or an error."""
    suite = parsed(steady)
    case = suite.find("testcase")

    assert case is not None
    assert (case.get("name"), case.get("time")) == ("pipeline, bounded", "60.000")
    assert [child.tag for child in case] == ["properties"]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


@pytest.mark.parametrize("code", [1, 3, 7])
def test_not_shown_to_be_steady_is_a_failure(make_record: MakeRecord, code: int) -> None:
    """Only what was shown to be steady passes."""
    suite = parsed(make_record(result=result(exit_code=code)))

    assert suite.find("testcase/failure") is not None
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")


@pytest.mark.parametrize(
    ("code", "tag", "counts"),
    [
        (ExitCode.STEADY, None, ("3", "0", "0")),
        (ExitCode.NOT_PROVEN, "failure", ("3", "1", "0")),
        (ExitCode.SERVICE_DIED, "error", ("3", "0", "1")),
    ],
)
def test_what_several_show_together_alone_fails(
    climbing: Record, steady: Record, code: ExitCode, tag: str | None, counts: tuple[str, ...]
) -> None:
    """A planted leak is to climb: whether it was caught is a case of its own."""
    suite = parsed(steady, climbing, whole=Whole("proof", code, "it was caught"))
    *runs, last = suite.findall("testcase")

    assert tuple(suite.get(name) for name in ("tests", "failures", "errors")) == counts
    assert [child.tag for run in runs for child in run] == ["properties"] * 2
    assert (last.get("name"), [child.tag for child in last]) == ("proof", [] if tag is None else [tag])
    assert [child.get("message") for child in last] == ([] if tag is None else ["it was caught"])


def test_a_run_that_failed_is_an_error_beside_a_whole(make_record: MakeRecord) -> None:
    """It says nothing of the service's memory."""
    died = make_record(result=result(exit_code=4))
    assert parsed(died, whole=Whole("proof", ExitCode.SERVICE_DIED, "it failed")).get("errors") == "2"


@pytest.mark.parametrize("code", [2, 4, 5, 6, 130])
def test_not_judged_is_an_error(make_record: MakeRecord, code: int) -> None:
    """A run that went wrong says nothing of the service's memory."""
    suite = parsed(make_record(result=result(exit_code=code)))

    assert suite.find("testcase/error") is not None
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")


def test_numbers_are_properties(climbing: Record) -> None:
    """Slope, δ and limits are there for whoever draws them over builds."""
    properties = {p.get("name"): p.get("value") for p in parsed(climbing).iter("property")}

    assert properties["verdict"] == "climbing"
    assert float(properties["slope_bytes_per_hour"] or "nan") == 312 * MIB
    assert float(properties["delta_bytes_per_hour"] or "nan") == 17.5 * MIB
    assert properties["culprits"] == "processed, locks"


def test_one_case_a_record(climbing: Record, steady: Record, cut_short: Record) -> None:
    """Several runs are cases of one suite, and the sums are right."""
    suite = parsed(climbing, steady, cut_short)

    assert len(suite.findall("testcase")) == 3
    assert [suite.get(key) for key in ("tests", "failures", "errors", "time")] == ["3", "1", "1", "123.000"]


def test_what_xml_cannot_carry(make_record: MakeRecord) -> None:
    """Control characters and lone surrogates in a name do not make the file unreadable."""
    evil = "a\x00b\x1b\ud800]]><c>&\"'"
    record = make_record(title=evil, result=result(culprits=[culprit(1, evil, evil, evidence=evil)], reasons=[evil]))

    case = parsed(record).find("testcase")
    assert case is not None
    assert case.get("name") == "a\ufffdb\ufffd\ufffd]]><c>&\"'"
