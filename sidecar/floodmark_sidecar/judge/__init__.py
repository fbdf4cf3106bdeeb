"""The judge: whether a memory trace is steady, climbing or neither. Pure functions on numpy arrays.

What lives where, in the order in which a trace goes through it:

- read: `_csv`, `_header`, `_columns`, `_times`, `_numbers` and `_sizes` make a `_trace`, of which `_mixed` says
  whether rows of several workers are in it that nothing tells apart, also where they take `_turns` or `_hops` tell; lives without
  labels are `_counted` by requests
- ready to judge: `_frame`, its instants by `_rounds` of readings, of it the `_lives` of each worker, their `_beginnings`, their `_ageing` and their
  `_copies` of a master's pages
- what sessions and bounded maps hold, taken out: `_held`
- one series: `_finding`, by its `_floors` (over the release `_cycle`), its `_warmup` and its `_teeth` that ended, `_slope` (about a `_curve`; `_within` lives
  where workers are replaced), δ and the detection limit (`_delta`), `_persistence`, `_shape`, what a small slope may
  have `_hidden`, and its `_jumps`, `_falls` and `_onset`
- where memory alone decides nothing: what is `_in_use`, which also tells a few levels (`_stairs`) from growth that goes on,
  and the `_load` as the axis instead of time
- beside the sum: `_workers`, `_maps` and `_counts`, as one family in `_beside` (`_holm`)
- a run that is not over: `_looks`, and `_failure` for when it would first have failed
- what was found is `_evidence`, what that says for and against a verdict the `_case`
- restarts: the `_last_lives` by themselves, and falls in a trace that tells of none (`_unlabelled`); `_restarts` is what both say
- the `_verdict`, which `_conclude` draws: its `_account` in sentences (`_reasons`, `_reasons_beside`, `_climbers`, `_departures`),
  the `_ledger`, growth by request (`_requests`) and growth that had ended before (`_filled`), how much `_longer` a run should
  take, by the `_wave` it follows too, when its `_highs` are at the plan's limit, and what to do `_next`;
  the `_decisive` series that it names, for pictures
- why: `_explain`, by each `_condition` (`_conditions`, `_conditions_beside`)

`_judge` leads through all of it by its `_settings`; `_ranks` has the statistics and `_types` the arrays that all of it uses.
"""

from floodmark_sidecar.judge._condition import Condition
from floodmark_sidecar.judge._csv import format_csv, parse_csv
from floodmark_sidecar.judge._decisive import Decisive
from floodmark_sidecar.judge._explain import Explanation, Way, explain
from floodmark_sidecar.judge._failure import first_failure
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._judge import judge
from floodmark_sidecar.judge._looks import looks
from floodmark_sidecar.judge._numbers import TraceError
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._sizes import sizes_problem
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._verdict import Verdict

__all__ = [
    "Condition",
    "Decisive",
    "Explanation",
    "Finding",
    "Settings",
    "Trace",
    "TraceError",
    "Verdict",
    "Way",
    "explain",
    "first_failure",
    "format_csv",
    "judge",
    "looks",
    "parse_csv",
    "sizes_problem",
]
