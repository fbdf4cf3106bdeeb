"""What a report has to say about its run before any number: command, commit, machine, date, settings."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from floodmark_sidecar.units import format_bytes, format_duration
from floodmark_soak.plan import Plan


def about(plan: Plan, *, started: float) -> dict[str, str]:
    """Return the facts by name, in the order in which they are read."""
    name = Path(sys.argv[0]).name.replace("__main__.py", "floodmark")
    command = shlex.join([name, *sys.argv[1:]])
    census = "the last alone" if plan.soak.census_every is None else f"every {format_duration(plan.soak.census_every)}"
    facts = {
        "command": command,
        "date": datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "machine": machine(),
        "commit": _commit(plan),
        "floodmark": f"{version('floodmark')} on Python {platform.python_version()}",
        "plan": str(plan.path),
        "service": shlex.join(plan.service.command),
        "duration": format_duration(plan.soak.duration),
        "load": f"{plan.load.users} users, {plan.load.profile}, {plan.load.locustfile.name}",
        "readings": f"every {format_duration(plan.soak.read_every)}",
        "censuses": census,
    }
    return {name: fact for name, fact in facts.items() if fact}


def machine() -> str:
    """Return what this machine is, without what only its owner knows it by."""
    memory = format_bytes(psutil.virtual_memory().total)
    return f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, {memory}"


def _commit(plan: Plan) -> str:
    """Return the commit of the plan's repository; empty where there is none to be told."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(plan.path.parent), "rev-parse", "--short", "HEAD"],  # noqa: S607 -- the operator's git
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()
