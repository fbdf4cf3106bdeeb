"""The sidecar as one process: store, intake, sampler, captures and HTTP, started in order and ended in reverse."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from floodmark_sidecar.captures import Captures
from floodmark_sidecar.cli.serve import Options
from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.http import HttpServer, State, bind, create_app, is_loopback, url
from floodmark_sidecar.intake import Intake
from floodmark_sidecar.probe import Probe
from floodmark_sidecar.sampler import Sampler
from floodmark_sidecar.store import DEFAULT_CAP_BYTES, Event, Store

_log = logging.getLogger("floodmark.sidecar")


def serve(options: Options) -> int:
    """Run the sidecar until SIGTERM or SIGINT; returns 0. Raises `UsageError` for what cannot be served."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="floodmark: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with contextlib.closing(bind(options.host, options.port)) as listener:
        if options.token is None and not is_loopback(listener):
            msg = f"{options.host} is not loopback: others could read what is served"
            raise UsageError(msg, hint="set FLOODMARK_TOKEN, or bind to 127.0.0.1")
        asyncio.run(_serve(options, listener))
    return 0


async def _serve(options: Options, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as ending:
        store = Store(options.store, cap_bytes=options.store_cap or DEFAULT_CAP_BYTES)
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
        captures = Captures(workers=sampler.workers, store=store, folder=options.captures)
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
            tasks.append(asyncio.create_task(captures.repeat(options.census_every, lambda: tuple(sampler.latest))))
        ending.push_async_callback(_end, server, tasks)
        await _ready(server, tasks)
        print(f"floodmark: serving {url(listener)}", flush=True)  # noqa: T201 - the one line whoever starts it waits for
        await _first(stop.wait(), *tasks)
        await _raise_failed(tasks)


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


async def _end(server: HttpServer, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Finish the requests under way and stop everything that runs by the clock."""
    server.stop()
    sampler, http, *others = tasks
    for task in (sampler, *others):
        task.cancel()
    await asyncio.gather(sampler, http, *others, return_exceptions=True)
