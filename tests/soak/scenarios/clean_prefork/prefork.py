"""A small shop that keeps nothing of the orders it takes: the control of the one that does."""

import os
import secrets
import time

from flask import Flask, request
from werkzeug.wrappers import Response

app = Flask(__name__)


@app.get("/healthz")
def healthz() -> str:
    """Ready to take orders."""
    return "ok\n"


@app.post("/orders/<order>")
def place_order(order: str) -> Response:
    """Take an order; its session ends with the answer."""
    session = {
        "since": time.time(),
        "agent": request.headers.get("User-Agent", ""),
        "basket": secrets.token_hex(750),
    }
    return app.make_response(({"order": order, "worker": os.getpid(), "items": len(session)}, 201))
