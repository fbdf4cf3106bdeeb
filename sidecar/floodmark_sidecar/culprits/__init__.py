"""Names what grows: captures and series in, ranked culprits out. Pure; the files are read by others."""

from floodmark_sidecar.culprits._capture import Capture, Container, Owner, parse_capture
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._lines import Window, parse_window
from floodmark_sidecar.culprits._rank import rank

__all__ = ["Capture", "Container", "Culprit", "Owner", "Window", "parse_capture", "parse_window", "rank"]
