"""Culprits of whom only a few words matter, for the tests of what counts as right."""

from floodmark_sidecar.culprits import Culprit


def culprit(
    name: str, *, kind: str = "container", path: str | None = None, where: str | None = None, evidence: str = ""
) -> Culprit:
    """A culprit of whom only this matters."""
    return Culprit(
        rank=1,
        kind=kind,
        name=name,
        where=where,
        path=path,
        worker=None,
        share=None,
        bytes_per_hour=1.0,
        entries_per_hour=1.0,
        measured="entries",
        points=(),
        evidence=evidence,
    )
