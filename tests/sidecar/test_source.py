"""The source locator: on which line of the user's code a container is made."""

import os
import sys
import textwrap
from pathlib import Path

import pytest

from floodmark_sidecar.culprits import Owner
from floodmark_sidecar.source import SourceLocator

# Each snippet marks the line that must be found with `# here`.
SNIPPETS = {
    "instance attribute": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self):
                self.locks = {}  # here
        """,
    ),
    "annotated instance attribute": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self):
                self.locks: dict[str, object] = {}  # here
        """,
    ),
    "the constructor before other methods": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def reset(self):
                self.locks = {}
            def __init__(self):
                self.locks = {}  # here
        """,
    ),
    "the method that makes it before the constructor that only announces it": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            locks: dict | None = None
            def __init__(self):
                self.locks = None
            def start(self):
                self.locks = {}  # here
        """,
    ),
    "an attribute that is only announced": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self):
                self.locks = None  # here
        """,
    ),
    "assigned within a branch": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(self, shared=None):
                try:
                    if shared is None:
                        self.locks = {}  # here
                finally:
                    pass
        """,
    ),
    "self by another name": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def __init__(this):
                this.locks = {}  # here
        """,
    ),
    "assigned in a helper inside a method": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            def start(self):
                def prepare():
                    self.locks = {}  # here
                prepare()
        """,
    ),
    "a parameter that only looks like self": (
        "Scheduler",
        "locks",
        """
        class Scheduler:
            locks = {}  # here
            @staticmethod
            def __init_other__(self):
                self.locks = {}
            def method(self):
                def inner(self):
                    self.locks = {}
        """,
    ),
    "module global": ("", "SEEN", "import os\nSEEN = {}  # here\n"),
    "final module global": ("", "SEEN", "from typing import Final\nSEEN: Final = {}  # here\n"),
    "global in a branch": ("", "SEEN", "try:\n    SEEN = {}  # here\nexcept Exception:\n    SEEN = []\n"),
    "class body": ("Cache", "entries", "class Cache:\n    entries = {}  # here\n"),
    "dataclass field": (
        "Cache",
        "entries",
        """
        from dataclasses import dataclass, field
        @dataclass
        class Cache:
            size: int
            entries: dict[str, int] = field(default_factory=dict)  # here
        """,
    ),
    "dataclass field without a default": (
        "Cache",
        "entries",
        """
        @dataclass
        class Cache:
            entries: dict[str, int]  # here
        """,
    ),
    "class attribute through cls": (
        "Cache",
        "entries",
        """
        class Cache:
            @classmethod
            def prepare(cls):
                cls.entries = {}  # here
        """,
    ),
    "class attribute through type(self)": (
        "Cache",
        "entries",
        """
        class Cache:
            def prepare(self):
                type(self).entries = {}  # here
        """,
    ),
    "class attribute through self.__class__": (
        "Cache",
        "entries",
        """
        class Cache:
            def prepare(self):
                self.__class__.entries = {}  # here
        """,
    ),
    "class attribute from outside": (
        "Cache",
        "entries",
        """
        class Cache:
            pass
        Cache.entries = {}  # here
        """,
    ),
    "global made by a function": (
        "",
        "SEEN",
        """
        def prepare():
            global SEEN
            SEEN = {}  # here
        """,
    ),
    "global announced by the module and made by a function": (
        "",
        "SEEN",
        """
        SEEN = None
        def prepare():
            if True:
                global SEEN
                SEEN = {}  # here
        """,
    ),
    "a local of the same name is not the global": (
        "",
        "SEEN",
        """
        def prepare():
            SEEN = {}
        SEEN = {}  # here
        """,
    ),
    "tuple target": ("", "b", "a, (b, *c) = {}, ({}, {})  # here\n"),
    "starred target": ("", "c", "a, (b, *c) = {}, ({}, {})  # here\n"),
    "chained targets": ("", "b", "a = b = {}  # here\n"),
    "attribute in a tuple target": (
        "Pair",
        "right",
        """
        class Pair:
            def __init__(self):
                (self.left,
                 self.right) = {}, {}  # here
        """,
    ),
    "walrus": ("", "seen", "if (seen := {}) is not None:  # here\n    pass\n"),
    "with target": ("", "shelf", "with open('x') as shelf:  # here\n    pass\n"),
    "loop target": ("", "bucket", "for bucket in ({}, {}):  # here\n    pass\n"),
    "closure variable": (
        "make.<locals>",
        "seen",
        """
        def make():
            seen = {}  # here
            def handler(path):
                seen[path] = 1
            return handler
        """,
    ),
    "closure variable by the function that closes over it": (
        "make.<locals>.handler",
        "seen",
        """
        def make():
            seen = {}  # here
            def handler(path):
                seen[path] = 1
            return handler
        """,
    ),
    "closure variable of a method": (
        "App.make.<locals>",
        "seen",
        """
        class App:
            def make(self):
                seen = {}  # here
                return lambda path: seen.setdefault(path, 1)
        """,
    ),
    "closure variable renewed through nonlocal": (
        "make.<locals>",
        "seen",
        """
        def make():
            seen = None
            def renew():
                nonlocal seen
                seen = {}  # here
        """,
    ),
    "closure variable of an async function": (
        "make.<locals>",
        "seen",
        """
        async def make():
            async with lock() as seen:  # here
                async for one in seen:
                    pass
        """,
    ),
    "class inside a function": (
        "make.<locals>.Local",
        "seen",
        """
        def make():
            class Local:
                def __init__(self):
                    self.seen = {}  # here
        """,
    ),
    "nested class": (
        "Outer.Inner",
        "seen",
        """
        class Outer:
            seen = []
            class Inner:
                def __init__(self):
                    self.seen = {}  # here
        """,
    ),
    "mutable default": ("remember", "seen", "def remember(path, seen={}):  # here\n    seen[path] = 1\n"),
    "keyword-only mutable default": ("remember", "seen", "def remember(path, *, seen={}):  # here\n    pass\n"),
    "function attribute": ("remember", "seen", "def remember(path): ...\nremember.seen = {}  # here\n"),
    "cached function": (
        "",
        "compute",
        "import functools\n@functools.lru_cache\ndef compute(x):  # here\n    return x\n",
    ),
    "inherited attribute": (
        "Child",
        "locks",
        """
        class Base:
            def __init__(self):
                self.locks = {}  # here
        class Middle(Base): ...
        class Child(Middle): ...
        """,
    ),
    "attribute inherited from a generic base": (
        "Child",
        "locks",
        """
        class Base(Generic[T]):
            def __init__(self):
                self.locks = {}  # here
        class Child(Base[int]): ...
        """,
    ),
    "private attribute as written": (
        "Scheduler",
        "__locks",
        """
        class Scheduler:
            def __init__(self):
                self.__locks = {}  # here
        """,
    ),
    "private attribute as instances carry it": (
        "Scheduler",
        "_Scheduler__locks",
        """
        class Scheduler:
            def __init__(self):
                self.__locks = {}  # here
        """,
    ),
    "frozen class": (
        "Cache",
        "entries",
        """
        @dataclass(frozen=True)
        class Cache:
            def __post_init__(self):
                object.__setattr__(self, "entries", {})  # here
        """,
    ),
    "setattr": (
        "Cache",
        "entries",
        """
        class Cache:
            def __init__(self):
                setattr(self, "entries", {})  # here
        """,
    ),
    "imported name": ("", "entries", "from elsewhere import stuff as entries  # here\n"),
}

NOT_FOUND: dict[str, tuple[str, str, str | bytes]] = {
    "another class's attribute": ("Other", "locks", "class A:\n    def __init__(self):\n        self.locks = {}\n"),
    "items are not containers": ("", "SEEN", "SEEN['x'] = {}\n"),
    "attribute of something else": ("A", "x", "class A:\n    def __init__(self, other):\n        other.x = {}\n"),
    "bases in a circle": ("A", "x", "class A(B): ...\nclass B(A): ...\n"),
    "syntax error": ("", "SEEN", "SEEN = {\n"),
    "null bytes": ("", "SEEN", "SEEN = {}\0\n"),
    "another encoding": ("", "SEEN", b"# coding: no-such-encoding\nSEEN = {}\n"),
    "not text": ("", "SEEN", b"SEEN = {}\n\xff\xfe"),
    "nested beyond reason": ("", "SEEN", "SEEN = " + "(" * 5000 + ")" * 5000),
}


def owner(file: Path | str | None, qualname: str, attribute: str) -> Owner:
    return Owner(module="app", file=None if file is None else str(file), qualname=qualname, attribute=attribute)


@pytest.mark.parametrize("case", SNIPPETS)
def test_finds_the_line_that_makes_it(tmp_path: Path, case: str) -> None:
    """The line is the one that makes the container, however the language lets one write it."""
    qualname, attribute, snippet = SNIPPETS[case]
    text = textwrap.dedent(snippet)
    file = tmp_path / "app.py"
    file.write_text(text)
    wanted = next(number for number, line in enumerate(text.splitlines(), 1) if "# here" in line)

    assert SourceLocator(tmp_path)(owner(file, qualname, attribute)) == f"app.py:{wanted}"


@pytest.mark.parametrize("case", NOT_FOUND)
def test_says_nothing_where_the_text_does_not(tmp_path: Path, case: str) -> None:
    """A line that cannot be read is not guessed, and no file makes the locator fail."""
    qualname, attribute, text = NOT_FOUND[case]
    file = tmp_path / "app.py"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())

    assert SourceLocator(tmp_path)(owner(file, qualname, attribute)) is None


def test_never_runs_the_file(tmp_path: Path) -> None:
    """Looking a line up does not import the module it is in."""
    file = tmp_path / "app_that_must_not_run.py"
    file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nSEEN = {{}}\n")

    assert SourceLocator(tmp_path)(owner(file, "", "SEEN")) == "app_that_must_not_run.py:2"
    assert not (tmp_path / "ran").exists()
    assert "app_that_must_not_run" not in sys.modules


def test_foreign_warnings_stay_silent(tmp_path: Path) -> None:
    """An invalid escape in the service's code is a warning of the parser, not of ours."""
    file = tmp_path / "app.py"
    file.write_text("PATTERN = '\\d'\nSEEN = {}\n")

    assert SourceLocator(tmp_path)(owner(file, "", "SEEN")) == "app.py:2"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """What was read of a file is forgotten when the file changes."""
    file = tmp_path / "app.py"
    file.write_text("SEEN = {}\n")
    locate = SourceLocator(tmp_path)
    assert locate(owner(file, "", "SEEN")) == "app.py:1"

    file.write_text("import os\n\nSEEN = {}\n")
    assert locate(owner(file, "", "SEEN")) == "app.py:3"

    file.unlink()
    assert locate(owner(file, "", "SEEN")) is None


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    """A second question about a file does not read it again."""
    file = tmp_path / "app.py"
    file.write_text("SEEN = {}\nOTHER = {}\n")
    before = file.stat()
    locate = SourceLocator(tmp_path)
    assert locate(owner(file, "", "SEEN")) == "app.py:1"

    file.write_text("OTHER = {}\nSEEN = {}\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert locate(owner(file, "", "SEEN")) == "app.py:1"


def test_remembers_a_bounded_number_of_files(tmp_path: Path) -> None:
    """A service of a thousand modules does not make the locator grow."""
    locate = SourceLocator(tmp_path)
    for number in range(140):
        file = tmp_path / f"m{number}.py"
        file.write_text("SEEN = {}\n")
        assert locate(owner(file, "", "SEEN")) == f"m{number}.py:1"

    assert len(locate._files) == 128


@pytest.mark.parametrize("file", [None, "", "<string>", "no/such/file.py", "with\0null.py"])
def test_no_file_no_line(tmp_path: Path, file: str | None) -> None:
    """Code that came from no file has no line."""
    assert SourceLocator(tmp_path)(owner(file, "", "SEEN")) is None


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    """A path that is no regular file is left alone: reading a pipe would never end."""
    os.mkfifo(tmp_path / "app.py")

    assert SourceLocator(tmp_path)(owner(tmp_path / "app.py", "", "SEEN")) is None


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A generated file of many megabytes is not worth the seconds it takes to parse."""
    file = tmp_path / "app.py"
    file.write_bytes(b"SEEN = {}\n" + b"#" * (5 << 20))

    assert SourceLocator(tmp_path)(owner(file, "", "SEEN")) is None


@pytest.mark.parametrize(
    ("below", "shown"),
    [
        ("project/app/scheduler.py", "app/scheduler.py:1"),
        ("elsewhere/scheduler.py", "{root}/elsewhere/scheduler.py:1"),
        ("venv/lib/python3.11/site-packages/cachetools/keys.py", "cachetools/keys.py:1"),
        ("project/.venv/lib/python3.11/site-packages/cachetools/keys.py", "cachetools/keys.py:1"),
        ("usr/lib/python3/dist-packages/yaml/reader.py", "yaml/reader.py:1"),
        ("usr/lib/python3.13t/json/decoder.py", "json/decoder.py:1"),
    ],
)
def test_shows_the_path_a_reader_knows(tmp_path: Path, below: str, shown: str) -> None:
    """The user's files are shown below the working directory, libraries below where they are installed."""
    file = tmp_path / below
    file.parent.mkdir(parents=True)
    file.write_text("SEEN = {}\n")
    (tmp_path / "project").mkdir(exist_ok=True)

    located = SourceLocator(tmp_path / "project")(owner(file, "", "SEEN"))

    assert located == shown.format(root=tmp_path)


def test_a_working_directory_inside_an_installed_package(tmp_path: Path) -> None:
    """A plan that ships inside a package sees its own files below its own folder."""
    cwd = tmp_path / "lib/python3.11/site-packages/bundle/scenario"
    cwd.mkdir(parents=True)
    (cwd / "app.py").write_text("SEEN = {}\n")

    assert SourceLocator(cwd)(owner(cwd / "app.py", "", "SEEN")) == "app.py:1"


def test_a_working_directory_behind_a_link(tmp_path: Path) -> None:
    """Files are below the working directory also when it, or they, were reached through a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real/app.py").write_text("SEEN = {}\n")

    assert SourceLocator(tmp_path / "link")(owner(tmp_path / "real/app.py", "", "SEEN")) == "app.py:1"
    assert SourceLocator(tmp_path / "real")(owner(tmp_path / "link/app.py", "", "SEEN")) == "app.py:1"


def test_without_a_working_directory(tmp_path: Path) -> None:
    """Without a working directory the user's files are shown by their whole path."""
    file = tmp_path / "app.py"
    file.write_text("SEEN = {}\n")

    assert SourceLocator(None)(owner(file, "", "SEEN")) == f"{file}:1"
