"""What a run is a run of: its plan, its load and the service's own code. A run that goes on must be of the same."""

import hashlib
import itertools
import json
import os
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from floodmark_soak.plan import Plan

_MOST_FILES: Final = 2000
"""Files of a service that are looked at; one that has more is told apart by its packages alone."""

_MOST_NAMES: Final = 100_000
_MOST_BYTES: Final = 4 << 20
_ASKS_FOR: Final = 30.0
_SUFFIXES: Final = (".py", ".toml", ".cfg", ".ini", ".yaml", ".yml")
_LOCKS: Final = frozenset({"Pipfile.lock", "conda.lock", "pdm.lock", "pixi.lock", "poetry.lock", "uv.lock"})
"""Any other file with such a name may be one that the service holds while it runs."""

_NAMED: Final = "requirements"
_PASSED_OVER: Final = frozenset({"node_modules", "__pycache__", "site-packages"})
_PACKAGES: Final = """
import json, sys
from importlib.metadata import distributions
found = {each.metadata["Name"]: each.version for each in distributions() if each.metadata["Name"]}
print(json.dumps({"python": sys.version.split()[0], "packages": found}))
"""


def plan_identity(plan: Plan) -> dict[str, Any]:
    """Return what *plan* asks for, as it is written, with its load's own code; what only names this machine is left out."""
    asked = tomllib.loads(plan.path.read_text(encoding="utf-8"))
    env = json.dumps(dict(plan.service.env), sort_keys=True)
    # Its values may be secrets, and what is written here is carried from machine to machine.
    asked["service"] = {**asked["service"], "env": hashlib.sha256(env.encode()).hexdigest()[:8]}
    return {"asked": asked, "duration": plan.soak.duration, "locustfile": _digest(plan.load.locustfile)}


def service_identity(plan: Plan, *, base: Mapping[str, str], output: Path) -> dict[str, Any]:
    """Return what the service of *plan* is: digests of its source and settings below its folder, and its interpreter's packages.

    Files in *output* are the run's. A part that cannot be told is empty: it is not compared.
    """
    cwd = plan.service.cwd
    found = list(itertools.islice(_files(cwd, output), _MOST_FILES + 1))
    few = len(found) <= _MOST_FILES and None not in found
    files = {str(path.relative_to(cwd)): _digest(path) for path in found if path is not None} if few else {}
    return {"files": files, "command": _programs(plan), **_packages(plan, base)}


def _programs(plan: Plan) -> dict[str, str]:
    """Return the digests of the source and the settings that the command names, which may lie outside the service's folder."""
    named = (plan.service.cwd / word for word in plan.service.command if word.endswith(_SUFFIXES))
    return {path.name: _digest(path) for path in named if path.is_file()}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return a clause for each thing in which *after* is not *before*; parts that either could not tell are passed over."""
    found: list[str] = []
    for part in before:
        old, new = before[part], after.get(part)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _of_mapping(part, old, new) if old and new else ()
        elif old != new and old and new:
            found.append(f"{part} was {_brief(old)} and is {_brief(new)}")
    return found


def _of_mapping(part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        name = key if part in ("files", "command", "packages", "asked") else f"{part}.{key}"
        if key not in new:
            yield f"{name} is gone"
        elif key not in old:
            yield f"{name} is new"
        elif isinstance(old[key], Mapping) and isinstance(new[key], Mapping):
            yield from _of_mapping(name, old[key], new[key])
        elif old[key] != new[key]:
            yield (
                f"{name} has changed"
                if part in ("files", "command")
                else f"{name} was {_brief(old[key])} and is {_brief(new[key])}"
            )


def _brief(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _files(folder: Path, output: Path) -> Iterator[Path | None]:
    """Yield the files of a service that say what it does, in a fixed order; environments and hidden folders are not its own.

    None where there is too much to look through, as in a folder of data.
    """
    seen = 0
    for where, folders, names in os.walk(folder):
        here = Path(where)
        seen += len(folders) + len(names)
        if seen > _MOST_NAMES:
            yield None
            return
        folders[:] = sorted(name for name in folders if _is_own(here / name, output))
        for name in sorted(names):
            if not name.startswith(".") and (name.endswith(_SUFFIXES) or name in _LOCKS or name.startswith(_NAMED)):
                yield here / name


def _is_own(folder: Path, output: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _PASSED_OVER or folder.name == "soak-output":
        return False
    return folder != output and not (folder / "pyvenv.cfg").exists() and not (folder / "run.json").exists()


def _digest(path: Path) -> str:
    """Return what tells the content of *path* from another; of a large file its size, nothing of one that cannot be read."""
    try:
        size = path.stat().st_size
        return f"{size} bytes" if size > _MOST_BYTES else hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def _packages(plan: Plan, base: Mapping[str, str]) -> dict[str, Any]:
    """Ask the service's interpreter what it has; what is no Python, or does not answer, has nothing to tell."""
    try:
        asked = subprocess.run(
            [plan.service.python, "-c", _PACKAGES],
            env={**base, **plan.service.env},
            cwd=plan.service.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_ASKS_FOR,
        )
        answer = json.loads(asked.stdout)
        return {"python": str(answer["python"]), "packages": dict(answer["packages"])}
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return {"python": "", "packages": {}}
