"""Threads, tasks, descriptors and child processes that grow in number, named by the group that grows. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from floodmark_sidecar.culprits._candidates import Candidate, merged
from floodmark_sidecar.culprits._capture import Capture, Group, Owner
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._evidence import INCONCLUSIVE, evidence
from floodmark_sidecar.culprits._explained import explained
from floodmark_sidecar.culprits._findings import Finding, seconds_of
from floodmark_sidecar.culprits._growth import Growth, growth
from floodmark_sidecar.judge import Verdict
from floodmark_sidecar.judge._counts import LEAST, CountClimb
from floodmark_sidecar.units import format_duration

_MOST: Final = 3
"""Groups of one kind that are named."""

_GOOD_PART: Final = 0.25
"""Share of a climb's rate from which on groups are what climbs."""

_AS_MANY: Final = (0.5, 2.0)
"""A container that gains so many entries for each thread, task or descriptor has one for each."""

_UNHELD: Final = ("line", "native")
"""Kinds of culprits that say where memory is asked for, and not what keeps it."""

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

    A group is named that goes on growing through the captures, by as many as the judge takes for a climb; through three
    of them where there is a verdict and it does not say so. Where the judge says that a kind climbs, there is always
    one: the group that grew most, or the kind itself where captures do not tell. Where one group is all that grows, its
    rate is the judge's, which is of many more looks.
    """
    doubts = [INCONCLUSIVE] if verdict is not None and verdict.verdict == "inconclusive" else []
    known = {*living, _NOBODY}
    culprits = []
    for kind in _KINDS:
        climb, groups = _climb(kind, verdict), _latest(lives, kind)
        candidates = _candidates(lives, kind, groups, verdict)
        for candidate in candidates:
            first = candidate.findings[0]
            group = groups.get(first.key)
            workers = {finding.worker for finding in candidate.findings} - {_NOBODY[0]}
            alone = next(iter(workers)) if several and len(workers) == 1 else None
            where, told = _told(group, locate)
            rate = candidate.entries_per_hour
            if climb is not None and len(candidates) == 1:
                rate = climb.finding.slope.estimate * 3600
            culprits.append(
                Culprit(
                    rank=0,
                    kind=kind.word,
                    name=first.name or kind.word,
                    where=where,
                    path=_path(group) or (None if group is None else group.path),
                    worker=alone,
                    share=None,
                    bytes_per_hour=None,
                    entries_per_hour=rate,
                    measured="entries",
                    points=candidate.points(known),
                    evidence=evidence(candidate.findings, known, alone, [*told, *doubts], noun=kind.noun),
                )
            )
    return culprits


def placed(
    culprits: Sequence[Culprit], counted: Sequence[Culprit], verdict: Verdict | None, *, held: float
) -> tuple[Culprit, ...]:
    """Return *culprits*, whose bytes are known, and *counted*, whose are not, in one ranking.

    A ranking by bytes ends with those of whom none are known. Yet a count that climbs is a climb of its own: those of
    the kind the verdict is about come first, unless memory climbs as well and what has a name for sure, *held* bytes an hour,
    explains that. Where the verdict is about nothing, those that have a line come before the first that gains as many: each new
    thread is also an entry in a table of threads.
    """
    leading: list[Culprit] = []
    if verdict is not None and not _explained(held, verdict):
        word = next((kind.word for kind in _KINDS if kind.counted == verdict.growth_class), None)
        leading = [each for each in counted if each.kind == word]
    ordered = [*leading, *culprits]
    undecided = verdict is None or verdict.verdict != "climbing"
    for each in counted:
        if each not in leading:
            alike = undecided and each.where is not None
            ordered.insert(_place_before(ordered, each) if alike else len(ordered), each)
    return tuple(replace(each, rank=rank) for rank, each in enumerate(ordered, start=1))


def _place_before(culprits: Sequence[Culprit], counted: Culprit) -> int:
    """Return the place of the first of *culprits* that gains as many entries as *counted*, or their end."""
    least, most = _AS_MANY
    for place, each in enumerate(culprits):
        known = each.bytes_per_hour is not None and each.kind not in _UNHELD
        if known and least * counted.entries_per_hour <= each.entries_per_hour <= most * counted.entries_per_hour:
            return place
    return len(culprits)


def _explained(held: float, verdict: Verdict) -> bool:
    memory = verdict.memory
    if memory is None or memory.state != "climbing":
        return False
    return explained(memory.slope.estimate * 3600, held)


def _candidates(
    lives: Sequence[Sequence[Capture]], kind: _Kind, groups: Mapping[_Key, Group], verdict: Verdict | None
) -> list[Candidate]:
    """Return what grows of *kind*, what matters most first: groups, or the kind itself where it climbs and they do not."""

    def ordered(findings: Iterable[Finding]) -> list[Candidate]:
        return sorted(merged([*findings]), key=order)

    def order(candidate: Candidate) -> tuple[float, _Key]:
        # A task of the user's may come with one of a library's, and is the one to name then.
        key = candidate.findings[0].key
        own = groups[key].owner is not None or groups[key].at is not None
        return -candidate.entries_per_hour * (2 if own else 1), key

    looks = 2 if verdict is None else 3
    seen = ordered(finding for finding in _findings(lives, kind) if finding.growth.count >= looks)
    found = [each for each in seen if each.gained_entries >= LEAST[kind.counted]][:_MOST]
    climb = _climb(kind, verdict)
    if verdict is None or climb is None or _enough(found, climb):
        return found
    most = ordered(_findings(lives, kind, known=True))[:1]
    return most if _enough(most, climb) else [Candidate((_of_service(kind, climb, verdict),)), *found]


def _climb(kind: _Kind, verdict: Verdict | None) -> CountClimb | None:
    counts = () if verdict is None or verdict.evidence is None else verdict.evidence.counts
    return next((climb for climb in counts if climb.kind == kind.counted), None)


def _enough(candidates: Sequence[Candidate], climb: CountClimb) -> bool:
    """Whether *candidates* are a good part of what climbs; captures are few, so their rate is a rough one."""
    return sum(each.entries_per_hour for each in candidates) >= _GOOD_PART * climb.finding.slope.estimate * 3600


def _findings(lives: Sequence[Sequence[Capture]], kind: _Kind, *, known: bool = False) -> Iterator[Finding]:
    """Yield the groups of *kind* that grow, life by life; a group that a capture does not list has none there."""
    seconds = seconds_of(lives)
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
    made = next((line for line in (locate(each) for each in (group.owner, group.holder) if each) if line), None)
    stands = locate(group.at) if group.at is not None else None
    told = [f"most of them stand at {stands}"] if made and stands and made != stands else []
    told += [f"held by {group.chain}"] if group.chain else []
    return made or stands, [*told, *(["they have ended, and nothing waits for them"] if group.ended else [])]


def _path(group: Group | None) -> str | None:
    return None if group is None or group.owner is None else group.owner.path
