"""The command line: help, errors and exit codes."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.cli._commands import Known, known


def _floodmark(*arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "floodmark_sidecar.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}, timeout=50
    )


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subcommand `odd` that ends in the way it is told to, as another package would bring it."""
    (tmp_path / "odd_command.py").write_text(
        "from floodmark_sidecar.errors import FloodmarkError, UsageError, ExitCode\n"
        "NAME, HELP = 'odd', 'does as it is told'\n"
        "def add_arguments(parser): parser.add_argument('how')\n"
        "def run(args):\n"
        "    if args.how == 'usage': raise UsageError('no such plan: x', hint='look again')\n"
        "    if args.how == 'fault': raise ZeroDivisionError('by zero')\n"
        "    if args.how == 'interrupt': raise KeyboardInterrupt\n"
        "    if args.how == 'missing': import surely_not_installed\n"
        "    if args.how == 'pipe': raise BrokenPipeError\n"
        "    return int(args.how)\n"
    )
    info = tmp_path / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[floodmark.commands]\nodd = odd_command\nlame = lame_command\n")
    (tmp_path / "lame_command.py").write_text("import surely_not_installed\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_the_version_is_printed() -> None:
    """One line on stdout, exit 0."""
    done = _floodmark("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("floodmark 0.")


def test_help_lists_every_command_and_the_exit_codes(command: None) -> None:
    """A command that lacks something it needs says what, and does not hide the others."""
    done = _floodmark("--help")
    assert done.returncode == 0
    for word in ("serve", "judge", "soak", "odd", "does as it is told", "exit codes", "surely_not_installed"):
        assert word in done.stdout


def test_no_command_is_a_usage_error() -> None:
    """The usage is shown, exit 2."""
    done = _floodmark()
    assert done.returncode == 2
    assert "usage: floodmark" in done.stderr


def test_an_unknown_command_is_a_usage_error_that_lists_the_known_ones() -> None:
    """The word is in the sentence."""
    done = _floodmark("frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr
    assert "serve" in done.stderr


ENDS = [
    ("0", 0, ""),
    ("7", 7, ""),
    ("usage", 2, "floodmark: no such plan: x\n  look again\n"),
    (
        "fault",
        6,
        "floodmark: something went wrong inside floodmark: ZeroDivisionError: by zero (FLOODMARK_DEBUG=1 shows where)\n",
    ),
    ("interrupt", 130, ""),
    (
        "missing",
        2,
        "floodmark: this needs surely_not_installed, which is not installed\n  pip install 'floodmark[odd]'\n",
    ),
    ("pipe", 141, ""),
]


@pytest.mark.parametrize(("how", "code", "said"), ENDS, ids=[end[0] for end in ENDS])
def test_every_end_has_its_exit_code_and_its_line(command: None, how: str, code: int, said: str) -> None:
    """No traceback is shown to somebody who did not ask for one."""
    done = _floodmark("odd", how)
    assert (done.returncode, done.stderr) == (code, said)


def test_a_traceback_is_shown_to_who_asks_for_it(command: None) -> None:
    """FLOODMARK_DEBUG=1 shows where, then the same line."""
    done = _floodmark("odd", "fault", env={"FLOODMARK_DEBUG": "1"})
    assert done.returncode == 6
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("floodmark: something went wrong")


def test_a_command_whose_extra_is_missing_says_how_to_get_it(command: None) -> None:
    """One line with the extra's name, exit 2."""
    done = _floodmark("lame")
    assert done.returncode == 2
    assert (
        done.stderr
        == "floodmark: this needs surely_not_installed, which is not installed\n  pip install 'floodmark[lame]'\n"
    )


def test_only_the_command_that_is_asked_for_is_loaded() -> None:
    """A judge needs no web framework, and a server no locust."""
    assert {"serve", "judge", "soak"} <= set(known())
    script = "import sys; from floodmark_sidecar.cli import main; main(['serve', '--help']); print('soak' in str(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_a_missing_module_of_our_own_is_a_fault() -> None:
    """A broken installation is not mistaken for an extra that is not there."""
    with pytest.raises(ModuleNotFoundError):
        Known("floodmark_sidecar.cli.nix", "sidecar").load()


def test_main_returns_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever calls it in Python gets a number and no SystemExit."""
    assert main(["--version"]) == 0
    assert main(["serve"]) == 2
    assert "--socket" in capsys.readouterr().err


BAD = [
    (["--port", "99999"], "between 0 and 65535 (got 99999)"),
    (["--port", "http"], "invalid int value: 'http'"),
    (["--read-every", "soon"], "'soon' is not a duration"),
    (["--read-every", "1ms"], "at least 50ms and at most 1d (got 1ms)"),
    (["--census-every", "never"], "'never' is not a duration"),
    (["--watch", "web"], "'web' is not SERVICE=PID"),
    (["--watch", "a/b=1"], "'a/b=1' is not SERVICE=PID"),
    (["--watch", "web=1", "--watch", "web=2"], "service web is to be watched twice"),
    (["--store-cap", "12"], "'12' is not a size"),
    (["--store-cap", "9" * 400 + "B"], "a size must be less than"),
    (["--captures", "c", "--captures-cap", "64"], "'64' is not a size"),
    (["--captures", "c", "--captures-cap", "1KiB"], "capture files must be given at least 1.0 MiB (got 1.0 KiB)"),
    (["--captures", "c", "--captures-keep", "1"], "at least 2 capture files must be kept (got 1)"),
    (["--captures", "c", "--captures-keep", "few"], "invalid int value: 'few'"),
    (["--captures-keep", "9"], "are limits on the folder of --captures, which is not given"),
    (["--census-every", "30s"], "are about captures, and there is no folder for them"),
    (["--census-every", "off", "--trace-window", "9s"], "are about captures, and there is no folder for them"),
    (["--read-every", "2d"], "at most 1d (got 2d)"),
    (["--read-every", "99999999999d"], "(got '99999999999d')"),
    (["--trace-window", "never"], "'never' is not a duration"),
    (["--trace-window", "10ms"], "--trace-window must be at least 1s and at most 10min (got 10ms)"),
    (["--trace-window", "11m"], "--trace-window must be at least 1s and at most 10min (got 11m)"),
    (["--census-every", "1ms"], "--census-every must be at least 1s (got 1ms)"),
    (["--census-every", "999999999999999999999h"], "(got '999999999999999999999h')"),
    (["--allow-uid", "-1"], "--allow-uid must be the number of a user, 0 to 4294967294 (got -1)"),
    (["--allow-uid", "4294967295"], "(got 4294967295)"),
    (["--watch", "web=1:/no/such/folder"], "the folder /no/such/folder of service web does not exist"),
    (["--watch", "web=1:/dev/null"], "the folder /dev/null of service web is no folder"),
]
BAD_HERE = [
    (["--store-cap", "1KiB"], "at least 1.0 MiB (got 1.0 KiB)"),
    (["--store-cap", "0B"], "at least 1.0 MiB (got 0 B)"),
    (["--watch", "web=4000001"], "there is no process 4000001"),
    (["--host", "no.such.host.invalid"], "'no.such.host.invalid' is no address"),
    (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    (["--host", "0.0.0.0"], "is not loopback"),
    (["--captures", "/dev/null/captures"], "the folder for captures /dev/null/captures cannot be made"),
    (["--store", "/dev/null/h.db"], "the store /dev/null/h.db cannot be opened"),
]


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Ask `serve` for what it must refuse; returns what it says, having made sure that it made nothing."""

    def ask(*options: str, token: str = "") -> str:
        monkeypatch.setenv("FLOODMARK_TOKEN", token)
        code = main(["serve", "--socket", str(tmp_path / "s"), "--store", str(tmp_path / "h.db"), *options])
        assert code == 2
        assert not list(tmp_path.iterdir())
        return capsys.readouterr().err

    return ask


@pytest.mark.parametrize(("options", "said"), BAD, ids=[" ".join(bad[0])[:40] for bad in BAD])
def test_bad_options_of_serve_are_told(refused: Refused, options: list[str], said: str) -> None:
    """Exit 2 and a sentence with the value in it; nothing is made."""
    assert said in refused(*options)


@pytest.mark.parametrize(
    ("token", "said"), [(" ", "is blank (it is ' ')"), ("abc ", "begins or ends with white space")]
)
def test_a_token_that_nobody_could_send_is_told(refused: Refused, token: str, said: str) -> None:
    """Exit 2; a token that is blank protects nothing, and one that is a secret is not repeated."""
    errors = refused(token=token)
    assert said in errors
    assert "abc" not in errors


def _refused(folder: Path, options: list[str]) -> str:
    """Return what `serve` says of *options*, having made sure that it left nothing behind."""
    folder.chmod(0o700)
    needed = ["--socket", str(folder / "s.sock"), "--store", str(folder / "h.db"), "--port", "0"]
    done = _floodmark("serve", *needed, *options, env={"FLOODMARK_TOKEN": ""})
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert {file.name for file in folder.iterdir()} <= {"h.db"}
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("options", "said"), BAD_HERE, ids=[" ".join(bad[0]) for bad in BAD_HERE])
def test_what_cannot_be_served_here_is_told(tmp_path: Path, options: list[str], said: str) -> None:
    """Exit 2 and a sentence with the value in it; no socket, no lock, no WAL is left."""
    assert said in _refused(tmp_path, options)
