"""A service with pins of its own: an older cachetools, and nothing of floodmark in its environment.

``/version`` tells which cachetools was imported and whether a floodmark could be found. The orders leak.
"""

import argparse
import importlib.util
import json
import secrets
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cachetools

ORDERS_SEEN: dict[str, tuple[float, str]] = {}

RECENT: cachetools.TTLCache[str, float] = cachetools.TTLCache(maxsize=100, ttl=60)
_lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """Answers over connections that are kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """``/healthz``, ``/version`` and ``/sizes``."""
        if self.path == "/healthz":
            self._answer({"ok": True})
        elif self.path == "/version":
            found = importlib.util.find_spec("floodmark_caches") is not None
            self._answer({"cachetools": cachetools.__version__, "python": sys.executable, "floodmark_found": found})
        elif self.path == "/sizes":
            self._answer({"ORDERS_SEEN": len(ORDERS_SEEN), "RECENT": len(RECENT)})
        else:
            self._answer({"error": self.path}, HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """``/orders/<id>``."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        order = self.path.rpartition("/")[2]
        now = time.time()
        ORDERS_SEEN[order] = (now, secrets.token_hex(750))
        with _lock:
            RECENT[order] = now
        self._answer({"order": order}, HTTPStatus.CREATED)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Nothing: a line a request would only fill the log."""

    def _answer(self, content: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A thread a connection, none of which holds up the end."""

    daemon_threads = True
    request_queue_size = 64


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    with Server(("127.0.0.1", parser.parse_args().port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
