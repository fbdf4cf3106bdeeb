"""Which run of the machine this is."""

from pathlib import Path


def this_boot(proc: Path = Path("/proc")) -> str:
    """A name of this run of the machine, the same for all of its processes; "" where the system has none."""
    try:
        return (proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
