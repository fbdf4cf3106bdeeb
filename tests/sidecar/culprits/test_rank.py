"""The order, the shares and the words of a ranking."""

import pytest

from floodmark_sidecar.culprits import Culprit
from tests.sidecar.culprits.scripted import (
    MINUTE,
    START,
    capture,
    captures,
    container,
    names,
    ranked,
    together,
    verdict,
)

GROWS = [1000, 2000, 3000, 4000]


def test_dearest_first() -> None:
    """Bytes an hour decide, not entries."""
    many_small = captures("app.small", [1000, 3000, 5000], id=1, entry_bytes=10.0, bytes=0)
    few_large = captures("app.large", [100, 200, 300], id=2, entry_bytes=1000.0, bytes=0)

    found = ranked(together(many_small, few_large))
    assert names(found) == ["large", "small"]
    assert [culprit.rank for culprit in found] == [1, 2]


def test_named_before_unnamed_of_equal_size_only() -> None:
    """A container without a name comes after a named one of its size, but before a smaller one."""
    unnamed = captures(None, [100, 200, 300], id=1, kind="collections.deque", chain="[…]", shape="#")
    equal = captures("app.equal", [100, 200, 300], id=2)
    smaller = captures("app.smaller", [100, 190, 280], id=3)

    assert names(ranked(together(unnamed, smaller, equal))) == ["equal", "collections.deque in […]", "smaller"]


def test_without_a_name_or_a_chain() -> None:
    """Of a container that nothing known holds, the type is all there is to say; it has no line."""
    (culprit,) = ranked(captures(None, [100, 200, 300], chain=None))

    assert (culprit.name, culprit.path, culprit.where) == ("dict", None, None)
    assert culprit.evidence == "grew from 100 to 300 entries over 3 captures, 120 B each"


def test_where_is_asked_of_the_locator() -> None:
    """The line is that of the container's owner."""
    (culprit,) = ranked(captures("app.locks", GROWS))

    assert culprit.where == "locks.py:7"


def test_the_users_own_in_what_a_library_holds() -> None:
    """The line is that of what its entries hold, where there is one; the evidence says so in any case."""
    of = {"module": "app.models", "file": "/srv/models.py", "qualname": "", "attribute": "Receipt"}

    (culprit,) = ranked(captures("weakref.finalize._registry", GROWS, of=of))
    assert (culprit.path, culprit.where) == ("weakref.finalize._registry", "Receipt.py:7")
    assert "held by weakref.finalize._registry; its entries hold app.models.Receipt" in culprit.evidence
    (culprit,) = ranked(captures("weakref.finalize._registry", GROWS, of=of | {"file": None}))
    assert culprit.where == "_registry.py:7"
    (culprit,) = ranked(captures(None, GROWS, of=of))
    assert culprit.where == "Receipt.py:7"


def test_what_cannot_be_found_is_only_named_of_a_climb() -> None:
    """A container that nothing leads to is what a climb has to show, and no help where nobody knows of one."""
    nameless = captures(None, GROWS, chain=None)

    assert names(ranked(nameless, judged=verdict())) == ["dict"]
    assert ranked(nameless, judged=verdict("inconclusive")) == ()
    assert names(ranked(captures(None, GROWS, chain="[…]"), judged=verdict("inconclusive"))) == ["dict in […]"]


def test_small_change_is_not_named() -> None:
    """What grows under a hundredth of the leader and by fewer than 64 entries is a service at work."""
    leak = captures("app.leak", [10_000, 20_000, 30_000], id=1)
    tiny = captures("app.tiny", [40, 50, 60], id=2)
    cheap_but_many = captures("app.many", [100, 150, 200], id=3, entry_bytes=1.0, bytes=0)

    assert names(ranked(together(leak, tiny, cheap_but_many))) == ["leak", "many"]


def test_small_growth_is_named_where_nothing_is_larger() -> None:
    """The only thing that grows is named however small it is."""
    assert names(ranked(captures("app.tiny", [40, 50, 60]))) == ["tiny"]


def test_few_large_entries_are_named() -> None:
    """A handful of entries counts when they are large."""
    leak = captures("app.leak", [10_000, 20_000, 30_000], id=1)
    frames = captures("app.frames", [40, 45, 50], id=2, entry_bytes=1_000_000.0)

    assert names(ranked(together(leak, frames))) == ["frames", "leak"]


def test_list_ends_somewhere() -> None:
    """A hundred growing containers are cut to the twenty dearest."""
    seen = [
        capture(t * MINUTE, [container(f"app.c{n}", 1000 + 100 * n * t, id=n) for n in range(1, 101)]) for t in range(3)
    ]

    found = ranked(seen)
    assert len(found) == 20
    assert found[0].name == "c100"


def test_steady_names_nothing() -> None:
    """There are no culprits where there is no crime."""
    assert ranked(captures("app.locks", GROWS), None, verdict("steady")) == ()


def test_inconclusive_says_so() -> None:
    """What grew is named, and each sentence says that it is no proof."""
    (culprit,) = ranked(captures("app.locks", GROWS), None, verdict("inconclusive"))

    assert culprit.evidence.endswith("could not tell a climb from noise, so this says what grew, not what leaks")


def test_share_of_the_growth() -> None:
    """A share is the culprit's part of the growth of the service's memory."""
    seen = captures("app.locks", GROWS)  # 60,000 entries of 120 bytes an hour

    (culprit,) = ranked(seen, None, verdict(slope=9_000_000.0))
    assert culprit.share == pytest.approx(0.8)


@pytest.mark.parametrize("slope", [None, 0.0, -5e6])
def test_share_of_an_unknown_growth(slope: float | None) -> None:
    """Where memory's growth is not known, or is none, a share is not known either."""
    (culprit,) = ranked(captures("app.locks", GROWS), None, verdict(slope=slope))

    assert culprit.share is None


def test_shares_never_exceed_the_whole() -> None:
    """Sizes that overlap are cut down to parts of their sum, and the first culprit says so."""
    seen = together(captures("app.a", GROWS, id=1), captures("app.b", GROWS, id=2), captures("app.c", GROWS, id=3))

    found = ranked(seen, None, verdict(slope=7_200_000.0))
    assert [culprit.share for culprit in found] == [0.3333, 0.3333, 0.3333]
    assert "so shares are of their sum" in found[0].evidence
    assert "so shares are of their sum" not in found[1].evidence


def test_two_workers_both_grow() -> None:
    """One path that grows in two workers is one culprit with the sum of both, and names no worker."""
    seen = captures("app.locks", GROWS, worker="web-0") + captures("app.locks", GROWS, worker="web-1", id=2)

    (culprit,) = ranked(seen)
    assert culprit.worker is None
    assert culprit.entries_per_hour == pytest.approx(120_000)
    assert "from 2,000 to 8,000 entries over 4 captures, 120 B each, in 2 workers" in culprit.evidence


def test_two_workers_one_grows() -> None:
    """Where one of several workers alone grows, it is named."""
    seen = captures("app.locks", GROWS, worker="web-0") + captures("app.locks", [1000] * 4, worker="web-1", id=2)

    (culprit,) = ranked(seen)
    assert culprit.worker == "web-0"
    assert "in web-0 alone" in culprit.evidence


def test_the_only_worker_is_not_named() -> None:
    """A service of one worker has nobody else who could have grown."""
    (culprit,) = ranked(captures("app.locks", GROWS))

    assert culprit.worker is None


def test_lives_of_one_worker_are_not_joined() -> None:
    """A worker that leaks in each of its lives leaks at the rate of each, not across the jump between them."""
    later = [capture(t * MINUTE + 600, [container("app.locks", size, id=9)], life=2) for t, size in enumerate(GROWS)]

    (culprit,) = ranked(captures("app.locks", GROWS) + later)
    assert culprit.entries_per_hour == pytest.approx(60_000)
    assert "from 1,000 to 4,000 entries" in culprit.evidence
    assert "over 4 captures, 120 B each, and in 1 life that is over" in culprit.evidence


def test_evidence_speaks_of_what_lives() -> None:
    """Entries of a life that is over are gone: they are in no sum, however long that life was."""
    long = captures("app.locks", [1000 * n for n in range(1, 11)])
    later = [capture(t * MINUTE + 700, [container("app.locks", size, id=9)], life=2) for t, size in enumerate([7, 90])]
    beside = [capture(t * MINUTE, [container("app.locks", 10 + t, id=2)], worker="web-1") for t in range(14)]

    (culprit,) = ranked(long + later + beside)
    assert "from 17 to 113 entries" in culprit.evidence
    assert "in 2 workers, and in 1 life that is over" in culprit.evidence


def test_a_life_that_did_not_grow_counts() -> None:
    """A worker that grew in one of two equal lives grew at half the rate."""
    still = [capture(t * MINUTE + 600, [container("app.locks", 50, id=9)], life=2) for t in range(4)]

    (culprit,) = ranked(captures("app.locks", GROWS) + still)
    assert culprit.entries_per_hour == pytest.approx(30_000)


def test_points_of_one_container() -> None:
    """The points are what the captures saw."""
    (culprit,) = ranked(captures("app.locks", GROWS))

    assert culprit.measured == "entries"
    assert [(t - START, size) for t, size in culprit.points] == [(0, 1000), (60, 2000), (120, 3000), (180, 4000)]


def test_points_of_two_workers_are_sums() -> None:
    """Workers are captured one after the other; each point is the sum of what is known by then."""
    later = [
        capture(t * MINUTE + 5, [container("app.locks", size, id=2)], worker="web-1") for t, size in enumerate(GROWS)
    ]

    (culprit,) = ranked(captures("app.locks", GROWS) + later)
    assert [(t - START, size) for t, size in culprit.points[:4]] == [(0, 2000), (5, 2000), (60, 3000), (65, 4000)]
    assert culprit.points[-1] == (START + 185, 8000)


def test_points_of_two_lives_fall_between_them() -> None:
    """A new life starts with what it has, not on top of what the last one left."""
    later = [capture(t * MINUTE + 600, [container("app.locks", size, id=9)], life=2) for t, size in enumerate(GROWS)]

    (culprit,) = ranked(captures("app.locks", GROWS) + later)
    assert [size for _, size in culprit.points] == GROWS + GROWS


def test_evidence_is_one_plain_sentence() -> None:
    """The sentence says how much, over what, held by whom, with what keys."""
    seen = captures(
        "app.scheduler.Scheduler.move_locks",
        [1024, 10_000, 30_412],
        chain="app.main.PIPELINE.scheduler.move_locks",
        shape="task-#",
    )

    (culprit,) = ranked(seen)
    assert culprit.evidence == (
        "grew from 1,024 to 30,412 entries over 3 captures, 120 B each; "
        "held by app.main.PIPELINE.scheduler.move_locks; keys like task-#"
    )


def test_as_dict_has_every_field() -> None:
    """The dictionary is what results and the HTTP interface show; what is not known is null."""
    culprit = Culprit(
        rank=1,
        kind="container",
        name="locks",
        where=None,
        path=None,
        worker=None,
        share=None,
        bytes_per_hour=None,
        entries_per_hour=12.345,
        measured="entries",
        points=((1.00049, 100.0), (2.0, 200.04)),
        evidence="grew",
    )

    assert culprit.as_dict() == {
        "rank": 1,
        "kind": "container",
        "name": "locks",
        "where": None,
        "path": None,
        "worker": None,
        "share": None,
        "bytes_per_hour": None,
        "entries_per_hour": 12.3,
        "evidence": "grew",
        "measured": "entries",
        "points": [[1.0, 100.0], [2.0, 200.0]],
        "retainers": [],
        "fix": None,
    }


def test_what_only_holds_what_grows_is_not_named_beside_it() -> None:
    """A namespace, and an object, swell with the table that is in them; one that holds nothing that grows is named."""
    held = captures("app.jobs", GROWS, id=1)
    swelling = [10.0, 200.0, 400.0, 600.0]

    def beside(path: str) -> list[str]:
        outer = [
            capture(minute * MINUTE, [container(path, 100, id=2, entry_bytes=size)])
            for minute, size in enumerate(swelling)
        ]
        return sorted(names(ranked(together(held, outer))))

    assert beside("app.__dict__") == ["jobs"]
    assert beside("app") == ["jobs"]
    assert beside("other.__dict__") == ["__dict__", "jobs"]
    assert beside("ap") == ["ap", "jobs"]
