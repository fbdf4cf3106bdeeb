"""What is said of the allocator."""

from typing import Any

import pytest

from floodmark_sidecar.doctor import Level
from tests.sidecar.doctor.conftest import MIB, found, names


@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc", "mimalloc"])
def test_another_allocator_that_is_loaded(name: str) -> None:
    """It is named by its file, and glibc's arenas are not spoken of."""
    libraries = frozenset({"libc.so.6", f"lib{name}.so.2"})
    assert found("malloc", code={"libraries": libraries}).value == name
    assert "malloc arenas" not in names(code={"libraries": libraries})


def test_musl() -> None:
    """No census is taken with it."""
    finding = found("malloc", code={"libraries": frozenset({"ld-musl-x86_64.so.1"}), "glibc": None})
    assert (finding.level, finding.value) == (Level.PROBLEM, "musl")


@pytest.mark.parametrize(("glibc", "level"), [((2, 31), Level.NOTE), ((2, 33), Level.FINE), ((2, 41), Level.FINE)])
def test_versions_of_glibc(glibc: tuple[int, int], level: Level) -> None:
    """Before 2.33 it gives no account that can be trusted."""
    assert found("malloc", code={"glibc": glibc}).level == level


@pytest.mark.parametrize(
    ("changes", "level", "value"),
    [
        ({}, Level.FINE, "up to 16 on 2 cores; 3 threads, no heaps beside the main one"),
        ({"threads": 40}, Level.NOTE, "up to 16 on 2 cores; 40 threads, no heaps beside the main one"),
        ({"code": {"arenas": 5}}, Level.NOTE, "up to 16 on 2 cores; 3 threads, 5 heaps beside the main one"),
        ({"own": True}, Level.FINE, "up to 16 on 2 cores"),
        ({"own": True, "machine": {"cores": 64}}, Level.NOTE, "up to 512 on 64 cores"),
        (
            {"environ": {"MALLOC_ARENA_MAX": "2"}, "threads": 40},
            Level.FINE,
            "at most 2, as MALLOC_ARENA_MAX says; 40 threads, no heaps beside the main one",
        ),
        (
            {"environ": {"GLIBC_TUNABLES": "glibc.rtld.nns=2:glibc.malloc.arena_max=1"}, "own": True},
            Level.FINE,
            "at most 1, as MALLOC_ARENA_MAX says",
        ),
        ({"environ": {"MALLOC_ARENA_MAX": "0"}, "threads": 9, "own": True}, Level.FINE, "up to 16 on 2 cores"),
    ],
)
def test_arenas(changes: dict[str, Any], level: Level, value: str) -> None:
    """They matter where there are many threads or heaps, or cores without a bound."""
    finding = found("malloc arenas", **changes)
    assert (finding.level, finding.value) == (level, value)


def test_a_preload_that_failed() -> None:
    """The variable alone changes nothing: the file has to be mapped, under whatever version it has."""
    asked = {"LD_PRELOAD": "/usr/lib/libtcmalloc.so.4 /opt/libmine.so"}
    libraries = frozenset({"libc.so.6", "libtcmalloc.so.4.5.3"})
    assert found("LD_PRELOAD", environ=asked, code={"libraries": libraries}).value == "/opt/libmine.so is not loaded"
    assert "LD_PRELOAD" not in names(environ=asked, code={"libraries": libraries | {"libmine.so"}})


def test_thresholds_that_were_set() -> None:
    """Both ways to set one are told by the variable."""
    environ = {"MALLOC_TRIM_THRESHOLD_": "1000", "GLIBC_TUNABLES": "glibc.malloc.mmap_max=0"}
    assert found("malloc settings", environ=environ).value == "MALLOC_TRIM_THRESHOLD_=1000 MALLOC_MMAP_MAX_=0"
    assert "malloc settings" not in names(environ={"MALLOC_ARENA_MAX": "2"})


def test_huge_pages() -> None:
    """Only pages that come unasked are worth a word; a kernel without any has no line."""
    always = found("huge pages", machine={"huge_pages": "always"}, huge_bytes=6 * MIB)
    assert (always.level, always.value) == (Level.NOTE, "always, 6.0 MiB of this process")
    assert found("huge pages").level == Level.FINE
    assert "huge pages" not in names(machine={"huge_pages": ""})
