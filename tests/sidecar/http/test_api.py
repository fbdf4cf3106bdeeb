"""The JSON API: what it says, and what it says of bad questions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.store import CaptureRow, Event, Sample
from tests.sidecar.http.conftest import START, TOKEN, MakeSite, Site


def test_services_are_listed_with_their_span(leaking: Site) -> None:
    """Name, folder, root and how much history there is."""
    (found,) = leaking.get("/api/v1/services")["services"]
    assert found == {
        "name": "web",
        "cwd": "/srv/app",
        "root_pid": 100,
        "running": True,
        "workers": 2,
        "first_reading": START,
        "last_reading": START + 159 * 15,
    }


def test_workers_have_their_life_and_their_newest_numbers(leaking: Site) -> None:
    """One entry a slot; the command is text, whatever is in it."""
    first, second = leaking.get("/api/v1/workers", service="web")["workers"]
    assert (first["worker"], first["pid"], first["life"], first["agent"], first["fds"]) == (
        "web-0",
        100,
        1,
        "connected",
        9,
    )
    assert (second["command"], second["maps"]) == ("worker <1>", 2)


def test_growth_has_a_line_a_worker_and_their_sum(leaking: Site) -> None:
    """At most as many points as asked for, first and newest among them."""
    growth = leaking.get("/api/v1/growth", points=10)
    assert len(growth["t"]) == 10
    assert (growth["t"][0], growth["t"][-1]) == (START, START + 159 * 15)
    assert growth["total_bytes"][0] == growth["workers"]["web-0"][0] + growth["workers"]["web-1"][0]
    assert growth["change_bytes"] == growth["total_bytes"][-1] - growth["total_bytes"][0]


def test_growth_can_be_asked_for_a_window(leaking: Site) -> None:
    """Since and until are epoch seconds."""
    growth = leaking.get("/api/v1/growth", since=START + 30, until=START + 60)
    assert growth["t"] == [START + 30, START + 45, START + 60]


def test_maps_are_summed_with_their_bounds(leaking: Site) -> None:
    """A map without a bound says null."""
    locks, seen = leaking.get("/api/v1/maps")["maps"]
    assert (locks["name"], locks["entries"][-1]) == ("locks", 159_000)
    assert (locks["maxsize_per_worker"], locks["maxsize_sum"]) == (None, None)
    assert (seen["maxsize_per_worker"], seen["maxsize_sum"], seen["ttl_seconds"]) == (50, 100, 60.0)
    assert seen["workers"] == {"web-0": 50, "web-1": 50}


def test_a_silent_worker_is_no_fall_of_the_sum(leaking: Site) -> None:
    """Its maps count with what it told last for four intervals, then the sum is null; the schema says so."""
    (last,) = leaking.looks.latest.values()
    (first, second) = last.rows
    mute = (second[0], replace(second[1], maps=()))
    for later in (15, 75):
        done = leaking.store.put_sample(Sample("web", last.t + later, (first, mute)))
    done.result(10)
    locks, _ = leaking.get("/api/v1/maps")["maps"]
    assert locks["entries"][-3:] == [159_000, 159_000, None]
    assert locks["workers"] == {"web-0": 0, "web-1": None}
    described = leaking.get("/openapi.json")["paths"]["/api/v1/maps"]["get"]["description"]
    assert "four reading intervals" in described


def test_the_verdict_and_the_culprit_are_told(leaking: Site) -> None:
    """The growing map is named, with the numbers that convict it."""
    verdict = leaking.get("/api/v1/verdict")
    assert (verdict["service"], verdict["verdict"], verdict["exit_code"]) == ("web", "climbing", 1)
    assert verdict["culprits"][0]["name"] == "locks"
    found = leaking.get("/api/v1/culprits")
    assert found["culprits"] == verdict["culprits"]


def test_a_verdict_is_kept_for_a_moment(leaking: Site) -> None:
    """Asking again at once costs nothing: the same assessment answers."""
    leaking.get("/api/v1/verdict")
    first = leaking.state.assessments.cached("web")
    leaking.get("/api/v1/culprits")
    assert leaking.state.assessments.cached("web") is first


def test_after_a_capture_there_is_more_to_know(leaking: Site) -> None:
    """Whoever asked for it is not told what was known before."""
    leaking.get("/api/v1/verdict")
    first = leaking.state.assessments.cached("web")
    answer = leaking.client.post(
        "/api/v1/captures", json={"service": "web"}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 200
    leaking.get("/api/v1/culprits")
    assert leaking.state.assessments.cached("web") is not first


def test_captures_are_listed_newest_first(leaking: Site) -> None:
    """With what was refused, and why."""
    leaking.store.put_capture("web", CaptureRow(START + 1, "web-0", 1, path="/c/1.json"))
    leaking.store.put_capture("web", CaptureRow(START + 2, "web-0", 1, refused="no room")).result(10)
    listed = leaking.get("/api/v1/captures")["captures"]
    assert [(one["path"], one["refused"]) for one in listed] == [(None, "no room"), ("/c/1.json", None)]


def test_captures_have_the_size_of_their_file(leaking: Site, tmp_path: Path) -> None:
    """None where it made room for newer ones, or where there never was one; and on whose account they were taken."""
    file = tmp_path / "1.json"
    file.write_bytes(b"x" * 321)
    for t, path, trigger in ((1, file, "clock"), (2, tmp_path / "gone.json", "asked")):
        leaking.store.put_capture("web", CaptureRow(START + t, "web-0", 1, path=str(path), trigger=trigger))
    leaking.store.put_capture("web", CaptureRow(START + 3, "web-0", 1, refused="no room")).result(10)
    listed = leaking.get("/api/v1/captures")["captures"]
    assert [(one["bytes"], one["trigger"]) for one in listed] == [(None, None), (None, "asked"), (321, "clock")]


def test_captures_come_with_the_limits_of_their_folder(leaking: Site, tmp_path: Path) -> None:
    """And with what it holds now."""
    retention = leaking.state.captures.retention
    assert retention is not None
    (tmp_path / "captures" / "web-0.life1.20260101T000000000Z.json").write_bytes(b"x" * 50)
    retention.apply()
    found = leaking.get("/api/v1/captures")
    assert found["kept"] == {
        "files": 1,
        "bytes": 50,
        "stuck": 0,
        "problem": None,
        "most_files": 1000,
        "most_bytes": 256 << 20,
    }


def test_who_cannot_ask_for_a_capture_is_told_why(make_site: MakeSite) -> None:
    """Nobody can without a token to ask with, or without a folder; the same is said to whoever tries."""
    site = make_site(token=None)
    site.store.put_service("web").result(10)
    sentence = "nothing can be changed here: start the sidecar with FLOODMARK_TOKEN set"
    assert site.get("/api/v1/captures")["unavailable"] == sentence
    answer = site.client.post("/api/v1/captures", json={"service": "web"})
    assert (answer.status_code, answer.json()["error"]) == (403, sentence)


def test_without_a_folder_no_capture_can_be_asked_for(make_site: MakeSite) -> None:
    """The list says so before anybody tries, in the words of the refusal."""
    site = make_site(folder=None)
    site.store.put_service("web").result(10)
    sentence = "this sidecar has no folder for captures: start it with --captures DIR"
    found = site.get("/api/v1/captures")
    assert (found["unavailable"], found["kept"]) == (sentence, None)
    answer = site.client.post("/api/v1/captures", json={"service": "web"}, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json()["error"]) == (409, sentence)


def test_a_capture_can_be_asked_of_one_worker(leaking: Site) -> None:
    """One that has no agent is named, with those that have one."""
    assert leaking.get("/api/v1/captures")["unavailable"] is None
    answer = leaking.client.post(
        "/api/v1/captures",
        json={"service": "web", "worker": "web-7"},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        "web has no worker 'web-7' with an agent that is connected: those that have one: none",
    )


def test_events_are_listed_newest_first(leaking: Site) -> None:
    """Those of the sidecar itself are among them."""
    leaking.store.put_event(Event(START, "version", "speaks 2"), service="web")
    leaking.store.put_event(Event(START + 1, "pruned", "deleted", 7)).result(10)
    events = leaking.get("/api/v1/events", service="web")["events"]
    assert [(one["kind"], one["count"]) for one in events] == [("pruned", 7), ("version", 1)]


BAD = [
    ("/api/v1/growth", {"service": "nix"}, 404, "there is no service 'nix'; services with history: web"),
    ("/api/v1/growth", {"points": "abc"}, 422, "points: input should be a valid integer"),
    ("/api/v1/growth", {"points": 100000}, 422, "points: input should be less than or equal to 600 (got '100000')"),
    ("/api/v1/maps", {"points": 0}, 422, "points: "),
    ("/api/v1/growth", {"since": "nan"}, 422, "since: "),
    ("/api/v1/maps", {"since": 20, "until": 10}, 400, "since (20) is after until (10)"),
    ("/api/v1/verdict", {"service": "x" * 500}, 404, "there is no service"),
    ("/api/v1/nix", {}, 404, "there is no /api/v1/nix"),
    ("/assets/../_api.py", {}, 404, "there is no"),
]


@pytest.mark.parametrize(("path", "parameters", "status", "sentence"), BAD, ids=[f"{b[0]} {b[1]}"[:60] for b in BAD])
def test_a_bad_question_gets_a_sentence(
    leaking: Site, path: str, parameters: dict[str, object], status: int, sentence: str
) -> None:
    """The answer is 4xx, and says what was wrong with which value."""
    found, said = leaking.fail(path, **parameters)
    assert found == status
    assert said.startswith(sentence)
    assert len(said) < 300


def test_without_a_service_one_is_named_when_there_are_several(leaking: Site) -> None:
    """The sentence lists them."""
    leaking.store.put_service("api").result(10)
    assert leaking.fail("/api/v1/workers") == (400, "service is missing; services with history: api, web")


def test_an_empty_store_answers_too(site: Site) -> None:
    """Before the first reading there is nothing, and that is said."""
    assert site.get("/api/v1/services") == {"services": []}
    assert site.fail("/api/v1/growth") == (404, "service is missing; services with history: none yet")


def test_a_service_without_readings_is_inconclusive(site: Site) -> None:
    """Nothing to judge is no verdict."""
    site.store.put_service("web").result(10)
    assert site.get("/api/v1/verdict")["verdict"] == "inconclusive"
    assert site.get("/api/v1/growth")["t"] == []
    assert site.get("/api/v1/maps")["maps"] == []


def test_a_capture_body_must_be_right(leaking: Site) -> None:
    """Unknown keys and missing ones are errors with their name."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for body, sentence in (({}, "service: field required"), ({"service": "web", "all": 1}, "all: extra inputs")):
        answer = leaking.client.post("/api/v1/captures", json=body, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(sentence)
    answer = leaking.client.post("/api/v1/captures", content=b"{", headers=headers)
    assert answer.status_code == 422
    for more in ({}, {"trace": "30s"}, {"trace": "1m", "frames": 8}, {"native": "30s"}):
        answer = leaking.client.post("/api/v1/captures", json={"service": "web", **more}, headers=headers)
        assert answer.json() == {"service": "web", "captures": []}


@pytest.mark.parametrize(
    ("more", "status", "sentence"),
    [
        ({"trace": "soon"}, 400, "trace: 'soon' is not a duration such as 90s"),
        ({"native": "soon"}, 400, "native: 'soon' is not a duration such as 90s"),
        ({"native": "11m"}, 400, "native: a native window lasts more than 0 s and up to 600 s (got 660 s)"),
        ({"trace": "11m"}, 400, "trace: a trace window lasts more than 0 s and up to 600 s (got 660 s)"),
        ({"trace": "1m", "frames": 17}, 422, "frames: input should be less than or equal to 16"),
    ],
)
def test_a_trace_window_must_be_right(leaking: Site, more: dict[str, Any], status: int, sentence: str) -> None:
    """The sentence has the value."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = leaking.client.post("/api/v1/captures", json={"service": "web", **more}, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(sentence)


def test_the_schema_is_served(make_site: MakeSite) -> None:
    """OpenAPI describes the API and nothing is loaded from elsewhere to show it."""
    site = make_site()
    assert "/api/v1/growth" in site.get("/openapi.json")["paths"]
    assert site.client.get("/docs").status_code == 404
