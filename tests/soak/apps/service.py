"""A small HTTP service on the standard library, with the ways a service can disappoint."""

import argparse
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers /healthz and everything else, as `mode` says."""

    protocol_version = "HTTP/1.1"
    mode = "steady"
    requests = 0

    def do_GET(self) -> None:
        """Answer one request."""
        health = self.path == "/healthz"
        if not health:
            Handler.requests += 1
            self.misbehave()
        status = 503 if health and self.mode == "unready" else 500 if not health and self.mode == "fails" else 200
        body = b"ok"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def misbehave(self) -> None:
        """Do to the service what its mode is about, after some requests under load."""
        if Handler.requests != 30:
            return
        if self.mode == "exits":
            print("fatal: out of cheese", flush=True)  # noqa: T201 -- what a service does
            os._exit(3)
        if self.mode == "killed":
            os.kill(os.getpid(), signal.SIGKILL)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Says nothing of a client that went away: what it prints is what its mode is about."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", default="steady")
    options = parser.parse_args()
    Handler.mode = options.mode
    print("mode", options.mode, flush=True)  # noqa: T201 -- what a service does
    if options.mode == "broken":
        sys.exit("fatal: no configuration")
    if options.mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    if options.mode == "forgotten":
        # A process that forgets all it came from: its parent is gone, its session and its environment are its own.
        sleeper = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        subprocess.run(
            [sys.executable, "-c", sleeper + "env={}, start_new_session=True); print('daemon', p.pid)"], check=True
        )
    if options.mode == "deaf":
        threading.Event().wait()
    Server(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
