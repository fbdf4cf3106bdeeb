"""The source locator: on which line of the user's code a container is made."""

import os
import sys
import textwrap
from pathlib import Path

import pytest

from floodmark_sidecar.culprits import Owner
from floodmark_sidecar.source import SourceLocator

from .source_snippets import NOT_FOUND, SNIPPETS


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


def test_a_line_that_the_process_told(tmp_path: Path) -> None:
    """A line that is known is shown as it is, relative to the working directory, and the file is not read for it."""
    told = Owner(module="", file=str(tmp_path / "app" / "gone.py"), qualname="", attribute="", line=17)

    assert SourceLocator(tmp_path)(told) == "app/gone.py:17"


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
