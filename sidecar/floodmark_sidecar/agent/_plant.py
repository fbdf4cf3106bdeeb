"""A leak that is put into the service to prove that it would be found: only where a soak asks for it, never in production."""

import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, cast

_MODULE: Final = "floodmark_planted"
_FILE: Final = "FLOODMARK_PLANT"


def planted(environ: Mapping[str, str] = os.environ) -> Callable[[float], Any] | None:
    """Return what lets the leak grow up to a time (epoch seconds), as the file that the environment names defines it.

    None where none is named, and where that cannot be loaded: the service goes on without.
    """
    path = environ.get(_FILE, "")
    if not path:
        return None
    module = sys.modules.get(_MODULE)
    if module is None:
        module = ModuleType(_MODULE)
        module.__file__ = path
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123  see `_files`
                exec(compile(file.read(), path, "exec"), module.__dict__)  # noqa: S102  the operator's own file
        except Exception:  # noqa: BLE001  nothing of the agent is the service's business
            return None
        sys.modules[_MODULE] = module
    return cast("Callable[[float], Any]", module.__dict__["grow"])
