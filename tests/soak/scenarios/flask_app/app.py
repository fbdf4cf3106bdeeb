"""A small shop that remembers the session of every order it ever took. It knows nothing of floodmark."""

import os
import secrets
import time

from flask import Flask, request
from werkzeug.wrappers import Response

app = Flask(__name__)

SESSIONS_BY_REQUEST: dict[str, dict[str, object]] = {}


@app.get("/healthz")
def healthz() -> str:
    """Ready to take orders."""
    return "ok\n"


@app.post("/orders/<order>")
def place_order(order: str) -> Response:
    """Take an order. Its session should end here, and does not."""
    SESSIONS_BY_REQUEST[f"{order}/{secrets.token_hex(8)}"] = {
        "since": time.time(),
        "agent": request.headers.get("User-Agent", ""),
        "basket": secrets.token_hex(1_500),
    }
    return app.make_response(({"order": order, "worker": os.getpid()}, 201))


@app.get("/sizes")
def sizes() -> dict[str, int]:
    """Entries in the worker that answers."""
    return {"SESSIONS_BY_REQUEST": len(SESSIONS_BY_REQUEST)}
