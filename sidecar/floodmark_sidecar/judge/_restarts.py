"""What restarts have to do with a verdict: whose lives were judged, and what a trace that tells of none leaves open."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Restarts:
    """What is `said` of the restarts of a run.

    `unclear` says that memory may have fallen by restarts nobody told of and climbs if it did: no longer run decides
    that. `calm` says that no life climbs by itself. `wait` are the seconds after which the last lives can be judged by
    themselves, None where that decides nothing.
    """

    said: str = ""
    unclear: bool = False
    calm: bool = False
    wait: float | None = None
