"""A small shop with two caches that fill and then stay full: growth that ends of itself."""

import secrets
from collections import OrderedDict

import cachetools
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

# At 150 orders a second both are full within some 17 seconds.
KEPT = 2_500
RECEIPTS: cachetools.LRUCache[str, str] = cachetools.LRUCache(maxsize=KEPT)
BASKETS: OrderedDict[str, bytes] = OrderedDict()


async def healthz(_request: Request) -> Response:
    """Ready to take orders."""
    return PlainTextResponse("ok\n")


async def place_order(request: Request) -> Response:
    """Take an order and keep its receipt and basket while they are among the newest."""
    order = request.path_params["order"]
    RECEIPTS[order] = secrets.token_hex(750)
    BASKETS[order] = secrets.token_bytes(1_500)
    if len(BASKETS) > KEPT:
        BASKETS.popitem(last=False)
    return JSONResponse({"order": order}, status_code=201)


async def sizes(_request: Request) -> Response:
    """Entries of both."""
    return JSONResponse({"RECEIPTS": len(RECEIPTS), "BASKETS": len(BASKETS)})


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/orders/{order}", place_order, methods=["POST"]),
        Route("/sizes", sizes),
    ]
)
