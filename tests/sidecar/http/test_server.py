"""The server itself, without an application that does anything."""

import asyncio
import time
from email.utils import parsedate_to_datetime

from fastapi import FastAPI

from floodmark_sidecar.http import HttpServer, bind
from tests.sidecar.http.conftest import Site


def test_nothing_is_due_while_nobody_asks() -> None:
    """An idle server is not woken by any clock, and stops when it is told to."""

    async def serve() -> list[object]:
        with bind("127.0.0.1", 0) as bound:
            server = HttpServer(FastAPI(), bound)
            serving = asyncio.create_task(server.run_until_stopped())
            await server.ready()
            for _ in range(5):
                await asyncio.sleep(0)
            due = [*asyncio.get_running_loop()._scheduled]  # type: ignore[attr-defined]
            server.stop()
            await serving
        return due

    assert asyncio.run(serve()) == []


def test_an_answer_has_its_date(leaking: Site) -> None:
    """That of the answer, not of the server's start."""
    first, second = (leaking.client.get("/healthz") for _ in range(2))
    assert parsedate_to_datetime(first.headers["Date"]) <= parsedate_to_datetime(second.headers["Date"])
    assert abs(parsedate_to_datetime(second.headers["Date"]).timestamp() - time.time()) < 60
