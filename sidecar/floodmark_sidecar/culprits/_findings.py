"""Something that goes on growing in one life, and those that captures show. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from floodmark_sidecar.culprits._capture import Capture, Container, Owned, Owner
from floodmark_sidecar.culprits._growth import Growth
from floodmark_sidecar.culprits._tracks import Track, follow

_FEWEST: Final = 3
"""Where a life was looked at more often, two sightings that rise may be a queue which is empty most of the time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One growing thing in one life. Findings with one key, over workers and lives, are one culprit.

    `growth` is that of its entries, or of its bytes where it `swells` instead. `weight` is the part of the time its
    worker was observed for which the finding speaks. `owned` is what an entry owns, which `bytes_per_entry` counts where it
    is known; `near_bytes_per_entry` does not. `whole` is the `weight` of the life, where what grew was too small to be seen for a
    part of it. `container` shows where it is held, `bound` is the declared one
    of a registered map, `owner` is where it is written, where that is not what holds it. `holds` are the classes of which
    an instance of this one holds some. `remark` is what else is known. `seen` is the container in each capture of its
    life, oldest first.
    """

    key: tuple[str, ...]
    name: str | None
    worker: str
    life: str
    growth: Growth
    weight: float
    observed: str
    swells: bool = False
    bytes_per_entry: float | None = None
    container: Container | None = None
    bound: float | None = None
    owner: Owner | None = None
    holds: tuple[str, ...] = ()
    remark: str = ""
    seen: tuple[tuple[float, Container], ...] = ()
    owned: Owned | None = None
    near_bytes_per_entry: float | None = None
    whole: float | None = None

    @property
    def kind(self) -> str:
        """What this is, as a culprit's kind says it: `map`, `container`, `type`."""
        return "container" if self.key[0] == "unnamed" else self.key[0]

    @property
    def is_map(self) -> bool:
        """Whether this is a registered map."""
        return self.kind == "map"

    @property
    def unit(self) -> str:
        """What there are ever more of."""
        return "instances" if self.kind == "type" else "entries"

    @property
    def entries_per_hour(self) -> float:
        """Entries gained in an hour of the worker's time."""
        return 0.0 if self.swells else self.growth.per_hour * self.weight

    @property
    def bytes_per_hour(self) -> float | None:
        """Bytes gained in an hour of the worker's time, or None where the size of an entry is not known."""
        if self.swells:
            return self.growth.per_hour * self.weight
        return None if self.bytes_per_entry is None else self.entries_per_hour * self.bytes_per_entry

    @property
    def owned_per_hour(self) -> Mapping[str, float]:
        """Objects by type that the entries own which are gained in an hour, in all of the life at the pace that was seen."""
        if self.owned is None or self.swells:
            return {}
        gained = self.growth.per_hour * (self.weight if self.whole is None else self.whole)
        return {name: gained * count for name, count in self.owned.types.items()}

    @property
    def near_bytes_per_hour(self) -> float | None:
        """As `bytes_per_hour`, of what the entries hold near by: what is surely theirs."""
        near = self.near_bytes_per_entry
        return self.bytes_per_hour if self.swells or near is None else self.entries_per_hour * near


def lives_of(captures: Sequence[Capture], since: float | None) -> list[list[Capture]]:
    """Return the captures life by life, only those after *since* where a life has at least three such."""
    ordered = sorted(captures, key=lambda capture: (capture.worker, capture.life, capture.t))
    lives = []
    for _, group in groupby(ordered, key=lambda capture: (capture.worker, capture.life)):
        every = list(group)
        late = [capture for capture in every if since is not None and capture.t >= since]
        lives.append(late if len(late) >= 3 else every)
    return [life for life in lives if life[-1].t > life[0].t]


def map_names(tracks: Sequence[Track], registered: Mapping[tuple[str, int], Mapping[int, str]]) -> list[str | None]:
    """Return, for each track, the registered map that it is the inside of, if any.

    A map that renews its container leaves the ids that were published for it behind; its path still tells.
    """
    names = [registered.get((track.worker, track.life), {}).get(track.latest.id) for track in tracks]
    paths = {track.named.path: name for track, name in zip(tracks, names, strict=True) if name and track.named.path}
    return [name or paths.get(track.named.path or "") for track, name in zip(tracks, names, strict=True)]


def from_tracks(
    lives: Sequence[Sequence[Capture]], tracks: Sequence[Track], names: Sequence[str | None]
) -> Iterator[Finding]:
    """Yield the containers that grow among *tracks*; the inside of a registered map as that map, by its name."""
    seconds = seconds_of(lives)
    spans = {(life[0].worker, life[0].life): life[-1].t - life[0].t for life in lives}
    looks = {(life[0].worker, life[0].life): len(life) for life in lives}
    complete = {(c.worker, c.life): c.t for life in lives for c in life if c.complete}
    for track, name in zip(tracks, names, strict=True):
        if len(track.seen) < min(_FEWEST, looks[track.worker, track.life] - 2):
            continue
        gone = track.seen[-1][0] < complete.get((track.worker, track.life), 0.0)
        grown = track.growth()
        found = grown or track.swelling()
        if found is None or gone:
            continue
        held = track.named
        unnamed = ("unnamed", held.kind, held.chain or held.shape or "")
        yield Finding(
            key=("map", name) if name else ("container", held.path) if held.path else unnamed,
            name=name or held.name,
            worker=track.worker,
            life=str(track.life),
            growth=found,
            weight=found.seconds / seconds[track.worker],
            observed=f"{found.count} captures",
            swells=grown is None,
            bytes_per_entry=track.bytes_per_entry(),
            container=held,
            seen=tuple(track.seen),
            owned=track.owned(),
            whole=spans[track.worker, track.life] / seconds[track.worker],
            near_bytes_per_entry=track.near_bytes_per_entry(),
        )


def without_holders(findings: Sequence[Finding]) -> list[Finding]:
    """Return *findings* without those that only swell because of another: a namespace, or an object, that holds it."""
    grown = {finding.container.path or "" for finding in findings if finding.container and not finding.swells}

    def holds_another(finding: Finding) -> bool:
        path = finding.container.path if finding.container is not None and finding.swells else None
        base = (path or "").removesuffix(".__dict__")
        return bool(base) and any(other.startswith((f"{base}.", f"{base}[")) for other in grown)

    return [finding for finding in findings if not holds_another(finding)]


def seconds_of(lives: Sequence[Sequence[Capture]]) -> dict[str, float]:
    """Return how long each worker was observed in all of *lives*, by name."""
    seconds: dict[str, float] = {}
    for life in lives:
        seconds[life[0].worker] = seconds.get(life[0].worker, 0.0) + life[-1].t - life[0].t
    return seconds


def tracks_of(lives: Sequence[Sequence[Capture]]) -> list[Track]:
    """Return the containers of all *lives*, each followed through its own."""
    return [track for life in lives for track in follow(life)]
