"""The HTML report: whole, self-contained, escaped, and in agreement with the result."""

import random
import re
from html.parser import HTMLParser

import pytest

from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.judge import Trace
from floodmark_soak._whole import Whole
from floodmark_soak.report import Record, render_html
from floodmark_soak.report._html import MOST_BYTES
from tests.soak.report.samples import MIB, START, MakeRecord, culprit, fix, result, rows

pytestmark = pytest.mark.xdist_group("html")
"""One process for all: it draws the pages that tests share once."""

VOID = {"meta", "wbr", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """A page read back: its text, its tags, and whether every tag that was opened is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """What a reader sees, in one line."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag that needs its end."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag that ends itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Demand that the tag that ends is the one that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if self.open and self.open[-1] not in {"style", "title"}:
            self.words.append(data)


def test_is_a_whole_page(climbing_html: str) -> None:
    """Every tag is closed in its order."""
    page = Page(climbing_html)

    assert page.open == []
    assert page.tags[0][0] == "html"


def test_verdict_is_a_sentence_a_word_and_an_icon(climbing_html: str, climbing: Record) -> None:
    """The headline says the verdict with its numbers; colour is never all there is."""
    page = Page(climbing_html)

    assert "▲ climbing pipeline, leaky Memory climbs by 312 MiB an hour (305 MiB to 319 MiB)" in page.text


def test_a_number_of_the_headline_stays_with_its_unit(climbing_html: str) -> None:
    """Wherever a narrow page breaks it."""
    assert "by 312\N{NO-BREAK SPACE}MiB an hour (305\N{NO-BREAK SPACE}MiB to" in climbing_html


def test_agrees_with_the_result(climbing_html: str, climbing: Record) -> None:
    """What result.json says is what the page says: culprits, reasons, δ, detection limit, longest life, load."""
    text = Page(climbing_html).text

    for each in climbing.culprits:
        for value in (each["name"], each["where"], each["path"], each["evidence"], f"{each['share']:.0%}"[:-1]):
            assert value in text
    for reason in climbing.reasons:
        assert reason in text
    for fact in ("+312 MiB/h", "17.5 MiB/h", "14.6 MiB/h", "2 min 59 s", "+72,000/h", "+100 MiB/h", "1 h 30 min"):
        assert fact in text
    for fact in (
        "12,345",
        "0.40%",
        "floodmark soak plan.toml",
        "Linux, 2 CPUs",
        "the last census of web-1 was refused",
    ):
        assert fact in text


def test_a_fix_is_shown_with_its_reasons_and_its_lines(climbing_html: str) -> None:
    """The lines stand as they are pasted, under the culprit that they are for; a culprit without one has none."""
    text = Page(climbing_html).text
    title = "What would bound it: SeenSet of at most 20,000 entries, each for 1 h"
    assert f"{title} none of 90 entries that were followed left within 3 min. from floodmark_caches import" in text
    assert "SeenSet\n\nprocessed = SeenSet(&#34;app.processed&#34;, maxsize=20_000, ttl=3_600)</code>" in climbing_html
    assert climbing_html.count("<details>") == 1


def test_who_holds_is_said_in_words_and_why_there_is_no_picture(make_record: MakeRecord) -> None:
    """Of the culprits whose way is known."""
    text = Page(render_html([make_record(no_holders="graphviz is not installed")])).text
    assert "Who holds what grows 1. app.listener (app.Listener) → .processed (dict) graphviz is not installed." in text


def test_the_picture_of_who_holds_takes_the_colours_of_the_page(make_record: MakeRecord) -> None:
    """Without the ids and the addresses of a picture of its own."""
    svg = (
        '<svg width="9pt" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><g id="n0">'
        '<polygon fill="white" stroke="#9aa8b3"/><text fill="#17222b">.processed</text></g></svg>'
    )
    html = render_html([make_record(holders=svg)])
    assert (
        '<svg width="9pt"><g><polygon fill="none" stroke="var(--line)"/><text fill="var(--text)">.processed</text>'
        in html
    )
    assert Page(html).open == []


def test_maps_and_containers_are_drawn(climbing_html: str) -> None:
    """Registered maps come from the trace, found containers from the captures, the culprits first."""
    text = Page(climbing_html).text
    drawn = text[text.index("Maps and containers") :]

    assert re.search(r"processed culprit 1 .*locks culprit 2 .*pending registered, at bound", drawn)


def test_the_picture_shows_what_was_measured(climbing_html: str) -> None:
    """Memory, floors, slope, warm-up, censuses and masked readings are all there, and the legend names them."""
    html = climbing_html
    picture = html[html.index('class="wide"') : html.index('class="narrow"')]

    for colour in ("line", "floor", "band", "shade", "capture", "mask", "grid", "ink"):
        assert f"var(--{colour})" in picture
    assert picture.count("var(--capture)") == 5
    for word in ("floor of a block", "warm-up, not judged", "census", "masked, not judged"):
        assert word in html


def test_colours_come_from_the_page(climbing_html: str) -> None:
    """No chart brings a colour of its own that dark paper would swallow."""
    html = climbing_html
    charts = html[html.index("<body>") :]

    assert not re.search(r"#[0-9a-fA-F]{6}\b", charts)
    assert "prefers-color-scheme: dark" in html


def test_loads_nothing_and_runs_nothing(compared_html: str) -> None:
    """No script, no address but places in the page itself."""
    html = compared_html
    page = Page(html)

    assert "://" not in html
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object", "embed"} == set()
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))


def test_ids_are_unique_and_references_hold(compared_html: str) -> None:
    """Charts on one page do not share clip paths or markers by accident."""
    html = compared_html
    ids = re.findall(r'\bid="([^"]+)"', html)

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', html)) <= set(ids)


def test_is_the_same_twice(climbing: Record, climbing_html: str) -> None:
    """One record makes one page: no dates, no random ids."""
    assert render_html([climbing]) == climbing_html


EVIL = "<script>alert('x')</script>$\\frac{&\"`"


def test_what_several_show_together_is_below_the_title(climbing: Record, steady: Record) -> None:
    """In a sentence; a run alone has none."""
    text = Page(render_html([climbing, steady], Whole("proof", ExitCode.STEADY, "it was caught & named"))).text
    assert "Proof: it was caught & named." in text
    assert "Proof" not in Page(render_html([climbing, steady])).text


def test_everything_is_escaped(make_record: MakeRecord) -> None:
    """Names, reasons, facts and notes of a service are text, whatever they look like."""
    told = result(
        reasons=[EVIL],
        shape=EVIL,
        growth_class=EVIL,
        ledger=[{"row": EVIL, "bytes": 1}],
        maps={EVIL: {"state": EVIL}},
        workers={
            EVIL: {"verdict": EVIL, "slope_bytes_per_hour": {"estimate": 1.0}, "lives": 1},
            "b": result()["workers"]["web-1"],
        },
        culprits=[
            culprit(
                1,
                EVIL,
                EVIL,
                kind=EVIL,
                where=EVIL,
                evidence=EVIL,
                worker=EVIL,
                fix=fix(title=EVIL, why=EVIL, code=EVIL),
                retainers=[{"name": EVIL, "type": EVIL}],
            )
        ],
    )
    record = make_record(
        name=EVIL,
        title=EVIL,
        result=told,
        trace=Trace.from_rows(rows(map_name=EVIL)),
        about={EVIL: EVIL, "command": EVIL},
        load={EVIL: EVIL},
        notes=[EVIL],
    )
    html = render_html([record, record])
    page = Page(html)

    assert "<script" not in html
    assert "alert('x')" not in html
    assert page.open == []
    assert page.text.count(EVIL) > 30


def test_several_runs_are_compared_first(compared_html: str, climbing: Record, steady: Record) -> None:
    """A table of all verdicts comes before the runs, and leads to them."""
    html = compared_html
    page = Page(html)
    comparison = page.text[: page.text.index("Memory climbs")]

    assert "▲ climbing" in comparison
    assert "✓ steady" in comparison
    assert "processed , locks" in comparison
    assert [a["href"] for tag, a in page.tags if tag == "a"] == ["#run1", "#run2"]
    assert "Memory is steady: it grows by at most 4.0 MiB an hour" in page.text


def test_one_run_is_not_compared(climbing_html: str) -> None:
    """A single run needs no table of one row."""
    assert "Soak runs compared" not in climbing_html


def test_namesakes_are_told_apart(make_record: MakeRecord) -> None:
    """Two culprits of one name are written with their owners."""
    two = [culprit(1, "processed", "app.Listener.processed"), culprit(2, "processed", "app.Scanner.processed")]
    text = Page(render_html([make_record(result=result(culprits=two))])).text

    assert "Listener.processed (app/processed.py:11) grows most, 60% of the growth; 1 more below" in text


def test_a_run_cut_short(cut_short: Record) -> None:
    """Three readings, no captures and a result of nulls still make a page."""
    page = Page(render_html([cut_short]))

    assert page.open == []
    assert "■ interrupted" in page.text
    assert "Interrupted after 3 s under load" in page.text
    assert "Nothing is named." in page.text


@pytest.mark.parametrize("code", [2, 4, 5, 6])
def test_a_run_that_never_was(make_record: MakeRecord, code: int) -> None:
    """A run without a single reading says what went wrong."""
    record = make_record(
        result={"exit_code": code, "reasons": ["the service exited with code 3"]},
        trace=Trace.from_rows([]),
        captures=[],
        load=None,
    )
    text = Page(render_html([record])).text

    assert "✕" in text
    assert "The service exited with code 3" in text
    assert "No memory was read." in text


def test_an_empty_result(make_record: MakeRecord) -> None:
    """A result that says nothing at all is a run that failed."""
    text = Page(render_html([make_record(result={}, trace=Trace.from_rows([]))])).text

    assert "✕ failed" in text
    assert "The run ended with exit code 6" in text


def test_culprit_with_nothing_known(make_record: MakeRecord) -> None:
    """What is not known of a culprit is said to be unknown."""
    bare = culprit(1, "dict", None, where=None, share=None, bytes_per_hour=None, points=[])
    text = Page(render_html([make_record(result=result(culprits=[bare]))])).text

    assert re.search(r"1 dict container unknown \+72,000/h unknown unknown grew from", text)


def test_a_climb_in_count(make_record: MakeRecord) -> None:
    """A climb that is not one of bytes is told by its own reason."""
    told = result(growth_class="threads", reasons=["threads climb by 40 an hour"])

    assert "Threads climb by 40 an hour" in Page(render_html([make_record(result=told)])).text


@pytest.mark.slow
def test_a_day_of_many_maps_fits(make_record: MakeRecord) -> None:
    """A day of readings, thirty maps and several runs stay within the weight of a page."""
    noise = random.Random(1)
    day = [
        {"t": START + 15 * n, "uss_bytes": 60 * MIB + noise.random() * MIB}
        | {f"map.m{number}.entries": noise.random() * 1000 for number in range(30)}
        for n in range(5760)
    ]
    record = make_record(trace=Trace.from_rows(day))
    html = render_html([record] * 4)

    assert len(html.encode()) <= MOST_BYTES
    assert "more are not drawn" in html


def test_a_gap_is_not_drawn_over(make_record: MakeRecord) -> None:
    """Where readings are missing the line is broken."""
    whole = [{**row, "masked": 0} for row in rows()]
    kept = [row for row in whole if not 20 < float(str(row["t"])) - START < 40]

    def pieces(record: Record) -> int:
        html = render_html([record])
        picture = html[html.index('class="wide"') : html.index('class="narrow"')]
        line = next(path for path in re.findall(r"<path[^>]*>", picture) if "stroke: var(--line)" in path)
        return str(line).count("M ")

    assert pieces(make_record(trace=Trace.from_rows(whole))) == 1
    assert pieces(make_record(trace=Trace.from_rows(kept))) == 2


def test_not_a_number_anywhere(make_record: MakeRecord) -> None:
    """Readings of nothing do not reach the page as NaN."""
    empty = [{"t": START + n, "uss_bytes": None, "map.x.entries": None} for n in range(10)]
    html = render_html([make_record(trace=Trace.from_rows(empty), result=result(floors=[], window=None))])

    assert "nan" not in Page(html).text.lower().split()
    assert not re.search(r'"[^"]*\bnan\b[^"]*"', html)


def test_growth_by_request_is_among_the_numbers(make_record: MakeRecord) -> None:
    """It is shown where requests were counted, and left out where they were not."""
    known = make_record(result=result(slope_bytes_per_request={"estimate": 1228.8, "low": 1100.0, "high": 1300.0}))
    unknown = make_record(result=result(slope_bytes_per_request={"estimate": None, "low": None, "high": None}))

    assert "1.2 KiB a request" in Page(render_html([known])).text
    assert "a request" not in Page(render_html([unknown])).text


def test_a_run_that_cannot_tell_says_what_would(make_record: MakeRecord) -> None:
    """What climbs has its culprits instead."""
    asked = "let the run see more lives"
    undecided = make_record(result=result(verdict="inconclusive", exit_code=3, next=asked, culprits=[]))

    assert f"What would tell: {asked}." in Page(render_html([undecided])).text
    assert "What would tell" not in Page(render_html([make_record(result=result(next=asked))])).text
