"""Names what grows: captures and series in, ranked culprits out. Pure; the files are read by others."""

from floodmark_sidecar.culprits._capture import Capture, Container, Owner, parse_capture
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._diff import Change, Changes, ContainerChange, Diff, LineChange, TypeChange, diff
from floodmark_sidecar.culprits._fix import Fix
from floodmark_sidecar.culprits._heaviest import Heavy, heaviest
from floodmark_sidecar.culprits._lines import Window, parse_window
from floodmark_sidecar.culprits._native_windows import NativeWindow, parse_native_window
from floodmark_sidecar.culprits._rank import rank
from floodmark_sidecar.culprits._retainers import Retainer, graph, path_text
from floodmark_sidecar.culprits._snapshot import Snapshot, parse_snapshot

__all__ = [
    "Capture",
    "Change",
    "Changes",
    "Container",
    "ContainerChange",
    "Culprit",
    "Diff",
    "Fix",
    "Heavy",
    "LineChange",
    "NativeWindow",
    "Owner",
    "Retainer",
    "Snapshot",
    "TypeChange",
    "Window",
    "diff",
    "graph",
    "heaviest",
    "parse_capture",
    "parse_native_window",
    "parse_snapshot",
    "parse_window",
    "path_text",
    "rank",
]
