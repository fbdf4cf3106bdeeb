"""The plugin as a project uses it: tests in files of their own, run by a pytest of their own."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_soak._bounds import Bounds
from floodmark_soak.pytest_plugin import _free
from tests.soak.conftest import MakePlan

HOLDS = """
import pytest

HELD = []

@pytest.mark.floodmark_soak(calls=20, limit={limit})
def test_holds():
    HELD.append(bytes(1000))
"""
EXACT = """
import pytest

SLOTS, NEXT = [None] * 10_000, [0]

@pytest.mark.floodmark_soak(calls=20, limit={limit})
def test_holds():
    SLOTS[NEXT[0]] = bytes(1000)
    NEXT[0] += 1
"""
A_CALL = sys.getsizeof(bytes(1000))


@pytest.fixture(autouse=True)
def _light(pytester: pytest.Pytester) -> None:
    """Without hypothesis, whose plugin takes two thirds of what such a pytest takes to start."""
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest\n")


@pytest.mark.parametrize(("limit", "passes"), [(A_CALL - 1, False), (A_CALL, True), (A_CALL + 1, True)])
def test_what_a_call_may_keep_is_counted_to_the_byte(pytester: pytest.Pytester, limit: int, passes: bool) -> None:
    """One byte below what it keeps fails it; the limit itself is allowed."""
    pytester.makepyfile(EXACT.format(limit=limit))
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=int(passes), failed=int(not passes))


def test_a_leak_is_told_by_its_line(pytester: pytest.Pytester) -> None:
    """With what it keeps of a call, how sure that is, and in words for JUnit."""
    pytester.makepyfile(HOLDS.format(limit="'100B'"))
    result = pytester.runpytest_subprocess("-q", "--junitxml=junit.xml")

    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"floodmark: it keeps .* of memory a call \(1.0 KiB to .*\), in each of the last 4 rounds of 20 calls, where 100 B may be",
            r"  .*test_a_leak_is_told_by_its_line\.py:7: \+.* KiB in \+\d+ blocks",
        ]
    )
    found = {each.get("name"): each.get("value") for each in ET.parse(pytester.path / "junit.xml").iter("property")}  # noqa: S314 -- our own
    assert float(found["floodmark_kept_bytes_per_call"] or 0) >= A_CALL
    assert found["floodmark_limit_bytes_per_call"] == "100.0"


KINDS = {
    "what fills once": ("CACHE = {}", "CACHE.setdefault(1, bytes(100_000))", None),
    "a bounded cache that is full": (
        "from collections import OrderedDict\nCACHE = OrderedDict()\nN = [0]",
        "N[0] += 1; CACHE[N[0]] = bytes(500)\n    if len(CACHE) > 60: CACHE.popitem(last=False)",
        None,
    ),
    "a cache that is filled and emptied": (
        "CACHE = {}\nN = [0]",
        "N[0] += 1; CACHE[N[0]] = bytes(300)\n    if len(CACHE) > 60: del CACHE[next(iter(CACHE))]",
        None,
    ),
    "every fiftieth call": (
        "HELD = []\nN = [0]",
        "N[0] += 1\n    if N[0] % 50 == 0: HELD.append(bytes(9000))",
        "of memory a call (* in steps that went on for 4,800 calls more",
    ),
    "a set of what is there anyway": (
        "HELD = set()\nNUMBERS = iter([*range(10_000)])",
        "HELD.add(next(NUMBERS))",
        "of memory a call (* in steps that went on for 4,800 calls more",
    ),
    "a deque": (
        "from collections import deque\nHELD = deque()",
        "HELD.append(None)",
        "of memory a call (* in steps that went on for 4,800 calls more",
    ),
    "what pytest keeps of a log": (
        "import logging",
        "logging.warning('bad thing %s', 5); logging.getLogger('x').error('y')",
        None,
    ),
    "what pytest keeps of warnings": ("import warnings", "warnings.warn('bad thing', DeprecationWarning)", None),
    "names that the interpreter has cached": ("import asyncio", "asyncio.run(asyncio.sleep(0))", None),
    "a file that is written": ("import pathlib", "pathlib.Path('x').write_text('x')", None),
    "garbage in a cycle": ("class A: pass", "a = A(); a.me = a; a.body = bytes(5000)", None),
    "an attribute of a class": ("class A:\n    held = {}", "A.held[len(A.held)] = [0] * 30", "of memory a call"),
    "descriptors": ("import os\nFDS = []", "FDS.append(os.open('/dev/null', 0))", "descriptors a call"),
    "threads": (
        "import threading\nGO = threading.Event()",
        "threading.Thread(target=GO.wait, daemon=True).start()",
        "threads a call",
    ),
    "malloc": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.argtypes = [ctypes.c_size_t]",
        "libc.malloc(2000)",
        "of C heap a call",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_grows_in_each_round_fails_and_nothing_else(pytester: pytest.Pytester, kind: str) -> None:
    """Filling and garbage do not; what is kept of each call does, whatever it is."""
    before, body, words = KINDS[kind]
    pytester.makepyfile(f"import pytest\n{before}\n@pytest.mark.floodmark_soak(calls=20)\ndef test_it():\n    {body}\n")
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=words is None, failed=words is not None)
    if words is not None:
        result.stdout.fnmatch_lines([f"*floodmark: it keeps *{words}*"])


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("calls=0", "needs calls of 1 or more and rounds of 4 or more (got 0 and 8)"),
        ("rounds=3", "(got 50 and 3)"),
        ("limit='much'", "floodmark_soak: 'much' is not a size"),
        ("limit=None", "a number of bytes of 0 or more (got None)"),
        ("limit=float('nan')", "a number of bytes of 0 or more (got nan)"),
        ("limit=-1", "a number of bytes of 0 or more (got -1)"),
        ("limit=True", "a number of bytes of 0 or more (got True)"),
        ("calls=True", "(got True and 8)"),
        ("call=5", "floodmark_soak takes calls, rounds, limit, and not 'call'"),
        ("5", "and not 5 without a name"),
    ],
)
def test_a_mark_that_makes_no_sense(pytester: pytest.Pytester, mark: str, words: str) -> None:
    """The value is in the sentence."""
    pytester.makepyfile(f"import pytest\n@pytest.mark.floodmark_soak({mark})\ndef test_it(): pass\n")
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    assert words in result.stdout.str()


def test_async_tests_are_refused(pytester: pytest.Pytester) -> None:
    """A coroutine that is not awaited would pass whatever it does."""
    pytester.makepyfile("import pytest\n@pytest.mark.floodmark_soak\nasync def test_it(): pass\n")
    result = pytester.runpytest_subprocess("-q")
    assert "floodmark_soak calls plain functions" in result.stdout.str()
    result.assert_outcomes(failed=1)


def test_methods_of_unittest_are_refused(pytester: pytest.Pytester) -> None:
    """Unittest calls them itself, once, and whatever they keep would pass; others of the class are let be."""
    pytester.makepyfile(
        """
        import unittest, pytest
        class TestIt(unittest.TestCase):
            @pytest.mark.floodmark_soak
            def test_marked(self): pass
            def test_other(self): pass
        class TestPlain:
            @pytest.mark.floodmark_soak
            def test_method(self): pass
        """
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*floodmark_soak does not go with unittest.TestCase: make test_marked a function*"])


def test_fixtures_and_errors_are_those_of_any_test(pytester: pytest.Pytester) -> None:
    """A test with the mark has its fixtures once, and what it raises is its failure."""
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def made(): return []
        @pytest.mark.floodmark_soak(calls=3)
        def test_counts(made): assert made is not None
        @pytest.mark.floodmark_soak
        @pytest.mark.parametrize("n", [0, 1])
        def test_raises(n): assert n, "boom"
        """
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=2, failed=1)
    assert "boom" in result.stdout.str()


BOUNDS = """
from floodmark_caches import BoundedMap

def test_map(floodmark_bounds):
    floodmark_bounds(maps={{"locks": {most}}})
    held = BoundedMap("locks", maxsize=100)
    for number in range(10):
        held[number] = number
    globals()["HELD"] = held
"""


@pytest.mark.parametrize(("most", "passes"), [(9, False), (10, True), (11, True)])
def test_a_map_is_held_to_its_bound(pytester: pytest.Pytester, most: int, passes: bool) -> None:
    """To the entry."""
    pytester.makepyfile(BOUNDS.format(most=most))
    result = pytester.runpytest_subprocess("-q")
    if passes:
        result.assert_outcomes(passed=1)
    else:
        result.assert_outcomes(passed=1, errors=1)
        assert "the map locks has 10 entries, and 9 are its bound" in result.stdout.str()


def test_a_map_that_is_not_there_is_no_bound(pytester: pytest.Pytester) -> None:
    """Its name may be misspelt."""
    pytester.makepyfile("def test_it(floodmark_bounds): floodmark_bounds(maps={'lokcs': 5})")
    result = pytester.runpytest_subprocess("-q")
    assert "there is no map 'lokcs': those that are registered are none" in result.stdout.str()


@pytest.mark.parametrize(("limit", "passes"), [("'1KiB'", False), (1_000_000, True)])
def test_memory_is_held_to_its_limit(pytester: pytest.Pytester, limit: object, passes: bool) -> None:
    """With the lines of what grew; what was given back is none."""
    pytester.makepyfile(
        f"""
        HELD = []
        def test_it(floodmark_bounds):
            floodmark_bounds(limit={limit})
            [bytes(9999) for _ in range(1000)]
            HELD.extend(bytes(500) for _ in range(20))
        """
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=1, errors=int(not passes))
    if not passes:
        result.stdout.re_match_lines(
            [r".*  memory grew by .*, and 1\.0 KiB is its limit", r".*test_memory_.*\.py:5: \+"]
        )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"maps": {"locks": "5"}}, "the bound of the map 'locks' is a number of entries of 0 or more (got '5')"),
        ({"maps": {"locks": -1}}, "(got -1)"),
        ({"limit": -1}, "a limit is a size such as 64KiB, or a number of bytes of 0 or more (got -1)"),
        ({"limit": b"1"}, "(got b'1')"),
    ],
)
def test_bounds_that_make_no_sense(asked: dict[str, Any], words: str) -> None:
    """Refused where they are asked for, with the value."""
    with pytest.raises(UsageError) as caught:
        Bounds(tidy=list)(**asked)
    assert words in caught.value.message


def test_a_failing_test_is_not_told_of_twice(pytester: pytest.Pytester) -> None:
    """Its traceback is memory as well, and none of its bounds'."""
    pytester.makepyfile("def test_it(floodmark_bounds):\n    floodmark_bounds(limit=0)\n    assert 0\n")
    pytester.runpytest_subprocess("-q").assert_outcomes(failed=1)


def test_what_pytest_keeps_of_a_log_is_not_the_tests(pytester: pytest.Pytester) -> None:
    """Its records are for the report."""
    pytester.makepyfile(
        "import logging\ndef test_it(floodmark_bounds):\n    floodmark_bounds(limit='4KiB')\n"
        "    for _ in range(200): logging.warning('bad thing')\n"
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_it_loads_nothing_until_it_is_asked(pytester: pytest.Pytester) -> None:
    """A project that has floodmark beside its tests pays nothing for it."""
    pytester.makepyfile(
        """
        import sys
        def test_it():
            heavy = {"gevent", "locust", "numpy", "rich", "psutil", "fastapi", "floodmark_sidecar"}
            assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:locust", "-p", "no:pytest_locust").assert_outcomes(passed=1)


def test_with_xdist(pytester: pytest.Pytester) -> None:
    """Each worker counts its own, and threads of the workers' own are none of the test's."""
    pytester.makepyfile(HOLDS.format(limit=0) + "\n@pytest.mark.floodmark_soak(calls=20)\ndef test_clean(): pass\n")
    pytester.runpytest_subprocess("-q", "-n2").assert_outcomes(passed=1, failed=1)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_plan_is_run(pytester: pytest.Pytester, make_plan: MakePlan) -> None:
    """Too short to be steady, and said so; with its folder by the test's name, and no pass by chance."""
    plan = make_plan()
    pytester.makepyfile(
        f"""
        def test_steady(floodmark_run):
            floodmark_run({str(plan)!r}, duration="3h").assert_steady()
        def test_not_climbing(floodmark_run):
            run = floodmark_run({str(plan)!r})
            assert run.verdict == "inconclusive"
            run.assert_not_climbing()
        def test_none(floodmark_run):
            floodmark_run("none.toml")
        """
    )
    result = pytester.runpytest_subprocess(
        "-q", "--floodmark-duration=3s", "--floodmark-output=out", "--junitxml=junit.xml"
    )
    result.assert_outcomes(passed=1, failed=2)
    text = result.stdout.str()
    assert "floodmark: inconclusive after 3" in text
    assert "there is no such plan" in text
    assert sorted(path.name.rpartition("--")[2] for path in (pytester.path / "out").iterdir()) == [
        "test_not_climbing",
        "test_steady",
    ]
    names = {each.get("name") for each in ET.parse(pytester.path / "junit.xml").iter("property")}  # noqa: S314 -- our own
    assert {"floodmark_verdict", "floodmark_report"} <= names


def test_what_soaks_can_be_skipped(pytester: pytest.Pytester) -> None:
    """For the quick part of a suite."""
    pytester.makepyfile(HOLDS.format(limit=0) + "\ndef test_run(floodmark_run): assert 0\ndef test_other(): pass\n")
    pytester.runpytest_subprocess("-q", "--floodmark-skip").assert_outcomes(passed=1, skipped=2)
    assert Path(pytester.path).is_dir()


def test_a_folder_of_a_run_is_never_one_that_is_there(tmp_path: Path) -> None:
    """A test may run several plans, and be run again into the same `--floodmark-output`."""
    folders = []
    for _ in range(3):
        folders.append(_free(tmp_path / "test_it"))
        folders[-1].mkdir()
    assert [folder.name for folder in folders] == ["test_it", "test_it-2", "test_it-3"]
