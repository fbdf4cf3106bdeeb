"""The counts of a report are right, and it says them to a reader without the code."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="the report needs scipy, which the bench has")

from tests.bench.judge.__main__ import main
from tests.bench.judge._cases import Plan, cases_of
from tests.bench.judge._gates import gates
from tests.bench.judge._measure import Outcome
from tests.bench.judge._plots import draw
from tests.bench.judge._rates import Rates, Share
from tests.bench.judge._report import render
from tests.bench.judge._tables import limited, percent

DAY = 86_400.0


def outcome(case: str, verdict: str, *, size: float = 0.0, seed: int = 0, **changes: object) -> Outcome:
    """One outcome of a day, scripted."""
    usual: dict[str, object] = {
        "case": case,
        "duration": DAY,
        "size": size,
        "seed": seed,
        "label": "climbing" if size else "steady",
        "why": "",
        "verdict": verdict,
        "growth_class": "python",
        "truth": size,
        "slope": 1.1 * size,
        "low": size,
        "high": 1.2 * size,
        "asked": 1.0,
        "visible": True,
        "hours_to_decide": None,
        "make_ms": 1.0,
        "judge_ms": 2.0,
        "others": "110000000",
    }
    return Outcome(**{**usual, **changes})  # type: ignore[arg-type]  # a test's shorthand


def plan(*codes: str) -> Plan:
    """A plan of days."""
    return Plan(cases_of(codes), (DAY,), (2.0, 5.0), 0, 400, 400, 400)


def rates(*outcomes: Outcome) -> Rates:
    """The counts of *outcomes*, whose families leak Python objects."""
    return Rates(outcomes, lambda _: "python")


def told(*outcomes: Outcome) -> dict[str, tuple[str, str]]:
    """For each number, the worst case and the answer."""
    return {
        gate.what: (gate.worst, gate.answer) for gate in gates(plan("N1", "N2", "N5", "L1", "L3"), rates(*outcomes))
    }


def test_limits_by_the_rule_of_three() -> None:
    """None of 300 leaves at most 1 %, as .05 is .99006 to the power of 300; none of none leaves anything."""
    assert Share(0, 300).limits == pytest.approx((0.0, 0.00994), abs=1e-5)
    assert Share(0, 0).limits == (0.0, 1.0)


def test_the_worst_family_decides() -> None:
    """One clean family with false alarms is named, however good the others are."""
    good = [outcome("N1", "steady", seed=seed) for seed in range(400)]
    bad = [outcome("N2", "climbing" if seed < 8 else "steady", seed=seed) for seed in range(400)]
    found = told(*good, *bad)
    assert found["false `climbing`, upper 95 % limit"] == ("N2", "not reached")
    assert found["`steady` where nothing leaks and δ can be seen"] == ("N2", "reached")
    assert told(*good)["false `climbing`, upper 95 % limit"] == ("N1", "reached")


def test_few_traces_tell_nothing() -> None:
    """Without a false alarm in ten traces the number is neither reached nor missed."""
    found = told(*(outcome("N1", "steady", seed=seed) for seed in range(10)))
    assert found["false `climbing`, upper 95 % limit"][1] == "too few traces to tell"


def test_few_traces_hide_no_worse_family() -> None:
    """A family with false alarms is named though another has too few traces to tell."""
    few = [outcome("N1", "steady", seed=seed) for seed in range(5)]
    bad = [outcome("N2", "climbing" if seed < 8 else "steady", seed=seed) for seed in range(400)]
    assert told(*few, *bad)["false `climbing`, upper 95 % limit"] == ("N2", "not reached")


def test_leaks_that_could_not_be_seen_are_not_counted_as_missed() -> None:
    """Where the detection limit was above δ, a leak that was not found is no miss."""
    seen = [outcome("L1", "climbing", size=2.0, seed=seed) for seed in range(20)]
    unseen = [outcome("L1", "inconclusive", size=2.0, seed=seed, visible=False) for seed in range(20, 40)]
    assert told(*seen, *unseen)["`climbing` found at 2δ"] == ("L1", "reached")
    missed = [outcome("L3", "inconclusive", size=2.0, seed=seed) for seed in range(20)]
    assert told(*seen, *missed)["`climbing` found at 2δ"] == ("L3", "not reached")


def test_undecidable_traces_have_a_table_of_their_own() -> None:
    """They count neither for nor against, and the reason stands beside them."""
    blind = outcome("N5 blind", "climbing", label="undecidable", why="nobody could tell", hours_to_decide=24.0)
    clean = outcome("N1", "steady")
    assert told(blind, clean)["false `climbing`, upper 95 % limit"][0] == "N1"
    text = render({}, plan("N1", "N5"), rates(blind, clean), picture="x.svg")
    row = next(line for line in text.splitlines() if "nobody could tell" in line)
    assert row.startswith("| N5 blind lru-fill | - | 24 h | 1 | 0 % | 100 % | 0 % | 24 |")


def test_a_cell_counts_what_it_is_given() -> None:
    """Bias is the median ratio less one, coverage counts intervals that hold the truth, others count their signs."""
    cell = rates(
        outcome("L1", "climbing", size=2.0),
        outcome("L1", "climbing", size=2.0, seed=1, low=2.1, growth_class="native"),
        outcome("L1", "steady", size=2.0, seed=2),
    ).of(lambda _: True)
    assert cell.bias == pytest.approx(0.1)
    assert (cell.covered, cell.named, cell.traces) == (2, 1, 3)
    assert cell.others_share("last / first").value == 1
    assert cell.others_share("Hamed-Rao").value == 0


def test_early_failures_are_counted_of_those_that_were_looked_at() -> None:
    """A leak's row has its share and the median hours for each size; a clean run that ends early is named."""
    leaks = [outcome("L1", "climbing", size=5.0, seed=seed, looked=seed < 4) for seed in range(9)]
    leaks[:3] = [replace(one, early=hours) for one, hours in zip(leaks[:3], (10.0, 11.0, 19.0), strict=True)]
    clean = [outcome("N1", "steady", seed=seed, looked=True) for seed in range(4)]
    wrong = outcome("N2", "steady", looked=True, early=12.0)
    text = render({}, plan("N1", "N2", "L1"), rates(*leaks, *clean, wrong), picture="x.svg")
    assert "| L1 linear | 4 | - | - | 75.0 % | 11 |" in text
    assert "| all that do not leak | 20.0 % (1 of 5; " in text
    assert "| N2 red-noise | 100 % (1 of 1; " in text


def test_shares_are_told_honestly() -> None:
    """What is not all is not shown as all, what is not none not as none, and nothing is a dash."""
    assert [percent(Share(*pair)) for pair in ((0, 9), (9, 9), (1, 3000), (2999, 3000), (0, 0))] == [
        "0 %",
        "100 %",
        "0.1 %",
        "99.9 %",
        "-",
    ]
    assert limited(Share(0, 300)) == "0 % (0 of 300; 0.0 to 1.0 %)"


def test_the_report_stands_alone() -> None:
    """It begins with what was reached, explains its words and rules, and tables have as many cells as headings."""
    found = rates(
        *(outcome("N1", "steady", seed=seed) for seed in range(3)),
        *(outcome("L1", "climbing", size=size, seed=seed) for size in (2.0, 5.0) for seed in range(3)),
    )
    text = render({"date": "today"}, plan("N1", "L1"), found, picture="judge.svg")
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads[:2] == ["## What was reached", "## How to read this"]
    assert "- **LBR**: " in text
    assert "![" in text
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(blocks) == 7
    assert all(len({line.count("|") for line in block.splitlines()}) == 1 for block in blocks)


def test_pictures_are_small_and_the_same_twice(tmp_path: Path) -> None:
    """One SVG holds a picture of each case, with its verdict in words."""
    made = Plan(cases_of(["N1", "L1"]), (180.0,), (5.0,), 60_000, 1, 1, 1)
    draw(tmp_path / "a.svg", made)
    draw(tmp_path / "b.svg", made)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert "L1 linear" in text
    assert len(text) < 40_000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--families", "X9"], "there is no family 'X9'"),
        (["--sizes", "1,two"], "sizes must be numbers"),
        (["--sizes", "0"], "above 0"),
        (["--durations", "3"], "a duration such as"),
        (["--seeds", "0"], "at least 1"),
        (["--look-seeds", "-1"], "(got -1, 30)"),
    ],
)
def test_bad_options_are_clear_errors(
    options: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit status is 2, the sentence says what is wrong, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", *options])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
