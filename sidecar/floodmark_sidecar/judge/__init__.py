"""The judge: whether a memory trace is steady, climbing or neither. Pure functions on numpy arrays."""

from floodmark_sidecar.judge._condition import Condition
from floodmark_sidecar.judge._csv import format_csv, parse_csv
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
