"""What floodmark can see of a process where it runs, and what of its interpreter and allocator looks like a leak."""

from floodmark_sidecar.doctor._facts import Facts
from floodmark_sidecar.doctor._finding import Finding, Level
from floodmark_sidecar.doctor._findings import findings
from floodmark_sidecar.doctor._reader import NoProcessError, Reader

__all__ = ["Facts", "Finding", "Level", "NoProcessError", "Reader", "findings"]
