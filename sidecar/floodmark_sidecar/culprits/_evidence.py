"""The sentence that says why something is a culprit."""

from collections.abc import Sequence
from typing import Final

from floodmark_sidecar.culprits._findings import Finding
from floodmark_sidecar.units import format_bytes

INCONCLUSIVE: Final = "the run could not tell a climb from noise, so this says what grew, not what leaks"
OVERLAP: Final = "the culprits add up to more than the growth of memory that was seen, so shares are of their sum"


def evidence(findings: Sequence[Finding], alone: str | None, notes: Sequence[str]) -> str:
    """Return one sentence on *findings*, which are one culprit's; *alone* is the only one of several workers."""
    longest = _longest_of_each_worker(findings)
    parts = [_grew(longest) + _in_whom(findings, alone)]
    maps = [finding for finding in longest if finding.is_map]
    if maps:
        parts.append(_bound(maps))
    held = next((finding.container for finding in longest if finding.container is not None), None)
    if held is not None and (held.chain or held.path):
        parts.append(f"held by {held.chain or held.path}")
    if held is not None and held.shape:
        parts.append(f"keys like {held.shape}")
    return "; ".join([part for part in parts if part] + list(notes))


def _longest_of_each_worker(findings: Sequence[Finding]) -> list[Finding]:
    """Return what each worker's longest life found: sizes of one life after another do not add up."""
    longest: dict[str, str] = {}
    for finding in sorted(findings, key=lambda finding: finding.growth.seconds):
        longest[finding.worker] = finding.life
    return [finding for finding in findings if finding.life == longest[finding.worker]]


def _grew(findings: Sequence[Finding]) -> str:
    first = sum(finding.growth.first for finding in findings)
    last = sum(finding.growth.last for finding in findings)
    over = f"over {findings[0].observed}"
    if findings[0].swells:
        return f"grew from {format_bytes(first)} to {format_bytes(last)} {over}, while its entries did not"
    each = findings[0].bytes_per_entry
    cost = f", {format_bytes(each)} each" if each is not None else ""
    return f"grew from {first:,.0f} to {last:,.0f} entries {over}{cost}"


def _in_whom(findings: Sequence[Finding], alone: str | None) -> str:
    workers = {finding.worker for finding in findings}
    lives = {(finding.worker, finding.life) for finding in findings}
    if alone is not None:
        where = f", in {alone} alone"
    elif len(workers) > 1:
        where = f", in {len(workers)} workers"
    else:
        where = ""
    return where + (f", in {len(lives)} lives (sizes are the longest's)" if len(lives) > len(workers) else "")


def _bound(maps: Sequence[Finding]) -> str:
    bound = maps[0].bound
    return "" if bound is None else f"declared bound {bound:,.0f} entries in each worker"
