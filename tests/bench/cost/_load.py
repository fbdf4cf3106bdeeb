"""The load: images at a fixed rate over one connection, and how long each answer took from when it was due."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_TIMEOUT: Final = 300.0


@dataclass(frozen=True)
class Answers:
    """Seconds from when each request was due to its answer, in order of time.

    Of a service that stands still, the requests that it keeps waiting count with all their waiting.
    """

    seconds: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """Return the seconds that so large a *share* of the answers took at most; O(n log n)."""
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Client:
    """Asks a service on this machine, over one connection where it is to *keep* it; for one thread."""

    def __init__(self, port: int, *, token: str | None = None, keep: bool = False) -> None:
        self._keep = keep
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> bytes:
        """Return what the service answers; raises `RuntimeError` for a refusal, `OSError` where nobody answers."""
        headers = dict(self._headers)
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            msg = f"{method} {path}: {error!r}"
            raise ConnectionError(msg) from error
        finally:
            if not self._keep:
                self._connection.close()
        if answer.status >= 400:
            msg = f"{method} {path} gave {answer.status}: {content[:300].decode(errors='replace')}"
            raise RuntimeError(msg)
        return content

    def told(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the service answers in JSON."""
        found: dict[str, Any] = json.loads(self.ask(method, path, body))
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def under_load(port: int, rate: float, during: Callable[[], _T]) -> tuple[Answers, _T]:
    """Send *rate* images a second to *port* while *during* runs; return the answers and what it gave."""
    stop, seconds = threading.Event(), list[float]()
    failed: list[BaseException] = []

    def send() -> None:
        try:
            _send(port, rate, stop, seconds)
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        given = during()
    finally:
        stop.set()
        sender.join()
    if failed:
        raise failed[0]
    return Answers(tuple(seconds)), given


def _send(port: int, rate: float, stop: threading.Event, seconds: list[float]) -> None:
    chance = random.Random(1)
    with closing(Client(port, keep=True)) as client:
        number, due = 0, time.perf_counter()
        while not stop.is_set():
            number += 1
            due += 1 / rate
            if (early := due - time.perf_counter()) > 0:
                time.sleep(early)
            task = f"{chance.getrandbits(128):032x}"
            name = f"camera-01_{number:08d}_{number % 2}_{chance.getrandbits(64):016x}.jpg"
            client.ask("POST", f"/tasks/{task}/images/{name}?event={number % 2}", chance.randbytes(512))
            seconds.append(time.perf_counter() - due)
