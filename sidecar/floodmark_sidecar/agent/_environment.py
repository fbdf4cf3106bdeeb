"""The environment in which a service, under its own interpreter, loads the agent."""

import json
import os
from collections.abc import Mapping
from typing import Final

from floodmark_sidecar.agent import _link

BOOTSTRAP: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bootstrap")  # noqa: PTH100, PTH118, PTH120  see `_files`
"""The folder that goes first on PYTHONPATH; it holds a `sitecustomize` and nothing else."""

_PACKAGES: Final = ("floodmark_sidecar", "floodmark_caches")


def environment(*, socket: str | os.PathLike[str], service: str, base: Mapping[str, str]) -> dict[str, str]:
    """Return *base* with what makes a Python process, and every Python process below it, load the agent.

    *socket* is the path of the sidecar's unix socket; raises ValueError, with the reason, if it cannot be one. The
    service's own PYTHONPATH is kept, after ours.
    """
    path = os.path.abspath(os.fspath(socket))  # noqa: PTH100  see `_files`
    reason = _link.refusal(path)
    if reason is not None:
        raise ValueError(reason)
    entries = [entry for entry in base.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != BOOTSTRAP]
    return {
        **base,
        "PYTHONPATH": os.pathsep.join([BOOTSTRAP, *entries]),
        "FLOODMARK_SOCKET": path,
        "FLOODMARK_SERVICE": service,
        "FLOODMARK_PACKAGES": json.dumps(_folders()),
    }


def _folders() -> dict[str, str]:
    """Return the folder of each package the service may need and may not have."""
    from importlib.util import find_spec  # noqa: PLC0415  a service that imports the agent does not need it

    found = {}
    for name in _PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found[name] = os.path.dirname(os.path.abspath(spec.origin))  # noqa: PTH100, PTH120  see `_files`
    return found
