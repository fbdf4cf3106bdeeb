"""The shape of the project: what may import what, and what must not be loaded."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import floodmark_caches
import floodmark_sidecar
import floodmark_soak

PACKAGES = {
    module.__name__: Path(str(module.__file__)).parent
    for module in (floodmark_caches, floodmark_sidecar, floodmark_soak)
}
MAY_IMPORT: dict[str, set[str]] = {
    "floodmark_caches": set(),
    "floodmark_sidecar": {"floodmark_caches"},
    "floodmark_soak": {"floodmark_caches", "floodmark_sidecar"},
}


def imports_of(file: Path) -> set[str]:
    """The dotted names that *file* imports, relative imports left out: they cannot leave the package."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module))
    return found


def loaded_by(statement: str) -> set[str]:
    """The top-level names of the modules that a fresh interpreter has loaded after *statement*."""
    code = f"{statement}\nimport sys; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return {name.partition(".")[0] for name in output.split()}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    """Soak may use sidecar and caches, sidecar may use caches, caches uses neither."""
    ours = set(PACKAGES) - {package}
    for file in PACKAGES[package].rglob("*.py"):
        used = {name.partition(".")[0] for name in imports_of(file)} & ours

        assert used <= MAY_IMPORT[package], f"{file} imports {used - MAY_IMPORT[package]}"


@pytest.mark.parametrize("part", ["judge", "culprits"])
def test_the_pure_parts_do_no_io(part: str) -> None:
    """Judge and culprits are functions of data: no files, sockets, processes or clocks."""
    banned = {"os", "pathlib", "socket", "subprocess", "sqlite3", "time", "psutil", "threading", "asyncio"}
    for file in (PACKAGES["floodmark_sidecar"] / part).rglob("*.py"):
        assert not {name.partition(".")[0] for name in imports_of(file)} & banned, file


@pytest.mark.parametrize(
    ("statement", "must_not"),
    [
        (
            "import floodmark_caches",
            {"psutil", "pympler", "objgraph", "numpy", "fastapi", "locust", "gevent", "pytest", "floodmark_sidecar"},
        ),
        (
            "import floodmark_sidecar.agent",
            {"psutil", "pympler", "objgraph", "numpy", "fastapi", "rich", "cachetools", "asyncio", "locust", "pytest"},
        ),
        ("import floodmark_sidecar.judge", {"scipy", "fastapi", "locust", "gevent", "pytest"}),
        ("import floodmark_sidecar.culprits", {"scipy", "fastapi", "locust", "gevent", "pytest"}),
        ("import floodmark_sidecar.cli", {"numpy", "scipy", "fastapi", "locust", "gevent", "pytest"}),
        ("import floodmark_soak.command", {"scipy", "matplotlib", "fastapi", "locust", "gevent", "pytest"}),
        ("import floodmark_soak.runner", {"locust", "gevent", "pytest"}),
    ],
)
def test_importing_a_part_loads_only_what_it_needs(statement: str, must_not: set[str]) -> None:
    """Start-up stays cheap, and gevent never patches a process of ours."""
    assert not loaded_by(statement) & must_not


@pytest.mark.parametrize(
    "facade",
    [
        "floodmark_caches",
        "floodmark_sidecar.agent",
        "floodmark_sidecar.judge",
        "floodmark_sidecar.culprits",
        "floodmark_sidecar.store",
        "floodmark_soak.report",
    ],
)
def test_a_facade_exports_what_it_says(facade: str) -> None:
    """Every name in `__all__` is there, and the list is sorted and without repeats."""
    module = import_module(facade)

    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed_and_its_folder_is_not_one(package: str) -> None:
    """py.typed ships, and the folder above stays free of an `__init__.py`, or it would shadow other people's packages."""
    assert (PACKAGES[package] / "py.typed").is_file()
    assert not (PACKAGES[package].parent / "__init__.py").exists()
