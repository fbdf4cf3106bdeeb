"""The application over a real store, on a real port."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from floodmark_sidecar.captures import Captures
from floodmark_sidecar.http import HttpServer, State, bind, create_app
from floodmark_sidecar.readings import MapReading, WorkerReading
from floodmark_sidecar.store import Life, Sample, Store

START = 1_700_000_000.0
TOKEN = "token-of-the-test"  # noqa: S105 - no secret at all


@dataclass
class Looks:
    """What a sampler would tell."""

    latest: Mapping[str, Sample] = field(default_factory=dict)
    roots: Mapping[str, tuple[int, bool]] = field(default_factory=dict)


@dataclass
class Site:
    """An application, its client and what is behind it."""

    client: httpx.Client
    state: State
    store: Store
    looks: Looks

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON answer to a GET that must succeed."""
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fail(self, path: str, **parameters: Any) -> tuple[int, str]:
        """Return the status and the sentence of a GET that must not."""
        answer = self.client.get(path, params=parameters)
        return answer.status_code, answer.json()["error"]


class Served:
    """The application on a free port, run by an event loop in a thread, which closes the store when it is over."""

    def __init__(self, state: State, store: Store) -> None:
        self._socket = bind("127.0.0.1", 0)
        self._server = HttpServer(create_app(state), self._socket)
        self._store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._began.wait()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _run(self) -> None:
        asyncio.run(self._serve())
        self._socket.close()
        self._store.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began.set()
        await self._server.run_until_stopped()

    def stop(self) -> None:
        """Begin to end, which takes a fifth of a second."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._server.stop)

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()


MakeSite = Callable[..., Site]

_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Knows no certificate: reading all that there are takes longer than most tests, and nothing here is encrypted."""


@pytest.fixture(scope="module")
def ending() -> Iterator[list[Served]]:
    """Servers that were told to stop, which they do beside the next tests."""
    told: list[Served] = []
    yield told
    for served in told:
        served.join()


@pytest.fixture
def make_site(tmp_path: Path, ending: list[Served]) -> Iterator[MakeSite]:
    """Serve the application, with a token or without, on loopback or as if it were beyond, with captures or without."""
    opened: list[tuple[httpx.Client, Served]] = []

    def make(*, token: str | None = TOKEN, loopback: bool = True, folder: str | None = "captures") -> Site:
        store = Store(tmp_path / "history.db")
        looks = Looks()
        captures = Captures(workers=lambda _: [], store=store, folder=tmp_path / folder if folder else None)
        state = State(
            store_path=store.path,
            store=store,
            seen=looks,
            captures=captures,
            read_every=15.0,
            token=token,
            loopback=loopback,
        )
        served = Served(state, store)
        client = httpx.Client(base_url=served.url, timeout=20.0, verify=_TLS)
        opened.append((client, served))
        return Site(client, state, store, looks)

    yield make
    for client, served in opened:
        client.close()
        served.stop()
        ending.append(served)


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """The application as it is served on loopback, without any history."""
    return make_site()


@pytest.fixture
def leaking(site: Site) -> Site:
    """Forty minutes of a service with two workers; an unbounded map of one of them grows, a bounded one is full."""
    lives = [
        Life(
            f"web-{i}", 1, 100 + i, 1.0, START, parent="web-0" if i else "", command=f"worker <{i}>", agent="connected"
        )
        for i in range(2)
    ]
    site.store.put_service("web", cwd=Path("/srv/app"))
    for index in range(160):
        rows = []
        for life in lives:
            grown = index * 1000 if life.worker == "web-1" else 0
            maps = (
                MapReading("locks", "watched", grown, bytes=grown * 200, adds=grown, removes=0),
                MapReading(
                    "seen",
                    "SeenSet",
                    50,
                    maxsize=50,
                    ttl=60.0,
                    adds=index,
                    removals={"size": index, "expired": 2},
                    evicted_before_ttl=index // 2,
                    warnings=1,
                ),
            )
            uss = 50_000_000 + grown * 210 + (index * 7919) % 5 * 4096
            rows.append(
                (life, WorkerReading(life.worker, 1, uss_bytes=uss, swap_bytes=0, rss_bytes=uss, maps=maps, fds=9))
            )
        last = Sample("web", START + index * 15.0, tuple(rows))
        done = site.store.put_sample(last)
    done.result(20)
    site.looks.latest = {"web": last}
    site.looks.roots = {"web": (100, True)}
    return site


def now_reading(site: Site) -> None:
    """Let the newest sample be of this moment."""
    (sample,) = site.looks.latest.values()
    site.looks.latest = {"web": Sample("web", time.time(), sample.rows)}
