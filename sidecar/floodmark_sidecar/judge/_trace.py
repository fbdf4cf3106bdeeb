"""A memory trace: readings of one service, one row for each worker and time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._columns import LABELS, in_order, is_numeric, split_map
from floodmark_sidecar.judge._counted import lives_by_counter
from floodmark_sidecar.judge._hops import levels_hopped
from floodmark_sidecar.judge._mixed import differ_at, differing, hops_between, turns_of
from floodmark_sidecar.judge._numbers import TraceError, to_numbers
from floodmark_sidecar.judge._times import Times
from floodmark_sidecar.judge._turns import in_turn_by_levels, most_in_turn
from floodmark_sidecar.judge._types import BoolArray, FloatArray, IntArray

_DEFAULTS: Final = {"worker": "0", "life": "1", "segment": "1"}


@dataclass(frozen=True, eq=False)
class Trace:
    """Readings sorted by time, then worker; one row for each worker and time.

    `t` is in seconds, `worker` indexes `workers`; `life` and `segment` index labels of their own. `columns` holds the
    numbers by name of CSV column, NaN where they were not measured. `notes` says what had to be put right, `lives_known`
    whether restarts were told of, by labels or by requests that are counted anew: where they were not, a restart is a fall of memory as any other. `mixed` says that rows of several workers go by one name.
    """

    t: FloatArray
    worker: IntArray
    workers: tuple[str, ...]
    life: IntArray
    lives: tuple[str, ...]
    segment: IntArray
    segments: tuple[str, ...]
    masked: BoolArray
    columns: Mapping[str, FloatArray]
    notes: tuple[str, ...] = ()
    lives_known: bool = True
    mixed: str = ""

    def __len__(self) -> int:
        return len(self.t)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> "Trace":
        """Return the trace of *rows*, whose keys are CSV columns and whose None, "" or NaN is "not measured".

        Unknown keys are ignored; times are seconds or ISO 8601. Raises `TraceError`, with the row's number, for what is no
        number where one should be.
        """
        listed = list(rows)
        names = {key for row in listed for key in row}
        cells: dict[str, Sequence[object]] = {name: [row.get(name) for row in listed] for name in names}
        return cls.from_cells(cells, len(listed), name="rows", lines=range(1, len(listed) + 1))

    @classmethod
    def from_cells(
        cls, cells: Mapping[str, Sequence[object]], count: int, *, name: str, lines: Sequence[int]
    ) -> "Trace":
        """Return the trace of *cells*, one sequence for each column; *lines* are the rows' lines, for errors."""
        numbers = {
            column: to_numbers(values, column=column, name=name, lines=lines)
            for column, values in cells.items()
            if is_numeric(column) and column != "t"
        }
        if "t" in cells:
            numbers["t"] = Times(name).read(cells["t"], lines)
        labels = {column: values for column, values in cells.items() if column in LABELS}
        return cls.from_columns(numbers, labels, count, name=name, lines=lines)

    @classmethod
    def from_columns(
        cls,
        numbers: Mapping[str, FloatArray],
        labels: Mapping[str, Sequence[object]],
        count: int,
        *,
        name: str,
        lines: Sequence[int],
    ) -> "Trace":
        """Return the trace of *count* rows with these columns; *lines* are the rows' lines, for errors."""
        numbers = dict(numbers)
        t = numbers.pop("t", np.full(count, np.nan))
        numbers.setdefault("uss_bytes", np.full(count, np.nan))
        _refuse(np.isnan(t), "t is empty", name=name, lines=lines)
        masked = np.nan_to_num(numbers.pop("masked", np.zeros(count)))
        _refuse((masked != 0) & (masked != 1), "masked must be 0 or 1", name=name, lines=lines)
        worker, life, segment = (_labels(labels.get(label), count, _DEFAULTS[label]) for label in LABELS)
        notes = _note_on_unnamed(labels.get("worker", ()))
        raw = cls(t, *worker, *life, *segment, masked == 1, numbers, notes, lives_known=_told(labels, "life"))
        return _with_counted_lives(raw._in_order(named=_told(labels, "worker")))

    @property
    def map_names(self) -> tuple[str, ...]:
        """The registered maps that the trace tells of."""
        return tuple(sorted({parts[0] for column in self.columns if (parts := split_map(column))}))

    def column(self, name: str) -> FloatArray:
        """Return one column; all NaN if the trace has none of that name."""
        found = self.columns.get(name)
        return np.full(len(self), np.nan) if found is None else found

    @property
    def used(self) -> FloatArray:
        """The bytes of memory in each row, swapped ones too; NaN where they were not measured."""
        uss, swap = self.column("uss_bytes"), self.columns.get("swap_bytes")
        return uss if swap is None else uss + np.nan_to_num(swap)

    def part(self, rows: BoolArray) -> "Trace":
        """Return the trace of some *rows* alone."""
        return replace(
            self,
            t=self.t[rows],
            worker=self.worker[rows],
            life=self.life[rows],
            segment=self.segment[rows],
            masked=self.masked[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
        )

    def rows(self) -> list[dict[str, object]]:
        """Return the readings as rows again: what was measured only, whole numbers as `int`."""
        ordered = in_order(set(self.columns))
        lists = {name: self.columns[name].tolist() for name in ordered}
        result: list[dict[str, object]] = []
        for i, t in enumerate(self.t.tolist()):
            row: dict[str, object] = {
                "t": _whole(t),
                "worker": self.workers[self.worker[i]],
                "life": self.lives[self.life[i]],
                "segment": self.segments[self.segment[i]],
                "masked": int(self.masked[i]),
            }
            row.update((name, _whole(lists[name][i])) for name in ordered if not math.isnan(lists[name][i]))
            result.append(row)
        return result

    def _in_order(self, *, named: bool) -> "Trace":
        """Return it in order, one row for each worker and time; *named* says whether workers were named at all."""
        later, same = np.diff(self.t) > 0, np.diff(self.t) == 0
        if np.all(later | (same & (np.diff(self.worker) > 0))):
            # As traces are written: a sorted copy of a month's readings takes as much memory again.
            mixed = self._in_turn(named=named)
            return replace(self, mixed=mixed) if mixed else self
        notes, differ = list(self.notes), 0
        if np.any(np.diff(self.t) < 0):
            notes.append("rows were out of order and have been sorted by time")
        order = np.lexsort((self.worker, self.t))
        repeated = (np.diff(self.t[order]) == 0) & (np.diff(self.worker[order]) == 0)
        columns = {name: values[order] for name, values in self.columns.items()}
        masked, keep = self.masked[order].copy(), np.append(~repeated, True) if len(order) else np.zeros(0, bool)
        if repeated.any():
            count = np.count_nonzero(repeated)
            rows = "1 row" if count == 1 else f"{count:,} rows"
            merged = f"{'has' if count == 1 else 'have'} been merged (the last one counts)"
            notes.append(f"{rows} repeated a worker's time and {merged}")
            differ = differing(columns["uss_bytes"], repeated)
            # Going forwards, each row takes over what the one it repeats measured and it did not; the last one stays.
            for i in np.flatnonzero(repeated).tolist():
                masked[i + 1] |= masked[i]
                for values in columns.values():
                    if math.isnan(values[i + 1]):
                        values[i + 1] = values[i]
        order = order[keep]
        trace = Trace(
            self.t[order],
            self.worker[order],
            self.workers,
            self.life[order],
            self.lives,
            self.segment[order],
            self.segments,
            masked[keep],
            {name: values[keep] for name, values in columns.items()},
            tuple(notes),
            self.lives_known,
        )
        mixed = differ_at(differ, named=len(self.workers) > 1) if differ else trace._in_turn(named=named)
        return replace(trace, mixed=mixed) if mixed else trace

    def _in_turn(self, *, named: bool) -> str:
        """Say that rows of several workers take turns; nothing where none do. Who names the one has said that it is one, and
        its levels alone do not contradict that.
        """
        used = self.column("uss_bytes")
        turns = most_in_turn(self.t, self.worker, self.life, used, self.column("requests_total"))
        if turns or named:
            return turns_of(turns, named=len(self.workers) > 1) if turns else ""
        turns = in_turn_by_levels(self.t, used)
        if turns:
            return turns_of(turns, named=False, surely=False)
        levels = levels_hopped(used)
        return hops_between(levels) if levels else ""


def _with_counted_lives(trace: Trace) -> Trace:
    """Return *trace* with the lives that only the counted requests tell of."""
    if trace.lives_known or trace.mixed or "requests_total" not in trace.columns:
        return trace
    life = lives_by_counter(trace.worker, trace.columns["requests_total"])
    last = int(life.max(initial=0))
    if not last:
        return trace
    count = sum(int(life[trace.worker == each].max()) for each in range(len(trace.workers)))
    falls = "falls once, and is taken for a restart" if count == 1 else f"falls {count:,} times, taken for restarts"
    labels = tuple(str(number) for number in range(1, last + 2))
    notes = (*trace.notes, f"requests_total {falls}: a `life` column would tell")
    return replace(trace, life=life, lives=labels, lives_known=True, notes=notes)


def _told(labels: Mapping[str, Sequence[object]], name: str) -> bool:
    """Say whether any row has a label of that *name*."""
    return any(cell is not None and cell != "" for cell in labels.get(name, ()))


def _labels(values: Sequence[object] | None, count: int, default: str) -> tuple[IntArray, tuple[str, ...]]:
    if values is None:
        return np.zeros(count, np.intp), (default,)
    texts = [default if value is None or value == "" else str(value) for value in values]
    names = tuple(sorted(set(texts), key=lambda text: (len(text), text)))
    index = {text: i for i, text in enumerate(names)}
    return np.array([index[text] for text in texts], np.intp), names


def _note_on_unnamed(workers: Sequence[object]) -> tuple[str, ...]:
    """Say how many rows have no name of a worker beside others that have one; *workers* are the names."""
    count = sum(cell is None or cell == "" for cell in workers)
    if not count or count == len(workers):
        return ()
    rows = "1 row without a `worker` is" if count == 1 else f"{count:,} rows without a `worker` are"
    return (f"{rows} taken for those of a worker named {_DEFAULTS['worker']}: name it in all rows or in none",)


def _refuse(bad: BoolArray, problem: str, *, name: str, lines: Sequence[int]) -> None:
    if bad.any():
        raise TraceError(problem, name=name, line=lines[int(np.flatnonzero(bad)[0])])


def _whole(number: float) -> float | int:
    return int(number) if number.is_integer() else number
