"""The load of the cost's bench: a service that stands still pays for all that it keeps waiting."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench.cost._load import Answers, Client, under_load

_STILL = 0.3


class _Service(ThreadingHTTPServer):
    """Answers at once, but for one request that it keeps waiting, and with `status`."""

    status = 202

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = list[str]()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        service = self.server
        assert isinstance(service, _Service)
        self.rfile.read(int(self.headers["Content-Length"]))
        service.asked.append(self.path)
        if len(service.asked) == 5:
            time.sleep(_STILL)
        self.send_response(service.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[_Service]:
    with _Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def until(service: _Service, count: int) -> Callable[[], None]:
    """Return what waits until *service* was asked so often."""

    def wait() -> None:
        deadline = time.monotonic() + 15
        while len(service.asked) < count and time.monotonic() < deadline:
            time.sleep(0.01)

    return wait


def test_answers_count_from_when_they_were_due(service: _Service) -> None:
    """Of a hundred a second, thirty were due while it stood still: one after the other waited less."""
    answers, _ = under_load(service.server_port, 100.0, until(service, 60))

    assert max(answers.seconds) > 0.9 * _STILL
    assert sum(seconds > _STILL / 3 for seconds in answers.seconds) > 10


def test_images_have_names_of_their_own(service: _Service) -> None:
    """One that came twice would be processed once."""
    under_load(service.server_port, 500.0, until(service, 30))

    assert len(set(service.asked)) == len(service.asked) >= 30


def test_a_service_that_refuses_fails_the_bench(service: _Service) -> None:
    """What is measured then would be the refusal."""
    service.status = 503

    with pytest.raises(RuntimeError, match="gave 503"):
        under_load(service.server_port, 100.0, until(service, 1))


def test_nobody_there_fails_the_bench() -> None:
    """A service that died costs nothing."""
    with pytest.raises(OSError, match="refused"):
        Client(1).ask("GET", "/healthz")


@pytest.mark.parametrize(("share", "seconds"), [(0.0, 1.0), (0.5, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_quantile_is_an_answer(share: float, seconds: float) -> None:
    """The one that so many took at most."""
    assert Answers((4.0, 1.0, 3.0, 2.0)).quantile(share) == seconds
