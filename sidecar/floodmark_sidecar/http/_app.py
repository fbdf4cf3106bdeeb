"""The application: API, metrics, health, page, and errors as one sentence each."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.http import _api, _captures_api
from floodmark_sidecar.http._metrics import Metrics
from floodmark_sidecar.http._security import Guard
from floodmark_sidecar.http._state import State

_STATIC: Final = Path(__file__).parent / "static"
_LATE: Final = 4
"""Intervals without a reading after which the sidecar itself is not well."""

_METRICS_AGE: Final = 60.0
"""Seconds; slopes move over hours, and a scrape must not cost a judgement."""


def create_app(state: State) -> FastAPI:
    """Return the application over *state*."""
    # The interactive documentation of FastAPI loads its scripts from a CDN.
    app = FastAPI(title="floodmark", version=state.version, docs_url=None, redoc_url=None)
    app.state.floodmark = state
    app.include_router(_api.router)
    app.include_router(_captures_api.router)
    metrics = Metrics(state)

    @app.get("/metrics", include_in_schema=False)
    async def show_metrics(request: Request) -> Response:
        for service in state.seen.latest:
            await state.assessments.get(service, max_age=_METRICS_AGE)
        body, content_type = await asyncio.to_thread(metrics.render, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        """Say how the sidecar itself is: 200 while it reads and serves, also when it cannot store what it reads."""
        late, problems = _is_late(state), _problems(state)
        body = {
            "status": "failing" if late else "degraded" if problems else "ok",
            "version": state.version,
            "pid": os.getpid(),
            "uptime_seconds": max(0.0, time.time() - state.started),
            "last_reading_age_seconds": state.last_reading_age,
            "problems": problems,
        }
        return JSONResponse(body, 503 if late else 200)

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        """Say whether every service that is to be watched has been read."""
        waiting = sorted(set(state.seen.roots) - set(state.seen.latest))
        body: dict[str, Any] = {"ready": not waiting, "waiting_for": waiting}
        return JSONResponse(body, 503 if waiting else 200)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(_STATIC / "index.html")

    @app.get("/assets/chart.js", include_in_schema=False)
    def chart() -> FileResponse:
        # Chart.js comes out of an installed package; 200 kB compressed are not worth a copy of our own.
        script = files("chartkick").joinpath("django", "static", "chartkick", "Chart.bundle.js")
        return FileResponse(Path(str(script)), media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})

    app.mount("/assets", StaticFiles(directory=_STATIC))
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    for kind in (FloodmarkError, sqlite3.Error):
        app.add_exception_handler(kind, _on_error)
    app.add_exception_handler(Exception, _on_fault)
    app.add_middleware(Guard, state=state)
    return app


def _is_late(state: State) -> bool:
    age = state.last_reading_age
    running = any(runs for _, runs in state.seen.roots.values())
    if age is None:
        age = time.time() - state.started
    return running and age > max(30.0, _LATE * state.read_every)


def _problems(state: State) -> list[str]:
    problems = []
    status = state.store.status()
    if status.error:
        problems.append(status.error)
    if state.captures.retention is not None and (problem := state.captures.retention.status.problem):
        problems.append(problem)
    if _is_late(state):
        problems.append(f"no service was read in the last {_LATE} intervals")
    return problems


def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type alone
    sentence = f"there is no {request.url.path}" if error.detail == "Not Found" else str(error.detail)
    return JSONResponse({"error": sentence}, error.status_code, error.headers)


def _on_bad_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type alone
    return JSONResponse({"error": "; ".join(_sentence(item) for item in error.errors())}, 422)


def _sentence(item: dict[str, Any]) -> str:
    where: Sequence[Any] = item.get("loc", ())
    name = ".".join(str(part) for part in where[1:]) or str(where[0] if where else "request")
    text = str(item.get("msg", "is not valid"))
    return f"{name}: {text[:1].lower()}{text[1:]} (got {item.get('input')!r:.80})"


def _on_error(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 503)


def _on_fault(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": f"something went wrong inside floodmark: {type(error).__name__}"}, 500)
