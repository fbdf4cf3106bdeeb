"""The sidecar as one process: store, intake, sampler, captures and HTTP, started in order and ended in reverse."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any, Final

from floodmark_sidecar.captures import Captures
from floodmark_sidecar.cli.serve import Options
from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.http import HttpServer, State, bind, create_app, is_loopback, url
from floodmark_sidecar.intake import Intake
from floodmark_sidecar.probe import Probe
from floodmark_sidecar.sampler import Sampler
from floodmark_sidecar.store import DEFAULT_CAP_BYTES, Event, Store
from floodmark_sidecar.suspicion import SOONER, Suspicions

_log = logging.getLogger("floodmark.sidecar")

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


def serve(options: Options) -> int:
    """Run the sidecar until SIGTERM or SIGINT; returns 0. Raises `UsageError` for what cannot be served.

    The process is expected to end then: both signals are ignored from there on.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="floodmark: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with contextlib.closing(bind(options.host, options.port)) as listener:
        if options.token is None and not is_loopback(listener):
            msg = f"{options.host} is not loopback: others could read what is served"
            raise UsageError(msg, hint="set FLOODMARK_TOKEN, or bind to 127.0.0.1")
        try:
            asyncio.run(_serve(options, listener))
        finally:
            # The interpreter gives signals that have a handler their default effect back while it ends.
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)
    return 0


async def _serve(options: Options, listener: socket.socket) -> None:
    ends = _Signals()
    async with contextlib.AsyncExitStack() as ending:
        store = Store(options.store, cap_bytes=DEFAULT_CAP_BYTES if options.store_cap is None else options.store_cap)
        ending.callback(store.close)

        def on_event(kind: str, text: str, service: str | None) -> None:
            _log.warning("%s", text)
            store.put_event(Event(time.time(), kind, text), service=service)

        intake = Intake(
            options.socket, read_every=options.read_every, on_event=on_event, allowed_uids=options.allowed_uids
        )
        intake.bind()
        ending.push_async_callback(intake.stop)
        sampler = Sampler(
            store=store,
            probe=Probe(),
            agents=lambda: intake.agents,
            masks=lambda service, since: captures.masks(service, since=since),
            on_event=on_event,
            read_every=options.read_every,
        )
        captures = Captures(
            workers=sampler.workers,
            store=store,
            folder=options.captures,
            most_files=options.captures_keep,
            most_bytes=options.captures_cap,
            on_problem=lambda text: on_event("captures", text, None),
        )
        await captures.tidy()
        sampler.restore()
        for watch in options.watches:
            sampler.watch(watch.service, watch.pid, watch.cwd)
        state = State(
            store_path=options.store,
            store=store,
            seen=sampler,
            captures=captures,
            read_every=options.read_every,
            token=options.token,
            loopback=is_loopback(listener),
        )
        server = HttpServer(create_app(state), listener)
        await intake.start()
        tasks = [asyncio.create_task(sampler.run()), asyncio.create_task(server.run_until_stopped())]
        if options.census_every is not None and options.captures is not None:
            suspicions = Suspicions(
                captures=captures,
                assess=state.assessments.get,
                services=lambda: tuple(sampler.latest),
                on_event=on_event,
                trace=options.trace_window,
            )
            tasks.append(asyncio.create_task(captures.repeat(options.census_every, lambda: tuple(sampler.latest))))
            tasks.append(asyncio.create_task(suspicions.repeat(options.census_every / SOONER)))
        ending.push_async_callback(_end, server, tasks, ends)
        await _ready(server, tasks)
        print(f"floodmark: serving {url(listener)}", flush=True)  # noqa: T201 - the one line whoever starts it waits for
        await _first(ends.asked.wait(), *tasks)
        await _raise_failed(tasks)


class _Signals:
    """SIGTERM and SIGINT from here on: the first asks for the end, the next insists on it.

    asyncio's own handlers go with the loop, and a signal right after that would break off what is left of the end.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        for number in _ENDING:
            signal.signal(number, self._take)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        # The loop sleeps until something is written to its own pipe; a closed one has nothing left to end.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._note)

    def _note(self) -> None:
        (self.insisted if self.asked.is_set() else self.asked).set()


async def _ready(server: HttpServer, tasks: Sequence[asyncio.Task[None]]) -> None:
    await _first(server.ready(), *tasks)
    await _raise_failed(tasks)


async def _first(event: Any, *tasks: asyncio.Task[None]) -> None:
    """Wait for *event*, or for any of *tasks* to end, which none should."""
    waiting = asyncio.ensure_future(event)
    try:
        await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _raise_failed(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            await task
            msg = "a part of the sidecar ended by itself"
            raise FloodmarkError(msg)


async def _end(server: HttpServer, tasks: Sequence[asyncio.Task[None]], ends: _Signals) -> None:
    """Finish the requests under way, unless there is a hurry, and stop everything that runs by the clock."""
    server.stop()
    sampler, http, *others = tasks
    for task in (sampler, *others):
        task.cancel()
    ended = asyncio.gather(sampler, http, *others, return_exceptions=True)
    insisted = asyncio.ensure_future(ends.insisted.wait())
    either: set[asyncio.Future[Any]] = {ended, insisted}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if insisted.done():
        server.stop(at_once=True)
    insisted.cancel()
    await ended
