"""Virtual environments that hold one requirement each, kept between runs."""

import hashlib
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import FloodmarkError

_MARK: Final = "installed.txt"
_MOST_SECONDS: Final = 600


class InstallError(FloodmarkError):
    """Raised when a requirement cannot be installed."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment: its interpreter, where its packages are, and which there are (`name==version`)."""

    python: Path
    packages: Path
    installed: tuple[str, ...]


def prepared(requirement: str, cache: Path) -> Environment:
    """Return the environment of *requirement* below *cache*, made where it is not there; empty is the bare interpreter.

    It has the version of Python that runs this. Raises `InstallError`, with what pip says. One caller at a time.
    """
    folder = cache / _name(requirement)
    python = folder / "bin" / "python"
    mark = folder / _MARK
    if not mark.exists():
        venv.create(folder, clear=True, symlinks=True, with_pip=False)
        if requirement:
            _pip(python, "install", "--quiet", *shlex.split(requirement), why=f"{requirement} cannot be installed")
        listed = _pip(python, "list", "--format=freeze", why=f"what came with {requirement} cannot be listed")
        mark.write_text(listed, encoding="utf-8")
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    return Environment(python, packages, tuple(mark.read_text(encoding="utf-8").split()))


def _name(requirement: str) -> str:
    """Return a folder's name for *requirement* and this interpreter: readable, and its own."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", requirement).strip("-")[:48] or "bare"
    digest = hashlib.sha256(f"{requirement} {sys.version} {sys.base_prefix}".encode()).hexdigest()[:8]
    return f"{readable}-{digest}"


def _pip(python: Path, *words: str, why: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_MOST_SECONDS)
    except subprocess.TimeoutExpired:
        raise InstallError(why, hint=f"pip took more than {_MOST_SECONDS} s") from None
    if done.returncode:
        raise InstallError(why, hint=done.stderr.strip()[-1000:])
    return done.stdout
