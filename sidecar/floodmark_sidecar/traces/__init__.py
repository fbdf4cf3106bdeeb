"""Labelled memory traces: services that leak, and services that only look like it, made from a seed with their truth.

    >>> from floodmark_sidecar.traces import FAMILIES, generate
    >>> FAMILIES["L13"].title
    'free memory that malloc cannot give back grows on and on: what is in use stays level'
    >>> made = generate("L8", seed=7, duration=86_400, growth=2 * 2**20 / 86_400)
    >>> made.truth.label, made.truth.culprit, len(made.trace)
    ('climbing', 'seen_paths', 5760)
    >>> generate("L8", seed=7, duration=86_400).truth.label  # its clean twin: the same service without the leak
    'steady'

`FAMILIES` are the kinds of traces, by code: N healthy, L leaking, B leaking behind a declared bound. `generate` makes one
trace of a family, `PAIRS` are pairs of one shape and opposite truths. A trace has the columns that readings of a real
service have, and they agree with each other: a leak's bytes are in the column they belong to. What a family fixes in hours
of a day scales with the run; what has a time of its own (a collector's period, a TTL) is drawn in seconds and clipped to
the run; each family's `about` says which. The same arguments make the same trace in every process.
"""

from floodmark_sidecar.traces._draft import Label, Value
from floodmark_sidecar.traces._families import FAMILIES
from floodmark_sidecar.traces._family import Choice, Family, Range
from floodmark_sidecar.traces._labelled import Labelled, Truth, generate
from floodmark_sidecar.traces._pairs import PAIRS, Pair
from floodmark_sidecar.traces._run import reading_interval

__all__ = [
    "FAMILIES",
    "PAIRS",
    "Choice",
    "Family",
    "Label",
    "Labelled",
    "Pair",
    "Range",
    "Truth",
    "Value",
    "generate",
    "reading_interval",
]
