"""What the runner's process must not load."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["floodmark_soak.command", "floodmark_soak.runner"])
def test_the_runner_never_loads_the_load_generator(module: str) -> None:
    """Locust replaces half the standard library of whoever imports it; charts and servers are not needed to begin."""
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert not {"locust", "gevent", "pytest", "fastapi", "scipy", "matplotlib"} & set(loaded)
