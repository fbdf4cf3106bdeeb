"""`floodmark capture`."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.cli import main
from tests.sidecar.fix_graphviz import only_dot
from tests.sidecar.http.conftest import TOKEN, MakeSite, Site

HINT = "\n  floodmark serve starts a sidecar and says where it serves; --url is that address\n"
SERVICES = {"services": [{"name": "web", "workers": 2}]}


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOODMARK_TOKEN", raising=False)


class Scripted:
    """A server that gives the same answers to everybody, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str | None, bytes]] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                scripted.asked.append((self.path, self.headers.get("Authorization"), body))
                status, answer = scripted.answers[self.command]
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815  the name is the library's

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, method: str, content: Any, status: int = 200) -> None:
        """Answer *method* by *content*, as JSON unless it is bytes."""
        self.answers[method] = (status, content if isinstance(content, bytes) else json.dumps(content).encode())

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A server with two workers whose census goes well for one and is refused by the other."""
    server = Scripted()
    taken = [
        {"worker": "web-0", "path": "/c/web-0.life1.json", "refused": None, "seconds": 1.25, "stall_seconds": 0.0094},
        {"worker": "web-1", "path": None, "refused": "grpc is loaded", "seconds": None, "stall_seconds": None},
    ]
    server.answer("GET", SERVICES)
    server.answer("POST", {"service": "web", "captures": taken})
    yield server
    server.close()


def test_each_worker_has_its_file_and_what_it_cost(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """Or the reason why there is none; one that was taken is enough for 0."""
    assert main(["capture", "--url", scripted.url]) == 0

    said = capsys.readouterr()
    assert said.out == (
        "web-0: /c/web-0.life1.json\n  took 1.2 s; it held the worker for 9 ms\nweb-1: refused: grpc is loaded\n"
    )
    assert said.err == ""
    assert scripted.asked == [
        ("/api/v1/services", None, b""),
        ("/api/v1/captures?service=web", None, b""),
        ("/api/v1/captures", None, b'{"service": "web"}'),
    ]


def test_what_weighs_most_is_said_of_each(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """A file says nothing to who sees its path; a row of another version is left out."""
    rows = [
        {"kind": "container", "name": "app.JOBS", "where": "app.py:7", "count": 20_000, "bytes": 3 << 20},
        {"kind": "line", "name": "app.py:12", "where": "app.py:12", "count": 5, "bytes": 900},
        {"kind": "native", "name": "grow\x1b[2J", "where": None, "count": 1, "bytes": 80},
        {"kind": "film"},
    ]
    scripted.answer("POST", {"captures": [{"worker": "web-0", "path": "/c/x.json", "heaviest": rows}]})
    assert main(["capture", "--url", scripted.url]) == 0
    assert capsys.readouterr().out == (
        "web-0: /c/x.json\n  it held the worker for a time nobody knows\n"
        "     3.0 MiB in 20,000 entries   app.JOBS, app.py:7\n"
        "       900 B in 5 blocks         app.py:12\n"
        "        80 B in 1 block          grow\\x1b[2J\n"
    )


@pytest.mark.parametrize(
    ("seconds", "what"), [(45.0, "the trace window of 45 s of web-1"), (None, "the trace of web-1")]
)
def test_what_it_waits_for_is_said(
    scripted: Scripted, capsys: pytest.CaptureFixture[str], seconds: float | None, what: str
) -> None:
    """A command that is silent for a minute looks as if it hung."""
    under_way = {"worker": "web-1", "kind": "trace", "started": 1.0, "seconds": seconds}
    scripted.answer("GET", {**SERVICES, "under_way": under_way})
    assert main(["capture", "--url", scripted.url]) == 0
    assert capsys.readouterr().err == f"floodmark: waiting for {what} to end\n"


def test_json_is_what_the_sidecar_answers(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """One object and nothing else on standard output."""
    assert main(["capture", "--url", scripted.url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(scripted.answers["POST"][1])


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (["--worker", "web-1"], {"worker": "web-1"}),
        (["--trace", "30s"], {"trace": "30s"}),
        (["--native", "30s"], {"native": "30s"}),
        (["--trim"], {"trim": True}),
    ],
)
def test_what_is_asked_for(
    scripted: Scripted, capsys: pytest.CaptureFixture[str], options: list[str], asked: dict[str, Any]
) -> None:
    """One worker, a window or a trim; what the sidecar says of it comes last."""
    scripted.answer("POST", {"captures": [], "notes": ["gave back \x1b[2J"]})
    assert main(["capture", "--url", scripted.url, *options]) == 3
    assert json.loads(scripted.asked[-1][2]) == {"service": "web", **asked}
    said = capsys.readouterr()
    assert said.out == "gave back \\x1b[2J\n"
    kind = {"--trace": "trace window", "--native": "native window", "--trim": "trim"}.get(options[0], "census")
    assert said.err.startswith(f"floodmark: no {kind} was taken: no worker of web has an agent")


def test_a_window_of_no_length_is_refused_before_anything_is_asked(
    scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what was given; and a window and a trim are not asked for at once."""
    for option in ("--trace", "--native"):
        assert main(["capture", "--url", scripted.url, option, "long"]) == 2
        assert f"{option}: 'long' is not a duration" in capsys.readouterr().err
    assert main(["capture", "--url", scripted.url, "--trace", "1s", "--trim"]) == 2
    assert "not allowed with" in capsys.readouterr().err
    assert scripted.asked == []


@pytest.mark.parametrize("as_json", [False, True])
def test_if_every_worker_refused_it_is_said_and_the_code_is_3(
    scripted: Scripted, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    """Each reason is printed all the same."""
    rows = [{"worker": f"web-{number}", "refused": "CUDA is loaded"} for number in range(2)]
    scripted.answer("POST", {"captures": rows})

    assert main(["capture", "--url", scripted.url, *(["--json"] if as_json else [])]) == 3
    said = capsys.readouterr()
    assert said.err == "floodmark: no census was taken: all 2 workers refused\n"
    assert said.out.count("CUDA is loaded") == 2


def test_no_agent_is_no_census(leaking: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A real sidecar that has nobody to ask: the code is 3."""
    assert main(["capture", "--service", "web", "--url", str(leaking.client.base_url), "--token", TOKEN]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "floodmark: no census was taken: no worker of web has an agent that is connected\n"


def test_the_token_comes_from_the_environment_or_the_option(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option wins; every question carries it, as one beyond loopback needs it for each."""
    monkeypatch.setenv("FLOODMARK_TOKEN", "from-env")
    for words, token in (([], "from-env"), (["--token", "given"], "given")):
        scripted.asked.clear()
        main(["capture", "--url", scripted.url, *words])
        assert [header for _, header, _ in scripted.asked] == [f"Bearer {token}"] * 3


@pytest.mark.parametrize("token", ["", "  ", "a ", "a\nb", "\u20ac"])
def test_a_token_that_no_header_can_carry_is_refused(
    token: str, scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is asked, and what is in it is not shown."""
    assert main(["capture", "--url", scripted.url, "--token", token]) == 2
    assert capsys.readouterr().err.startswith("floodmark: --token ")
    assert scripted.asked == []


def test_a_sidecar_that_refuses_is_quoted(leaking: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing token, and a service that nobody knows."""
    url = str(leaking.client.base_url)
    assert main(["capture", "--url", url]) == 2
    assert capsys.readouterr().err == (
        f"floodmark: the sidecar at {url} refuses: this needs the header Authorization: Bearer TOKEN\n"
        "  give the token by FLOODMARK_TOKEN or --token\n"
    )
    assert main(["capture", "--url", url, "--token", TOKEN, "--service", "nix"]) == 2
    assert "refuses: there is no service 'nix'; services with history: web" in capsys.readouterr().err


def test_beyond_loopback_the_token_opens_both_doors(make_site: MakeSite, capsys: pytest.CaptureFixture[str]) -> None:
    """Asking for the services needs it there, too."""
    site = make_site(loopback=False)
    site.store.put_service("web").result(10)
    url = str(site.client.base_url)

    assert main(["capture", "--url", url]) == 2
    assert main(["capture", "--url", url, "--token", TOKEN]) == 3


def test_without_a_name_there_must_be_one_service(leaking: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Several are listed."""
    url = str(leaking.client.base_url)
    leaking.store.put_service("api").result(10)
    assert main(["capture", "--url", url, "--token", TOKEN]) == 2
    assert capsys.readouterr().err == (
        f"floodmark: which service? The sidecar at {url} has api, web\n  name one with --service\n"
    )


def test_before_the_first_reading_there_is_no_service(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """That is said, with what brings one."""
    assert main(["capture", "--url", str(site.client.base_url)]) == 2
    assert "has read no service yet" in capsys.readouterr().err


def test_nobody_there_is_said_with_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and what would help."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert main(["capture", "--url", url]) == 2
    assert capsys.readouterr().err == f"floodmark: no sidecar answers at {url}: Connection refused{HINT}"


ANSWERS: dict[str, tuple[str, int, Any, str]] = {
    "a page": ("GET", 200, b"<html>", "is no floodmark sidecar: HTTP 200, and no JSON of ours"),
    "a list": ("GET", 200, [], "is no floodmark sidecar: HTTP 200, and no JSON of ours"),
    "another API": ("GET", 200, {"services": [{"id": 1}]}, "is no floodmark sidecar: it lists no services"),
    "a redirection": ("GET", 302, b"", "is no floodmark sidecar: HTTP 302, and no JSON of ours"),
    "endless": ("GET", 200, b" " * (9 << 20), "is no floodmark sidecar: HTTP 200, and no JSON of ours"),
    "a sidecar that ends": ("POST", 503, {"error": "the sidecar is ending"}, "refuses: the sidecar is ending"),
    "no captures": ("POST", 200, {"captures": "none"}, "is no floodmark sidecar: it lists no captures"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_who_is_no_sidecar_is_told_from_one_that_refuses(
    case: str, scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with one sentence; a redirection is not followed, which could take the token elsewhere."""
    method, status, content, says = ANSWERS[case]
    scripted.answer(method, content, status)
    assert main(["capture", "--url", scripted.url]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8642",
        "ftp://h",
        "http://",
        "http://h:x",
        "http://h:0",
        "http://u:p@h",
        "http://h/?a=1",
        "http://h/ a",
    ],
)
def test_what_is_no_url_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The value is in the sentence, and what it should look like."""
    assert main(["capture", "--url", url]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"floodmark: {url!r} is no URL of a sidecar")
    assert said.endswith("\n  it is like http://127.0.0.1:8642\n")


def test_no_proxy_comes_between(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidecar on loopback is nobody else's business."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert main(["capture", "--url", f"{scripted.url}/"]) == 0


HELD = [
    {"rank": 1, "name": "jobs", "retainers": [{"name": "app.s", "type": "app.S"}, {"name": ".jobs", "type": "dict"}]},
    {"rank": 2, "name": "worker", "retainers": []},
]


def test_a_graph_is_drawn_of_what_grows_after_the_census(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into a new file, which the last line names."""
    only_dot(tmp_path / "bin", monkeypatch)
    scripted.answer("GET", {**SERVICES, "culprits": HELD})
    path = tmp_path / "held.svg"
    assert main(["capture", "--url", scripted.url, "--graph", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"grpc is loaded\ngraph: {path}\n")
    assert path.read_text() == '<svg xmlns="http://www.w3.org/2000/svg"> 2 </svg>\n'
    assert [asked for asked, *_ in scripted.asked][-1] == "/api/v1/culprits?service=web"


def test_a_graph_of_nothing_is_no_file(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The census went well all the same."""
    only_dot(tmp_path / "bin", monkeypatch)
    scripted.answer("GET", {**SERVICES, "culprits": HELD[1:]})
    path = tmp_path / "held.svg"
    assert main(["capture", "--url", scripted.url, "--json", "--graph", str(path)]) == 0
    assert capsys.readouterr().err.startswith("no graph: of nothing that grows is it known who holds it")
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("held.png", "--graph must be a file that ends in .svg (got "),
        ("missing/held.svg", "missing is no folder"),
        ("there.svg", "exists already"),
        ("new.svg", "graphviz is not installed"),
    ],
)
def test_a_graph_that_cannot_be_drawn_is_refused_at_once(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anybody is asked for a census; what was there is left."""
    only_dot(tmp_path / "bin", monkeypatch, None)
    (tmp_path / "there.svg").write_text("mine")
    assert main(["capture", "--url", "http://127.0.0.1:9", "--graph", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err
    assert (tmp_path / "there.svg").read_text() == "mine"


@pytest.mark.parametrize("culprits", [[{"retainers": [1]}], [{"retainers": [{"name": "x"}]}], [1], None])
def test_culprits_that_cannot_be_drawn_are_refused(
    scripted: Scripted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    culprits: Any,
) -> None:
    """Whoever answered so is no sidecar of this version."""
    only_dot(tmp_path / "bin", monkeypatch)
    scripted.answer("GET", {**SERVICES, "culprits": culprits})
    assert main(["capture", "--url", scripted.url, "--graph", str(tmp_path / "held.svg")]) == 2
    assert "culprits" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]


def test_text_of_a_service_moves_no_cursor(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """Reasons are foreign."""
    scripted.answer("POST", {"captures": [{"worker": "web-0", "refused": "\x1b[2Jno"}]})
    assert main(["capture", "--url", scripted.url]) == 3
    assert capsys.readouterr().out == "web-0: refused: \\x1b[2Jno\n"
