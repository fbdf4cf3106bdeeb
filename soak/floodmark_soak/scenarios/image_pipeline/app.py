"""The HTTP API: accepts images, and tells how large the maps are."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .image import Image
from .service import Service
from .settings import Settings

_LARGEST = 1 << 20


async def accept_image(request: Request) -> Response:
    """``POST /tasks/{task_id}/images/{filename}?event=1|0`` with the image's bytes as the body."""
    service: Service = request.app.state.service
    try:
        image = Image.named(service.input, request.path_params["task_id"], request.path_params["filename"])
    except ValueError as error:
        return PlainTextResponse(f"{error}\n", status_code=400)
    event = request.query_params.get("event", "1")
    if event not in {"0", "1"}:
        return PlainTextResponse(f"event must be 0 or 1, not {event!r}\n", status_code=400)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LARGEST:
            return PlainTextResponse(f"an image may have {_LARGEST} bytes at most\n", status_code=413)
    # A kilobyte to a local disk: cheaper here than the hand-over to a thread.
    service.accept(image, bytes(content), announced=event == "1")
    return Response(status_code=202)


async def healthz(_request: Request) -> Response:
    """``GET /healthz``."""
    return PlainTextResponse("ok\n")


async def sizes(request: Request) -> Response:
    """``GET /sizes``: the maps, the totals and the folders of the worker that answers."""
    service: Service = request.app.state.service
    return JSONResponse(
        {
            "pid": os.getpid(),
            "variant": service.settings.variant,
            "folder": str(service.folder),
            "sizes": service.sizes(),
            "totals": service.totals.as_dict(),
            "input_files": service.waiting(),
            "archive_files": len(service.archive),
        }
    )


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    with tempfile.TemporaryDirectory(prefix="image-pipeline-", ignore_cleanup_errors=True) as folder:
        service = Service(Settings.from_environment(), Path(folder))
        service.start()
        app.state.service = service
        try:
            yield
        finally:
            service.stop()


def create_app() -> Starlette:
    """The application of one worker; its service lives from the server's start to its shutdown."""
    return Starlette(
        routes=[
            Route("/tasks/{task_id}/images/{filename}", accept_image, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/sizes", sizes),
        ],
        lifespan=_lifespan,
    )
