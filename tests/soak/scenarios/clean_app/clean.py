"""A small shop that keeps nothing of the orders it takes: the control of those that do."""

import os
import secrets
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


async def healthz(_request: Request) -> Response:
    """Ready to take orders."""
    return PlainTextResponse("ok\n")


async def place_order(request: Request) -> Response:
    """Take an order; its session ends with the answer."""
    session = {
        "since": time.time(),
        "agent": request.headers.get("User-Agent", ""),
        "basket": secrets.token_hex(750),
    }
    answer = {"order": request.path_params["order"], "worker": os.getpid(), "items": len(session)}
    return JSONResponse(answer, status_code=201)


app = Starlette(routes=[Route("/healthz", healthz), Route("/orders/{order}", place_order, methods=["POST"])])
