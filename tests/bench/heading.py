"""What every report of a bench says first, and how a bench says how far it is."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime


def heading(module: str, target: str, *, sources: str = "") -> dict[str, str]:
    """Return command, commit, machine and date of *module*, which `make` *target* runs; asked for before it writes.

    What a bench writes makes the checkout dirty. *sources* is the hash of what alone matters, where there is one.
    """
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)  # noqa: S607 - git is wherever the developer has it
    commit = asked.stdout.strip()
    return {
        "command": f"{shlex.join(['python', '-m', module, *sys.argv[1:]])} (`make {target}`)",
        "commit": f"{commit}, sources {sources}" if sources else commit,
        "machine": f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def say(text: str) -> None:
    """Say how far the bench is."""
    sys.stderr.write(f"bench: {text}\n")
