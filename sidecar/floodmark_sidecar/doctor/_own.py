"""What floodmark's own environment has, and what it could do with what it has not."""

from typing import Final

from floodmark_sidecar.doctor._facts import Facts
from floodmark_sidecar.doctor._finding import Finding, fine, note

_SHOWN: Final = ("cachetools", "psutil", "pympler", "objgraph", "memray")
"""Whose version tells something of what floodmark, or a service of its environment, does."""


def packages(facts: Facts) -> Finding | None:
    """The packages that the extras bring."""
    shown = [f"{name} {facts.installed.packages[name]}" for name in _SHOWN if facts.installed.packages.get(name)]
    if not facts.installed.extras:
        return note(
            "packages",
            "not known: floodmark runs from its sources and is not installed",
            "Commands say what they lack; pip install 'floodmark[sidecar]' brings what most need.",
        )
    absent = _absent(facts, "sidecar")
    if absent:
        return note(
            "packages",
            f"no {', '.join(absent)}",
            "Watching and judging need them: pip install 'floodmark[sidecar]' where floodmark itself runs.",
        )
    soak = "; no soak runs without floodmark[soak]" if _absent(facts, "soak") else ""
    return fine("packages", f"{', '.join(shown)}{soak}")


def graphviz(facts: Facts) -> Finding | None:
    """Whether pictures of who holds what can be drawn."""
    if facts.installed.draws:
        return fine("graphviz", "installed")
    return note(
        "graphviz",
        "is not installed",
        "Who holds what grows is told in words alone; with it (apt install graphviz) there is a picture.",
    )


def greenlets(facts: Facts) -> Finding | None:
    """Greenlets, in which the work of a service does not show as threads."""
    if facts.code is None or not any(name.startswith("_greenlet.") for name in facts.code.libraries):
        return None
    return fine(
        "greenlets", "loaded; they are counted neither as threads nor as tasks, and the agent has a real thread"
    )


def tracker(facts: Facts) -> Finding | None:
    """memray, which keeps memory of its own while it tracks."""
    if facts.code is None or not any(name.startswith("_memray.") for name in facts.code.libraries):
        return None
    return note(
        "memray",
        "is loaded",
        "While it tracks, it holds memory for every allocation, which is measured as the service's: do not judge this run.",
    )


def _absent(facts: Facts, extra: str) -> list[str]:
    return [name for name in facts.installed.extras.get(extra, ()) if facts.installed.packages.get(name) is None]
