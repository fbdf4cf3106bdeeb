"""Findings brought together: one candidate for each growing thing of the service, over its workers and lives. Pure."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from floodmark_sidecar.culprits._capture import Container, Owner
from floodmark_sidecar.culprits._findings import Finding

_MOST: Final = 20
"""A list longer than this is not read; what comes after is far below the first few."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The findings of one culprit, and their sums over lives and workers."""

    findings: tuple[Finding, ...]

    @property
    def bytes_per_hour(self) -> float | None:
        """Bytes the service gains in an hour by this, or None where nobody knows the size of an entry."""
        known = [finding.bytes_per_hour for finding in self.findings if finding.bytes_per_hour is not None]
        return sum(known) if known else None

    @property
    def near_bytes_per_hour(self) -> float:
        """As `bytes_per_hour`, of what the entries hold near by; 0.0 where nobody knows."""
        return sum(finding.near_bytes_per_hour or 0.0 for finding in self.findings)

    @property
    def owned_per_hour(self) -> Mapping[str, float]:
        """Objects that the entries gained in an hour own, by type; none where no census looked so deep."""
        found: defaultdict[str, float] = defaultdict(float)
        for finding in self.findings:
            for name, count in finding.owned_per_hour.items():
                found[name] += count
        return found

    @property
    def entries_per_hour(self) -> float:
        """Entries the service gains in an hour by this."""
        return sum(finding.entries_per_hour for finding in self.findings)

    @property
    def gained_entries(self) -> float:
        """Entries gained between the first look and the last."""
        return sum(f.growth.last - f.growth.first for f in self.findings if not f.swells)

    @property
    def container(self) -> Container | None:
        """The container that shows where this is held, if a capture has seen one."""
        return next((finding.container for finding in self.findings if finding.container is not None), None)

    @property
    def owner(self) -> Owner | None:
        """Where the source says what this is: what holds it, or where it is written."""
        held = self.container
        return held.owner if held is not None else self.findings[0].owner

    @property
    def places(self) -> tuple[Owner, ...]:
        """Where to look in the source, the best first: in code of the user's, if any, then where its owner is."""
        held = self.container
        return tuple(each for each in (held.of if held is not None else None, self.owner) if each is not None)

    @property
    def can_be_found(self) -> bool:
        """Whether there is more to say of this than the type it is of: a name, a chain that leads to it, a line."""
        held = self.container
        return bool(self.findings[0].is_map or self.places or (held is not None and (held.chain or held.path)))

    def points(self, living: Collection[tuple[str, str]]) -> tuple[tuple[float, float], ...]:
        """Return (epoch second, size) of all findings together, as seen with each new reading of one of them.

        A life that is not among *living*, by (worker, life), holds nothing after its last reading.
        """
        lives = sorted({(finding.worker, finding.growth.points[0][0], finding.life) for finding in self.findings})
        first_lives = {worker: life for worker, _, life in reversed(lives)}
        sizes = {
            index: finding.growth.first
            for index, finding in enumerate(self.findings)
            if first_lives[finding.worker] == finding.life
        }
        together = []
        for t, index, size in sorted((t, i, size) for i, f in enumerate(self.findings) for t, size in f.growth.points):
            here = self.findings[index]
            for each in [i for i in sizes if self._is_over(i, t, here, living)]:
                del sizes[each]
            sizes[index] = size
            together.append((t, sum(sizes.values())))
        return tuple(together)

    def _is_over(self, index: int, t: float, here: Finding, living: Collection[tuple[str, str]]) -> bool:
        """Whether the life of a finding had ended by *t*, when *here* was seen."""
        finding = self.findings[index]
        if finding.worker == here.worker:
            return finding.life != here.life
        return (finding.worker, finding.life) not in living and t > finding.growth.points[-1][0]

    @property
    def order(self) -> tuple[float, float, bool, tuple[str, ...]]:
        """The place in a ranking: by bytes, unknown ones last; then by entries; a name only breaks a tie."""
        size = self.bytes_per_hour
        first = self.findings[0]
        return (math.inf if size is None else -size, -self.entries_per_hour, first.name is None, first.key)


def merged(findings: Sequence[Finding]) -> list[Candidate]:
    """Return one candidate for each key of *findings*."""
    by_key: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        by_key.setdefault(finding.key, []).append(finding)
    return [Candidate(tuple(group)) for group in by_key.values()]


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return *candidates*, dearest first, without the small change of a service at work."""
    ordered = sorted(candidates, key=lambda candidate: candidate.order)
    leading = max((candidate.near_bytes_per_hour for candidate in ordered), default=0.0)
    return [
        candidate
        for candidate in ordered
        if candidate.gained_entries >= 64 or (candidate.bytes_per_hour or 0.0) >= leading / 100
    ][:_MOST]
