"""Starts the service: ``python -m image_pipeline --variant leaky --port 8000``."""

import argparse
import os
import sys

import uvicorn

from .settings import Settings


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    defaults = Settings()
    parser = argparse.ArgumentParser(prog="image_pipeline", description="An image analysis service with four maps.")
    parser.add_argument("--variant", choices=("leaky", "bounded"), default=defaults.variant)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="uvicorn workers, each with folders of its own")
    parser.add_argument("--failures", type=float, default=defaults.failures, help="share of jobs whose worker dies")
    parser.add_argument("--processed-bound", type=int, default=defaults.processed_bound, help="paths (bounded variant)")
    parser.add_argument("--pending-ttl", type=float, default=defaults.pending_ttl, help="seconds (bounded variant)")
    parser.add_argument("--archive-limit", type=int, default=defaults.archive_limit, help="files kept in the archive")
    parser.add_argument("--scan-every", type=float, default=defaults.scan_every, help="seconds between two scans")
    parser.add_argument("--settle", type=float, default=defaults.settle, help="age at which a file is scanned, seconds")
    parser.add_argument("--abandon", type=float, default=defaults.abandon, help="age at which a file is swept, seconds")
    options = vars(parser.parse_args(argv))
    host, port, workers = options.pop("host"), options.pop("port"), options.pop("workers")
    # uvicorn imports the application by name in each worker, so the settings travel in the environment.
    os.environ |= Settings(**options).to_environment()
    uvicorn.run(
        "image_pipeline.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
