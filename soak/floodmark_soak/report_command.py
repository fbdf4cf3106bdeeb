"""`floodmark report`: judge the run in a folder as it is, write its report anew, and end with its code."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import UsageError
from floodmark_soak._github import add_summary, annotation
from floodmark_soak._outcome import conclude
from floodmark_soak._output import Output
from floodmark_soak._readings import tidy
from floodmark_soak._recorded import record, write_reports, write_result
from floodmark_soak._resume import without_interrupts
from floodmark_soak._story import load_story
from floodmark_soak._words import say_run, verdict

NAME: Final = "report"
HELP: Final = "judge the run in a folder as it is, write its report anew, and end with its exit code"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `floodmark report`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the output folder of a soak run, whole or not")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, all else on standard error"
    )


def run(args: argparse.Namespace) -> int:
    """Judge the run anew and return its exit code: of one that lacks something, 0 never. Raises `UsageError` where there is none."""
    if not (args.folder / "run.json").is_file():
        msg = f"there is no run in {args.folder}: it has no run.json"
        raise UsageError(msg, hint="name the folder that was the --output of a soak")
    output = Output(args.folder, resume=True)
    try:
        story = without_interrupts(load_story(output.story))
        outcome = conclude(story, output, final=True)
        tidy(output.store)
        write_result(output, outcome)
        write_reports(output, record(story, outcome))
    finally:
        output.release()
    words = sys.stderr if args.json else sys.stdout
    say_run(outcome.result, str(output.report), words)
    add_summary(output.summary.read_text(encoding="utf-8"))
    words.write(annotation(outcome.result, f"{story.name}: {verdict(outcome.result)}"))
    if args.json:
        sys.stdout.write(f"{json.dumps(outcome.result, allow_nan=False)}\n")
    return outcome.exit_code
