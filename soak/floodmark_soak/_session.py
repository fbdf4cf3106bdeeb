"""What all ways to soak have in common: where the files go, who is told what, and one run of one plan."""

import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TextIO

from floodmark_sidecar.cli._streams import give_up
from floodmark_sidecar.errors import UsageError
from floodmark_soak._github import add_summary, annotation
from floodmark_soak._interrupts import Interrupts
from floodmark_soak._output import write_whole
from floodmark_soak._progress import reporter
from floodmark_soak._whole import Whole
from floodmark_soak._words import say_run
from floodmark_soak.plan import Plan
from floodmark_soak.runner import Run, Wish

if TYPE_CHECKING:
    from floodmark_soak._outcome import Outcome
    from floodmark_soak.report import Record

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Session:
    """One call of `floodmark soak`: its *output* folder, if one was asked for, and whether its result goes out as *as_json*."""

    def __init__(self, *, output: Path | None, as_json: bool, wish: Wish, interrupts: Interrupts) -> None:
        self.wish, self.interrupts = wish, interrupts
        self._output, self._as_json = output, as_json
        self.words = sys.stderr if as_json else sys.stdout

    def folder(self, name: str) -> Path:
        """Return the output folder: the one asked for, else one of its own by *name* and time."""
        if self._output is not None:
            return self._output.absolute()
        stem = f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        return next(folder for each in names if not (folder := Path("soak-output", each).absolute()).exists())

    def empty_folder(self, name: str) -> Path:
        """Return the output folder of several runs; raises `UsageError` if something is in it."""
        folder = self.folder(name)
        if folder.is_dir() and any(folder.iterdir()):
            msg = f"the output folder {folder} is not empty"
            raise UsageError(msg, hint="--output names another; a new or empty one is needed")
        return folder

    def run(
        self, plan: Plan, folder: Path, *, title: str = "", wish: Wish | None = None, more: Mapping[str, str] = _NOTHING
    ) -> "tuple[Outcome, Record]":
        """Run *plan* into *folder*, under the environment with *more* in it; *title* names it while it goes on."""
        told = reporter(title or plan.name)
        try:
            base = {**os.environ, **more}
            run = Run(
                plan,
                folder,
                reporter=told,
                interrupts=self.interrupts,
                base=base,
                wish=self.wish if wish is None else wish,
            )
            return run.run()
        finally:
            told.close()

    def say_run(self, result: Mapping[str, Any], folder: Path) -> None:
        """Say what one run came to."""
        tell(self.words, lambda: say_run(result, self.report(folder), self.words))

    def report(self, folder: Path) -> str:
        """Return where the report in *folder* is, in words where there is none."""
        report = folder / "report.html"
        return str(report) if report.exists() else "none was written"

    def finish(
        self,
        folder: Path,
        records: "Sequence[Record]",
        result: Mapping[str, Any],
        whole: Whole,
        say: Callable[[], object],
    ) -> int:
        """Write the reports over *records* and what they show as a *whole*, *say* it, print *result*, and return the code."""
        try:
            write_whole(folder / "result.json", f"{json.dumps(result, indent=2, allow_nan=False)}\n")
            if not self.interrupts.hurried:
                _write_combined(folder, records, whole)
        finally:
            tell(self.words, say)
        first = {**records[0].result, "exit_code": int(whole.exit_code)}
        self.show(folder, first, f"{whole.title}: {whole.sentence}")
        self.print(result)
        return int(whole.exit_code)

    def show(self, folder: Path, result: Mapping[str, Any], sentence: str) -> None:
        """Show the page in *folder* and *sentence* where the job that floodmark runs in is looked at."""
        page = folder / "summary.md"
        if page.exists():
            add_summary(page.read_text(encoding="utf-8"))
        tell(self.words, lambda: self.words.write(annotation(result, sentence)))

    def print(self, result: Mapping[str, Any]) -> None:
        """Print *result* as one JSON object, if that was asked for."""
        if self._as_json:
            tell(sys.stdout, lambda: sys.stdout.write(f"{json.dumps(result, allow_nan=False)}\n"))


def _write_combined(folder: Path, records: "Sequence[Record]", whole: Whole) -> None:
    from floodmark_soak.report import render_html, render_junit, render_summary  # noqa: PLC0415 -- charts load slowly

    write_whole(folder / "summary.md", render_summary(records, whole))
    write_whole(folder / "junit.xml", render_junit(records, whole))
    write_whole(folder / "report.html", render_html(records, whole))


def tell(stream: TextIO, say: Callable[[], object]) -> None:
    """Write to *stream*; whoever reads it may be gone or full, which changes nothing of what the run came to."""
    try:
        say()
        stream.flush()
    except OSError as error:
        give_up(stream)
        if stream is sys.stdout:
            with contextlib.suppress(OSError):
                sys.stderr.write(
                    f"floodmark: the result could not be printed: {error.strerror}; it is in result.json\n"
                )
