"""Threads, tasks, descriptors and child processes that grow in number, named by the group that grows. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from floodmark_sidecar.culprits._candidates import Candidate, merged
from floodmark_sidecar.culprits._capture import Capture, Group, Owner
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._evidence import INCONCLUSIVE, evidence
from floodmark_sidecar.culprits._findings import Finding
from floodmark_sidecar.culprits._growth import Growth, growth
from floodmark_sidecar.judge import Verdict
from floodmark_sidecar.judge._counts import LEAST, CountClimb
from floodmark_sidecar.units import format_duration

_MOST: Final = 3
"""Groups of one kind that are named."""

_EXPLAINED: Final = 0.6
"""Share of memory's growth from which on those who hold it are its reason, and what grows beside them is not."""

_NOBODY: Final = ("", "")
"""The worker and life of what readings tell of the service as a whole."""

_Locate = Callable[[Owner], str | None]
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of culprit: its `word`, its key in captures (`listed`) and with the judge (`counted`), and its plural."""

    word: str
    listed: str
    counted: str
    noun: str


_KINDS: Final = (
    _Kind("thread", "threads", "threads", "threads"),
    _Kind("task", "tasks", "tasks", "tasks"),
    _Kind("fd", "fds", "fds", "descriptors"),
    _Kind("process", "children", "processes", "processes"),
)


def resource_culprits(
    lives: Sequence[Sequence[Capture]],
    verdict: Verdict | None,
    *,
    living: Collection[tuple[str, str]],
    several: bool,
    locate: _Locate,
) -> list[Culprit]:
    """Return what grows in number, kind by kind, without a rank; *lives* are captures life by life.

    A group is named that goes on growing through the captures, by as many as the judge takes for a climb. Where the
    judge says that a kind climbs, there is always one: the group that grew most, or the kind itself where captures do
    not tell. The judge's own rate, which is of many more looks, is used where one group is all that grows.
    """
    doubts = [INCONCLUSIVE] if verdict is not None and verdict.verdict == "inconclusive" else []
    climbs = {} if verdict is None or verdict.evidence is None else {one.kind: one for one in verdict.evidence.counts}
    culprits = []
    for kind in _KINDS:
        climb, groups = climbs.get(kind.counted), _latest(lives, kind)
        candidates = _growing(lives, kind, groups, climb)
        if not candidates and climb is not None and verdict is not None:
            candidates = [Candidate((_of_service(kind, climb, verdict),))]
        for candidate in candidates:
            first = candidate.findings[0]
            group = groups.get(first.key)
            workers = {finding.worker for finding in candidate.findings} - {_NOBODY[0]}
            alone = next(iter(workers)) if several and len(workers) == 1 else None
            where, told = _told(group, locate)
            judged = climb is not None and len(candidates) == 1
            culprits.append(
                Culprit(
                    rank=0,
                    kind=kind.word,
                    name=first.name or kind.word,
                    where=where,
                    path=_path(group),
                    worker=alone,
                    share=None,
                    bytes_per_hour=None,
                    entries_per_hour=climb.finding.slope.estimate * 3600
                    if climb is not None and judged
                    else candidate.entries_per_hour,
                    measured="entries",
                    points=candidate.points({*living, _NOBODY}),
                    evidence=evidence(candidate.findings, {*living, _NOBODY}, alone, [*told, *doubts], noun=kind.noun),
                )
            )
    return culprits


def placed(culprits: Sequence[Culprit], counted: Sequence[Culprit], verdict: Verdict | None) -> tuple[Culprit, ...]:
    """Return *culprits*, whose bytes are known, and *counted*, whose are not, in one ranking.

    A ranking by bytes ends with those of whom none are known. Yet a count that climbs is a climb of its own: those of
    the kind the verdict is about come first, unless memory climbs as well and *culprits* explain that.
    """
    leading: list[Culprit] = []
    if verdict is not None and not _explained(culprits, verdict):
        word = next((kind.word for kind in _KINDS if kind.counted == verdict.growth_class), None)
        leading = [each for each in counted if each.kind == word]
    trailing = [each for each in counted if each not in leading]
    return tuple(replace(each, rank=rank) for rank, each in enumerate([*leading, *culprits, *trailing], start=1))


def _explained(culprits: Sequence[Culprit], verdict: Verdict) -> bool:
    memory = verdict.memory
    if memory is None or memory.state != "climbing":
        return False
    named = sum(each.bytes_per_hour or 0.0 for each in culprits)
    return named >= _EXPLAINED * memory.slope.estimate * 3600


def _growing(
    lives: Sequence[Sequence[Capture]], kind: _Kind, groups: dict[_Key, Group], climb: CountClimb | None
) -> list[Candidate]:
    """Return the groups of *kind* that grow, those that matter most first."""

    def order(candidate: Candidate) -> tuple[float, _Key]:
        # A task of the user's may come with one of a library's, and is the one to name then.
        key = candidate.findings[0].key
        placed = groups[key].owner is not None or groups[key].at is not None
        return -candidate.entries_per_hour * (2 if placed else 1), key

    found = [each for each in merged([*_findings(lives, kind)]) if each.gained_entries >= LEAST[kind.counted]]
    if not found and climb is not None:
        return sorted(merged([*_findings(lives, kind, known=True)]), key=order)[:1]
    return sorted(found, key=order)[:_MOST]


def _findings(lives: Sequence[Sequence[Capture]], kind: _Kind, *, known: bool = False) -> Iterator[Finding]:
    """Yield the groups of *kind* that grow, life by life; a group that a capture does not list has none there."""
    seconds: dict[str, float] = {}
    for life in lives:
        seconds[life[0].worker] = seconds.get(life[0].worker, 0.0) + life[-1].t - life[0].t
    for life in lives:
        looks = [(capture.t, _counts(capture, kind)) for capture in life if kind.listed in capture.resources]
        for key in dict.fromkeys(key for _, counts in looks for key in counts):
            found = growth([t for t, _ in looks], [counts[key] for _, counts in looks], known=known)
            if found is not None:
                worker = life[0].worker
                yield Finding(
                    key=key,
                    name=key[1],
                    worker=worker,
                    life=str(life[0].life),
                    growth=found,
                    weight=found.seconds / seconds[worker],
                    observed=f"{found.count} captures",
                )


def _counts(capture: Capture, kind: _Kind) -> Counter[_Key]:
    counts: Counter[_Key] = Counter()
    for group in capture.resources[kind.listed]:
        counts[_key(kind, group)] += group.count
    return counts


def _key(kind: _Kind, group: Group) -> _Key:
    return kind.word, group.name, _path(group) or "", "ended" if group.ended else ""


def _latest(lives: Sequence[Sequence[Capture]], kind: _Kind) -> dict[_Key, Group]:
    """Return each group of *kind* as it was seen last."""
    captures = sorted((capture for life in lives for capture in life), key=lambda capture: capture.t)
    return {_key(kind, group): group for each in captures for group in each.resources.get(kind.listed, ())}


def _of_service(kind: _Kind, climb: CountClimb, verdict: Verdict) -> Finding:
    """Return what the judge saw of a *climb* of which captures say nothing."""
    finding = climb.finding
    floors = finding.as_read(finding.window)
    times = (
        floors.x
        if verdict.evidence is None
        else np.interp(floors.x, verdict.evidence.frame.x, verdict.evidence.frame.t)
    )
    points = tuple(zip(times.tolist(), floors.y.tolist(), strict=True))
    return Finding(
        key=(kind.word,),
        name=None,
        worker=_NOBODY[0],
        life=_NOBODY[1],
        growth=Growth(points, len(points), finding.slope.estimate * 3600),
        weight=1.0,
        observed=f"{format_duration(finding.end - finding.start)} of readings",
    )


def _told(group: Group | None, locate: _Locate) -> tuple[str | None, list[str]]:
    """Return the line to show of *group*, and what else there is to say of it."""
    if group is None:
        return None, ["no capture says which"]
    made = locate(group.owner) if group.owner is not None else None
    stands = locate(group.at) if group.at is not None else None
    told = [f"most of them stand at {stands}"] if made and stands and made != stands else []
    return made or stands, [*told, *(["they have ended, and nothing waits for them"] if group.ended else [])]


def _path(group: Group | None) -> str | None:
    owner = None if group is None else group.owner
    return None if owner is None else ".".join(part for part in (owner.module, owner.qualname, owner.attribute) if part)
