"""How many users there are by the time of a run."""

from itertools import pairwise
from pathlib import Path

import pytest

from floodmark_soak._profiles import PROFILES, begin_of, users_at
from floodmark_soak._schema import PlanError
from floodmark_soak.plan import load_plan

HOUR = 3600.0


def over(profile: str, hours: float, *, users: int = 20) -> list[int]:
    """Return the users of each minute of a run of so many hours."""
    return [users_at(profile, 60.0 * m, users=users, planned=hours * HOUR) for m in range(int(hours * 60))]


def test_steady_is_all_of_them_all_the_time() -> None:
    """From the beginning to the end."""
    assert set(over("steady", 2)) == {20}


def test_cycles_come_to_rest_twelve_times() -> None:
    """A fifth of each is without users: what a session held is given back by then, or it leaks."""
    found = over("cycles", 24)
    assert set(found) == {0, 20}
    assert sum(a and not b for a, b in pairwise(found)) == 12
    assert found.count(0) / len(found) == pytest.approx(0.2, abs=0.01)
    assert found[-1] == 0


def test_a_short_run_has_cycles_of_a_minute() -> None:
    """Shorter ones would rest for too little to see anything."""
    seconds = [users_at("cycles", float(t), users=5, planned=180.0) for t in range(180)]
    assert [t for t in range(180) if seconds[t] == 0] == [*range(48, 60), *range(108, 120), *range(168, 180)]


def test_what_goes_on_at_rest_begins_its_cycle_anew() -> None:
    """Without a request nobody could tell that the load has begun; anywhere else it goes on where it was."""
    planned = 24 * HOUR
    assert begin_of("cycles", 580 * 60.0, planned=planned) == 480 * 60.0
    for minute in range(24 * 60):
        begin = begin_of("cycles", minute * 60.0, planned=planned)
        assert users_at("cycles", begin, users=5, planned=planned) == 5
        assert users_at("cycles", minute * 60.0, users=5, planned=planned) == 0 or begin == minute * 60.0
    assert begin_of("day", 12 * HOUR, planned=planned) == 12 * HOUR


def test_a_day_has_one_wave_and_a_short_run_two() -> None:
    """A tenth at night, all at noon; never none."""
    found = over("day", 48)
    assert (found[0], found[12 * 60], found[24 * 60], found[36 * 60]) == (2, 20, 2, 20)
    assert over("day", 2)[30] == over("day", 2)[90] == 20
    assert min(over("day", 24, users=1)) == 1


def test_a_ramp_goes_up_and_down_in_steps() -> None:
    """As much growth with more users as shrinking with fewer, if it is theirs."""
    found = over("ramp", 10)
    steps = [number for number, before in zip(found, [0, *found], strict=False) if number != before]
    assert steps == [4, 8, 12, 16, 20, 16, 12, 8, 4]
    assert users_at("ramp", 99 * HOUR, users=20, planned=10 * HOUR) == 4


def test_an_unknown_profile_is_told_what_there_is(tmp_path: Path) -> None:
    """With the nearest one."""
    (tmp_path / "locustfile.py").write_text("")
    plan = tmp_path / "web.toml"
    plan.write_text(
        'floodmark = 1\n[service]\ncommand = ["x"]\nready = "http://127.0.0.1:1/"\n[load]\nprofile = "cycle"\n'
    )
    with pytest.raises(PlanError, match=r"profile: there is no 'cycle' \(did you mean 'cycles'\?\)"):
        load_plan(plan)
    assert set(PROFILES) == {"steady", "cycles", "day", "ramp"}
