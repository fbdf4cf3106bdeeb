"""The sentence that says why something is a culprit."""

from collections.abc import Collection, Sequence
from typing import Final

from floodmark_sidecar.culprits._capture import Owned
from floodmark_sidecar.culprits._findings import Finding
from floodmark_sidecar.units import format_bytes

INCONCLUSIVE: Final = "the run could not tell a climb from noise, so this says what grew, not what leaks"
OVERLAP: Final = "the culprits add up to more than the growth of memory that was seen, so shares are of their sum"

_MOST_OWNED: Final = 3
_MANY_OWNED: Final = 3
"""Types that are told of what an entry owns, and of how many objects of one there must be."""


def evidence(
    findings: Sequence[Finding],
    living: Collection[tuple[str, str]],
    alone: str | None,
    notes: Sequence[str],
    *,
    noun: str = "",
) -> str:
    """Return one sentence on *findings*, which are one culprit's; *alone* is the only one of several workers.

    *noun* is what there are ever more of, in the plural, where that is no entry and no instance.

    Its sizes are those of what is still there: of the lives in *living*, or else of the longest that is over.
    """
    shown = [finding for finding in findings if _life(finding) in living]
    goes_on = bool(shown)
    if not goes_on:
        longest = max(findings, key=lambda finding: finding.growth.seconds)
        shown = [finding for finding in findings if _life(finding) == _life(longest)]
    others = len({_life(finding) for finding in findings} - {_life(finding) for finding in shown})
    parts = [_grew(shown, noun) + _in_whom(shown, alone) + _in_which_lives(others, goes_on=goes_on)]
    maps = [finding for finding in shown if finding.is_map]
    if maps:
        parts.append(_bound(maps))
    held = next((finding.container for finding in [*shown, *findings] if finding.container is not None), None)
    if held is not None and (held.chain or held.path):
        parts.append(f"held by {held.chain or held.path}")
    if held is not None and held.of is not None:
        parts.append(f"its entries hold {held.of.path}")
    owned = next((finding.owned for finding in [*shown, *findings] if finding.owned is not None), None)
    if owned is not None and (told := _told(owned)):
        parts.append(f"an entry owns {told}")
    if held is not None and held.shape:
        parts.append(f"keys like {held.shape}")
    parts += dict.fromkeys(finding.remark for finding in shown)
    return "; ".join([part for part in parts if part] + list(notes))


def _life(finding: Finding) -> tuple[str, str]:
    return finding.worker, finding.life


def _grew(findings: Sequence[Finding], noun: str) -> str:
    first = sum(finding.growth.first for finding in findings)
    last = sum(finding.growth.last for finding in findings)
    over = f"over {max(findings, key=lambda finding: finding.growth.seconds).observed}"
    if findings[0].swells:
        return f"grew from {format_bytes(first)} to {format_bytes(last)} {over}, while its entries did not"
    each = findings[0].bytes_per_entry
    cost = f", {format_bytes(each)} each" if each is not None else ""
    return f"grew from {first:,.0f} to {last:,.0f} {noun or findings[0].unit} {over}{cost}"


def _told(owned: Owned) -> str:
    """Return the objects that there are most of in an entry; nothing where it has one of each at most."""
    most = sorted(owned.types.items(), key=lambda item: -item[1])[:_MOST_OWNED]
    return ", ".join(f"{count:,.0f} {name}" for name, count in most if count >= _MANY_OWNED)


def _in_whom(findings: Sequence[Finding], alone: str | None) -> str:
    workers = {finding.worker for finding in findings}
    if alone is not None:
        return f", in {alone} alone"
    return f", in {len(workers)} workers" if len(workers) > 1 else ""


def _in_which_lives(others: int, *, goes_on: bool) -> str:
    """Return what to say of the *others*, which have ended, beside what is shown."""
    if not goes_on:
        return f", in the longest of {others + 1} lives that are all over" if others else ", in a life that is over"
    if not others:
        return ""
    return f", and in {others} {'life that is' if others == 1 else 'lives that are'} over"


def _bound(maps: Sequence[Finding]) -> str:
    bound = maps[0].bound
    return "" if bound is None else f"declared bound {bound:,.0f} entries in each worker"
