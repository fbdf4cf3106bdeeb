"""The judge: whether a memory trace is steady, climbing or neither. Pure functions on numpy arrays."""

from floodmark_sidecar.judge._csv import format_csv, parse_csv
from floodmark_sidecar.judge._judge import judge
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._trace import Trace, TraceError
from floodmark_sidecar.judge._verdict import Verdict

__all__ = ["Settings", "Trace", "TraceError", "Verdict", "format_csv", "judge", "parse_csv"]
