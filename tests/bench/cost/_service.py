"""The service that is measured: the bundled one over a heap of many objects, and routes that tell what it spent.

Run as a program of its own: `python -m tests.bench.cost._service --port 8000 --objects 1000000`.
"""

import argparse
import asyncio
import os
import resource
import time
from pathlib import Path
from typing import Final

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from floodmark_sidecar import agent
from floodmark_soak.scenarios.image_pipeline.app import create_app
from floodmark_soak.scenarios.image_pipeline.settings import Settings

NAME: Final = "cost"
"""The service's name at its sidecar."""

_TICK: Final = 0.001
"""Seconds between two looks at the clock; a stall is seen to about as much."""

_OF_A_RECORD: Final = 4


class _Stalls:
    """The longest time that the event loop was held up since it was last asked for. Belongs to one loop."""

    def __init__(self) -> None:
        self._worst = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def answer(self, request: Request) -> Response:
        """`POST`: begin to watch, or begin anew; `GET`: the worst so far, in seconds, and no more watching."""
        if request.method == "POST":
            self._worst = 0.0
            if self._watching is None:
                self._watching = asyncio.create_task(self._watch())
            return JSONResponse({})
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        return JSONResponse({"worst": self._worst})

    async def _watch(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(_TICK)
            now = time.perf_counter()
            self._worst = max(self._worst, now - last - _TICK)
            last = now


async def _usage(_request: Request) -> Response:
    """Seconds of processor time that this process, the children it waited for and the agent's thread in it have had."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = {"own": time.process_time(), "children": children.ru_utime + children.ru_stime, "agent": _of_agent()}
    return JSONResponse(used)


def _of_agent() -> float:
    """Return the seconds of the thread that goes by the agent's name, which the kernel counts in nanoseconds."""
    found = 0.0
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().strip() == "floodmark":
            found += int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


async def _summary(_request: Request) -> Response:
    """Summarise all objects with pympler in a thread of the service, as its documentation shows."""
    return JSONResponse({"types": await asyncio.to_thread(_summarise)})


def _summarise() -> int:
    from pympler import muppy, summary

    rows: list[object] = summary.summarize(muppy.get_objects())  # type: ignore[no-untyped-call]
    return len(rows)


async def _growth(_request: Request) -> Response:
    """Have objgraph say what grew and who holds one of it, in a thread of the service."""
    return JSONResponse({"chain": await asyncio.to_thread(_held)})


def _held() -> int:
    import objgraph  # type: ignore[import-untyped]

    objgraph.growth(limit=10)
    chain = objgraph.find_backref_chain(objgraph.by_type("list")[-1], objgraph.is_proper_module)
    return len(chain)


def ballast(objects: int) -> list[dict[str, object]]:
    """Return so many objects, in records of a dict, a list and two texts each."""
    return [{"name": f"record-{number}", "tags": [f"tag-{number}"]} for number in range(objects // _OF_A_RECORD)]


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cost._service", description="the service to measure")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--objects", type=int, required=True)
    parser.add_argument("--socket", help="where a sidecar listens; without it there is no agent")
    options = parser.parse_args()
    os.environ |= Settings(variant="bounded", failures=0.0).to_environment()
    kept = ballast(options.objects)
    if options.socket:
        agent.start(service=NAME, socket=options.socket)
    app, stalls = create_app(), _Stalls()
    app.add_route("/bench/usage", _usage)
    app.add_route("/bench/summary", _summary, methods=["POST"])
    app.add_route("/bench/growth", _growth, methods=["POST"])
    app.add_route("/bench/stalls", stalls.answer, methods=["GET", "POST"])
    uvicorn.run(app, port=options.port, access_log=False, log_level="warning", timeout_graceful_shutdown=5)
    del kept


if __name__ == "__main__":
    main()
