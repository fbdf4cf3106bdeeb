"""The end of a run in words."""

import io
from typing import Any

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._words import say_run, say_variants, variants_show, verdict

MIB = 1 << 20


def result(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "plan": {"name": "web"},
        "verdict": kind,
        "duration_seconds": 180.0,
        "slope_bytes_per_hour": {"estimate": 50 * MIB, "low": 40 * MIB, "high": 60 * MIB},
        "delta_bytes_per_hour": 2 * MIB,
        "reasons": ["8 readings are too few"],
        "problems": [],
        "culprits": [],
        "remaining_seconds": 0.0,
        "segments": [],
        **more,
    }


CULPRIT = {
    "rank": 1,
    "kind": "container",
    "name": "move_locks",
    "where": "app/scheduler.py:99",
    "path": "app." + "very_long_module_name." * 8 + "Scheduler.move_locks",
    "share": 0.61,
    "bytes_per_hour": 30 * MIB,
    "entries_per_hour": 1234.0,
}


def test_a_climb_is_told_with_its_rate_and_interval() -> None:
    """How fast, and how sure."""
    assert verdict(result("climbing")) == ("climbing by +50.0 MiB/h (between +40.0 MiB/h and +60.0 MiB/h) over 3 min")


def test_steady_says_what_it_could_not_have_seen() -> None:
    """The limit of this run's sight, per hour and per day."""
    assert verdict(result("steady")) == (
        "steady over 3 min: it grows by less than 2.0 MiB/h (48.0 MiB/day); to rule out less takes a longer run"
    )


def test_a_run_in_segments_says_so() -> None:
    """With the longest life, beyond which nothing was seen; a segment that never came under load is none."""
    segments = [{"seconds": 90.0}, {"seconds": 0.0}, {"seconds": 90.0}]
    told = verdict(result("steady", segments=segments, longest_life_seconds=92.0))
    assert told.startswith(
        "steady over 3 min in 2 segments, in which no process lived longer than 1 min 32 s: it grows"
    )
    assert " in " not in verdict(result("climbing", segments=segments[:2], longest_life_seconds=92.0))


def test_a_segment_says_how_the_run_goes_on() -> None:
    """Only where there is more to come, and nothing went wrong."""
    segment = {"remaining_seconds": 90.0, "segments": [{"seconds": 90.0, "ended": "segment"}]}
    killed = {"remaining_seconds": 90.0, "segments": [{"seconds": 90.0, "ended": "killed"}]}
    told = []
    for more in (segment, killed, {}):
        stream = io.StringIO()
        say_run(result("inconclusive", **more), "report.html", stream)
        told.append("give the command of this soak --resume" in stream.getvalue())
    assert told == [True, False, False]


def test_inconclusive_says_why() -> None:
    """The first reason is in the sentence."""
    assert verdict(result("inconclusive")) == "inconclusive after 3 min: 8 readings are too few"


def test_unknown_numbers_are_left_out() -> None:
    """Nothing is made up where nothing was measured."""
    unknown = {"estimate": None, "low": None, "high": None}

    assert verdict(result("climbing", slope_bytes_per_hour=unknown)) == "climbing over 3 min"
    assert verdict(result("steady", delta_bytes_per_hour=None)) == "steady after 3 min: 8 readings are too few"


def test_the_end_of_a_run_names_culprits_whole() -> None:
    """Every part of a culprit is there, however long its path: folded, not cut."""
    stream = io.StringIO()

    say_run(result("climbing", culprits=[CULPRIT]), "/out/report.html", stream)

    said = stream.getvalue()
    for word in ("web: climbing", "move_locks", "app/scheduler.py:99", "61%", "+30.0 MiB/h", "+1,234 entries/h"):
        assert word in said
    assert "…" not in said
    assert "report: /out/report.html" in said


def test_the_end_of_a_run_has_the_lines_that_would_bound_the_first() -> None:
    """Those of the first culprit that a map would bound; the report has the others."""
    fix = {
        "title": "KeyedLocks",
        "why": "an entry lives while it is held",
        "code": "import x\n\nlocks = KeyedLocks('l')",
    }
    stream = io.StringIO()
    culprits = [{**CULPRIT, "kind": "type", "fix": None}, {**CULPRIT, "fix": fix}, {**CULPRIT, "fix": fix}]

    say_run(result("climbing", culprits=culprits), "/out/report.html", stream)

    assert (
        "in place of Scheduler.move_locks, a KeyedLocks\n  an entry lives while it is held\n\n"
        "    import x\n\n    locks = KeyedLocks('l')\n\nthe report has such lines for 1 more\n"
    ) in stream.getvalue()


def test_the_end_of_a_run_tells_what_went_wrong() -> None:
    """Message, output and hint."""
    problem = {"exit_code": 4, "message": "the service died; its last output:\n    boom", "hint": "look there"}
    stream = io.StringIO()

    say_run(result("inconclusive", problems=[problem]), "none", stream)

    assert "floodmark: the service died; its last output:\n    boom\n  hint: look there\n" in stream.getvalue()


def test_the_variants_end_in_one_table_and_one_sentence() -> None:
    """Both verdicts, the culprits' names, and what the two together show."""
    stream = io.StringIO()
    results = {"leaky": result("climbing", culprits=[CULPRIT]), "bounded": result("steady")}

    say_variants(results, variants_show(ExitCode.STEADY), "/out/report.html", stream)

    said = stream.getvalue()
    for word in ("leaky", "climbing", "move_locks", "bounded", "steady", "none", "the leak was caught"):
        assert word in said
    assert said.endswith("report: /out/report.html\n")


def test_a_proof_that_failed_says_what_was_missed() -> None:
    """Exit code 7 in words."""
    stream = io.StringIO()

    say_variants({"leaky": result("inconclusive")}, variants_show(ExitCode.NOT_PROVEN), "none", stream)

    assert "the leak was not caught" in stream.getvalue()
