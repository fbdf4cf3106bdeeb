"""The Markdown summary: the same verdict and culprits on one page."""

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._whole import Whole
from floodmark_soak.report import Record, render_summary
from tests.soak.report.samples import MakeRecord, culprit, result


def test_says_what_the_result_says(climbing: Record) -> None:
    """Verdict, culprits, reasons and limits are on the page."""
    text = render_summary([climbing])

    assert "## ▲ pipeline, leaky: climbing" in text
    assert "**Memory climbs by 312 MiB an hour (305 MiB to 319 MiB).**" in text
    assert "| 1 | `processed` | `app/processed.py:11` | +72,000/h | +100 MiB/h | 60% | grew from 1,000" in text
    for sentence in (*climbing.reasons, *climbing.unseen, *climbing.all_notes):
        assert f"- {sentence}" in text
    assert "| command | `floodmark soak plan.toml` |" in text


def test_a_fix_is_a_sentence_and_lines_to_paste(climbing: Record) -> None:
    """The lines are code, whatever is in them."""
    text = render_summary([climbing])

    assert "In place of `processed`, a SeenSet of at most 20,000 entries, each for 1 h: none of 90 entries" in text
    assert (
        '\n    from floodmark_caches import SeenSet\n\n    processed = SeenSet("app.processed", maxsize=20_000' in text
    )


def test_several_runs_are_compared_first(climbing: Record, steady: Record) -> None:
    """A table of the verdicts comes first."""
    lines = render_summary([climbing, steady]).splitlines()

    assert lines[4] == "| pipeline, leaky | ▲ climbing | +312 MiB/h | +17.5 MiB/h | `processed`, `locks` |"
    assert lines[5] == "| pipeline, bounded | ✓ steady | +1.0 MiB/h | +17.5 MiB/h | nothing |"


def test_a_segment_that_is_done_is_not_steady(make_record: MakeRecord) -> None:
    """It ends with 0, for there is more to come; nobody is to take that for a verdict."""
    left = "2 min of 3 min are still to come."
    record = make_record(result=result(verdict="inconclusive", exit_code=0, reasons=[left]))
    text = render_summary([record])
    assert "steady" not in text
    assert "Nothing is shown so far: 2 min of 3 min are still to come.**" in text
    assert (record.status.word, record.status.tone) == ("goes on", "unsure")


def test_what_several_show_together_comes_first(climbing: Record, steady: Record) -> None:
    """In a sentence, before any run."""
    text = render_summary([climbing, steady], Whole("compared", ExitCode.CLIMBING, "the new version adds 2 MiB/h"))
    assert text.splitlines()[2] == "**compared: the new version adds 2 MiB/h.**"


def test_a_run_cut_short(cut_short: Record) -> None:
    """A result of nulls still makes a page."""
    text = render_summary([cut_short])

    assert "interrupted" in text
    assert "None" not in text
    assert "nan" not in text


def test_markdown_of_a_service_is_text(make_record: MakeRecord) -> None:
    """Names and sentences of a service cannot break a table, open a tag or end a code span."""
    evil = "a|b`c`<img src=x>\n# d *e* [f](g)"
    record = make_record(title=evil, result=result(reasons=[evil], culprits=[culprit(1, evil, evil, evidence=evil)]))
    text = render_summary([record])

    row = next(line for line in text.splitlines() if line.startswith("| 1 |"))
    assert row.replace(r"\|", "").count("|") == 8
    assert "`a\\|b'c'<img src=x> # d *e* [f](g)`" in row
    assert r"- a\|b\`c\`\<img src=x\> # d \*e\* \[f\](g)" in text
    assert not any(line.startswith("# d") for line in text.splitlines())


def test_many_culprits_are_cut(make_record: MakeRecord) -> None:
    """A summary names ten and says how many more there are."""
    many = [culprit(number, f"c{number}", f"app.c{number}") for number in range(1, 15)]

    assert "4 more are in the report" in render_summary([make_record(result=result(culprits=many))])


def test_a_run_that_cannot_tell_says_what_would(make_record: MakeRecord) -> None:
    """What climbs has its culprits instead."""
    asked = "add the column `sessions`"
    undecided = make_record(result=result(verdict="inconclusive", exit_code=3, next=asked, culprits=[]))

    assert "### What would tell\n\n- add the column \\`sessions\\`" in render_summary([undecided])
    assert "What would tell" not in render_summary([make_record(result=result(next=asked))])
