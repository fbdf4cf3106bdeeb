"""Follows each container through the captures of one life. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from floodmark_sidecar.culprits._capture import Capture, Container, Owned
from floodmark_sidecar.culprits._growth import Growth, growth


@dataclass(slots=True)
class Track:
    """One container as the captures of one life saw it, oldest first; `worker` and `life` say whose it is.

    `small` are the times of those between that listed lighter ones in its place: it was nearly empty then.
    """

    worker: str
    life: int
    seen: list[tuple[float, Container]] = field(default_factory=list)
    small: list[float] = field(default_factory=list)

    @property
    def latest(self) -> Container:
        """The container as it was seen last."""
        return self.seen[-1][1]

    @property
    def named(self) -> Container:
        """The container as it was seen last with a path, or as it was seen last."""
        return next((container for _, container in reversed(self.seen) if container.path), self.latest)

    def growth(self) -> Growth | None:
        """Return the growth of its number of entries, if it goes on growing; it had none where it was too small to be seen."""
        return self._growth([(t, container.entries) for t, container in self.seen])

    def swelling(self) -> Growth | None:
        """Return the growth of its bytes, table included, where its entries were sampled and have grown by half."""
        sampled = [(t, c.bytes + c.entries * c.entry_bytes) for t, c in self.seen if c.entry_bytes is not None]
        found = self._growth(sampled)
        # Sizes of entries are a sample: a smaller rise than this may be the luck of the draw.
        return found if found is not None and found.last >= 1.5 * found.first else None

    def bytes_per_entry(self) -> float:
        """Return what one entry costs: what it owns, or else what it holds near by, and its share of the table."""
        owned = self.owned()
        return self.near_bytes_per_entry() if owned is None else self._table_per_entry() + owned.bytes

    def near_bytes_per_entry(self) -> float:
        """Return what one entry costs with what it holds near by, where that was sampled, and its share of the table."""
        held = [container.entry_bytes for _, container in self.seen if container.entry_bytes is not None]
        return self._table_per_entry() + (median(held) if held else 0.0)

    def owned(self) -> Owned | None:
        """Return what one entry owned in the census that saw the median of it; None where none has looked."""
        found = sorted((c.owned for _, c in self.seen if c.owned is not None), key=lambda owned: owned.bytes)
        return found[len(found) // 2] if found else None

    def _growth(self, seen: list[tuple[float, float]]) -> Growth | None:
        points = sorted(seen + [(t, 0) for t in self.small])
        return growth([t for t, _ in points], [size for _, size in points])

    def _table_per_entry(self) -> float:
        entries = sum(container.entries for _, container in self.seen)
        return sum(container.bytes for _, container in self.seen) / entries if entries else 0.0


def follow(captures: Sequence[Capture]) -> list[Track]:
    """Return the tracks of all containers in *captures*, which are of one life and sorted by time.

    A container is the one with the same id and kind. An id is used again once its container is gone: where the path
    changed as well, it is the same only if it did not shrink. A container that is gone, where a new one that is no
    smaller has the same path, was replaced by it, provided that the path belongs to one container only.
    """
    tracks: list[Track] = []
    by_id: dict[int, Track] = {}
    before: Sequence[Container] = ()
    lightest: list[tuple[float, int]] = []
    for capture in captures:
        present = {container.id for container in capture.containers}
        gone = {path: by_id[c.id] for path, c in _sole(before).items() if c.id not in present}
        fresh = _sole(capture.containers)
        for container in capture.containers:
            track = by_id.get(container.id)
            if track is None or not same(track.latest, container):
                heir = container.path is not None and fresh.get(container.path) is container
                track = gone.get(container.path or "") if heir else None
                if track is None or not _replaces(track.latest, container):
                    track = Track(capture.worker, capture.life)
                    tracks.append(track)
            for t, least in reversed(lightest):
                if not track.seen or t <= track.seen[-1][0]:
                    break
                if least < track.latest.total_bytes:
                    track.small.append(t)
            track.seen.append((capture.t, container))
            by_id[container.id] = track
        before = capture.containers
        if capture.complete and before:
            lightest.append((capture.t, min(container.total_bytes for container in before)))
    return tracks


def _sole(containers: Iterable[Container]) -> dict[str, Container]:
    """Return the containers whose path no other of *containers* has, by path."""
    containers = [container for container in containers if container.path is not None]
    count = Counter(container.path for container in containers)
    return {container.path: container for container in containers if container.path and count[container.path] == 1}


def same(before: Container, now: Container) -> bool:
    """Say whether two containers with one id, in one life, are one: an id may be used again."""
    return before.kind == now.kind and (
        before.path == now.path or before.path is None or now.path is None or now.entries >= before.entries
    )


def _replaces(before: Container, now: Container) -> bool:
    return before.kind == now.kind and now.entries >= before.entries
