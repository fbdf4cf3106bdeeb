"""All findings that follow from the facts."""

from collections.abc import Callable
from typing import Final

from floodmark_sidecar.doctor import _allocator, _census, _own, _python, _sight
from floodmark_sidecar.doctor._facts import Facts
from floodmark_sidecar.doctor._finding import Finding, Level

_RULES: Final[tuple[Callable[[Facts], Finding | None], ...]] = (
    _sight.memory,
    _python.version,
    _sight.environment,
    _python.agent,
    _census.census,
    _census.promised,
    _census.together,
    _census.victim,
    _python.tracing,
    _python.objects,
    _own.tracker,
    _allocator.malloc,
    _allocator.preload,
    _allocator.arenas,
    _allocator.thresholds,
    _allocator.huge_pages,
    _python.stopping,
    _sight.limit,
    _sight.swap,
    _sight.files,
    _sight.hidden,
    _sight.namespace,
    _own.greenlets,
    _census.folder,
    _own.packages,
    _own.graphviz,
)
_ORDER: Final = tuple(Level)


def findings(facts: Facts) -> list[Finding]:
    """Return what follows from *facts*: problems first, then notes, then what is fine. Pure."""
    found = [finding for rule in _RULES if (finding := rule(facts)) is not None]
    return sorted(found, key=lambda finding: _ORDER.index(finding.level))
