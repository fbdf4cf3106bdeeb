"""Loads the floodmark agent, then the application's own sitecustomize, exactly as Python would have.

Every interpreter the service starts reads this file, old ones too: it is plain enough for Python 2.7, and does nothing
there but hand on. Whatever goes wrong in the first half is nobody's business but ours.
"""
# Old syntax without annotations or pathlib, imports only where they are used, and silence: all on purpose.
# ruff: noqa: ANN202, BLE001, INP001, PLC0415, PTH100, PTH118, PTH120, S110, UP036
# mypy: disable-error-code="no-untyped-def, no-untyped-call, arg-type, union-attr"

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_HELPERS = ("resource_tracker import main", "forkserver import main")


def _wanted():
    if sys.version_info < (3, 11) or sys.implementation.name != "cpython" or not sys.platform.startswith("linux"):
        return False
    if os.environ.get("FLOODMARK_DISABLED") == "1" or not os.environ.get("FLOODMARK_SOCKET"):
        return False
    # multiprocessing's helpers fork or count for the service; its spawned workers are workers and go on.
    return not any(helper in argument for argument in sys.orig_argv for helper in _HELPERS)


def _start():
    import json

    folders = json.loads(os.environ.get("FLOODMARK_PACKAGES", "{}"))
    if folders:
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location("_floodmark_finder", os.path.join(os.path.dirname(_HERE), "_finder.py"))
        finder = module_from_spec(spec)
        spec.loader.exec_module(finder)
        finder.install(folders)
    from floodmark_sidecar.agent import start

    start()


def _hand_on():
    path = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]
    if sys.version_info < (3, 5):
        import imp

        try:
            found = imp.find_module("sitecustomize", path)
        except ImportError:
            return
        imp.load_module("sitecustomize", *found)
        return
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


try:
    if _wanted():
        _start()
except Exception:
    pass
_hand_on()
