"""What locust's CSV files say: how many requests, how many failed, with what error, and how many by which time."""

import csv
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFIX: Final = "locust"


@dataclass(frozen=True)
class Sample:
    """One line of locust's history: epoch seconds, and what was counted from the start of the load to then."""

    t: float
    users: int
    requests: int
    failures: int


class History:
    """Locust's growing history file, read on from where the last look ended. Not thread-safe.

    Only the lines over all requests count here. Cost of a look: the lines written since the last one.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{PREFIX}_stats_history.csv"
        self._offset = 0
        self._columns: dict[str, int] = {}
        self.samples: list[Sample] = []

    def refresh(self) -> Sample | None:
        """Read what is new; return the latest sample, None before the first."""
        for cells in csv.reader(self._new_lines()):
            if not self._columns:
                self._columns = {name: index for index, name in enumerate(cells)}
            elif (sample := self._sample(cells)) is not None:
                self.samples.append(sample)
        return self.samples[-1] if self.samples else None

    def _new_lines(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode(errors="replace").splitlines()

    def _sample(self, cells: Sequence[str]) -> Sample | None:
        if len(cells) != len(self._columns) or cells[self._columns["Name"]] != "Aggregated":
            return None
        try:
            users, requests, failures = (
                int(cells[self._columns[name]]) for name in ("User Count", "Total Request Count", "Total Failure Count")
            )
            return Sample(float(cells[self._columns["Timestamp"]]), users, requests, failures)
        except ValueError:
            return None


class RequestCounter:
    """Requests counted by a time, from the samples of a history; between two samples in proportion."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._times: list[float] = []
        self._counts: list[int] = []
        base = previous = 0
        for sample in samples:
            # A locustfile may reset locust's statistics; the count here only ever rises.
            base += previous if sample.requests < previous else 0
            previous = sample.requests
            if self._times and sample.t <= self._times[-1]:
                self._counts[-1] = base + previous
            else:
                self._times.append(sample.t)
                self._counts.append(base + previous)

    @property
    def total(self) -> int:
        """Requests in all."""
        return self._counts[-1] if self._counts else 0

    def at(self, t: float) -> int | None:
        """Return the requests counted by *t* (epoch seconds); None where there is no history."""
        if not self._times:
            return None
        index = bisect_right(self._times, t)
        if index == 0:
            return 0
        if index == len(self._times):
            return self._counts[-1]
        before, after = self._times[index - 1], self._times[index]
        share = (t - before) / (after - before)
        return round(self._counts[index - 1] + share * (self._counts[index] - self._counts[index - 1]))


def most_common_error(folder: Path) -> str:
    """Return the error that locust has seen most often, in words; empty if it saw none.

    Failed requests come first; where there are none, exceptions of the locustfile itself.
    """
    failures = [
        (_number(row.get("Occurrences")), f"{row.get('Method')} {row.get('Name')}: {row.get('Error')}")
        for row in _rows(folder / f"{PREFIX}_failures.csv")
    ]
    exceptions = [
        (_number(row.get("Count")), f"the locustfile raised {row.get('Message')}")
        for row in _rows(folder / f"{PREFIX}_exceptions.csv")
    ]
    found = failures or exceptions
    return max(found)[1] if found else ""


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            yield from csv.DictReader(file)
    except FileNotFoundError:
        return


def _number(cell: str | None) -> int:
    return int(cell) if cell and cell.isdigit() else 0
