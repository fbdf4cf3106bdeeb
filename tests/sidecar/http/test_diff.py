"""The difference of two stored captures over HTTP: which two, and what is said where there is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.store import CaptureRow
from tests.sidecar.culprits.scripted import container
from tests.sidecar.http.conftest import START, Site


@pytest.fixture
def taken(leaking: Site, tmp_path: Path) -> list[Path]:
    """Three captures, the oldest first: of both workers, and one of the first an hour later; then one was refused."""
    paths: list[Path] = []
    for worker, t, entries in (("web-0", 1.25, 100), ("web-1", 2.5, 300), ("web-0", 3601.25, 900)):
        path = tmp_path / f"{worker}.life1.20231114T2213{len(paths)}0000Z.json"
        file = {"floodmark_capture": 1, "service": "web", "pid": 100 + int(worker[-1]), "python": "3.11.7"}
        file |= {"t": START + t + 0.5, "containers": [container("app.jobs", entries)]}
        path.write_text(json.dumps(file))
        paths.append(path)
        leaking.store.put_capture("web", CaptureRow(START + t, worker, 1, path=str(path)))
    leaking.store.put_capture("web", CaptureRow(START + 4000, "web-0", 1, refused="no room")).result(10)
    return paths


def entries(found: dict[str, Any]) -> tuple[int, int]:
    """Return the entries of the one container before and after."""
    (row,) = found["containers"]
    return row["entries"]["before"], row["entries"]["after"]


def test_two_captures_are_named_by_their_start(leaking: Site, taken: list[Path]) -> None:
    """As the list of captures has it, or rounded to a millisecond."""
    listed = [row["t"] for row in leaking.get("/api/v1/captures")["captures"]]
    found = leaking.get("/api/v1/diff", **{"service": "web", "from": listed[3], "to": listed[1]})

    assert entries(found) == (100, 900)
    assert (found["service"], found["one_process"], found["seconds"]) == ("web", True, 3600)
    assert entries(leaking.get("/api/v1/diff", **{"from": START + 1.2504, "to": listed[1]})) == (100, 900)


def test_two_captures_are_named_by_their_place(leaking: Site, taken: list[Path]) -> None:
    """0 is the newest; two workers are compared by path."""
    found = leaking.get("/api/v1/diff", **{"from": 3, "to": 2})

    assert entries(found) == (100, 300)
    assert [found[side]["worker"] for side in ("from", "to")] == ["web-0", "web-1"]
    assert found["one_process"] is False


def test_the_nearest_of_two_that_began_together_is_meant(leaking: Site, taken: list[Path]) -> None:
    """One that was refused takes no time: the next worker's begins at once."""
    for t in (START + 2.4996, START + 2.5004):
        leaking.store.put_capture("web", CaptureRow(t, "web-1", 1, refused="no room")).result(10)

    assert entries(leaking.get("/api/v1/diff", **{"from": START + 1.25, "to": START + 2.5})) == (100, 300)


def test_an_old_capture_that_is_kept_can_still_be_compared(leaking: Site, taken: list[Path], tmp_path: Path) -> None:
    """However many came after it: the first of a worker is listed at the end, those that made room are not."""
    first = taken[0].rename(tmp_path / "captures" / taken[0].name)
    leaking.store.put_capture("web", CaptureRow(START + 0.5, "web-0", 1, path=str(first)))
    for index in range(600):
        done = leaking.store.put_capture("web", CaptureRow(START + 5000 + index, "web-0", 1, refused="no room"))
        if index % 100 == 99:  # a store that is far behind takes no more
            done.result(20)

    listed = leaking.get("/api/v1/captures")["captures"]
    assert [row["t"] for row in listed[600:]] == [START + 0.5]
    leaking.store.put_capture("web", CaptureRow(START + 9000, "web-0", 1, path=str(taken[2]))).result(10)
    assert entries(leaking.get("/api/v1/diff", **{"from": START + 0.5, "to": 0})) == (100, 900)


def test_it_is_what_the_command_prints(leaking: Site, taken: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The same JSON as `floodmark diff --json` of the two files, and the service that was asked for."""
    assert main(["diff", "--json", str(taken[0]), str(taken[2])]) == 0
    printed = json.loads(capsys.readouterr().out)

    assert leaking.get("/api/v1/diff", **{"from": 3, "to": 1}) == {**printed, "service": "web"}


def test_the_rows_can_be_limited(leaking: Site, taken: list[Path]) -> None:
    """As by --limit."""
    taken[0].write_text(
        json.dumps({"floodmark_capture": 1, "t": START, "containers": [container("a", 40), container("b", 50)]})
    )
    found = leaking.get("/api/v1/diff", **{"from": 3, "to": 1, "limit": 1})

    assert len(found["containers"]) == 1
    assert found["more"]["containers"]["rows"] == 2


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"to": 1}, 422, "from: field required"),
    ({"from": "x", "to": 1}, 422, "from: input should be a valid number"),
    ({"from": -1, "to": 1}, 422, "from: "),
    ({"from": "nan", "to": 1}, 422, "from: "),
    ({"from": 1, "to": 1, "limit": 0}, 422, "limit: "),
    ({"from": 4, "to": 1}, 404, "of 4 captures of web there is not a place 4 in its list; see /api/v1/captures"),
    ({"from": 1, "to": START}, 404, f"of 4 captures of web there is not one that began at {START:.3f}"),
    ({"from": 1, "to": 1e300}, 404, "of 4 captures of web there is not one that began at 1"),
    ({"from": 1, "to": 0}, 404, "no capture was taken of web-0 then: no room"),
    ({"from": 1, "to": 1, "service": "nix"}, 404, "there is no service 'nix'"),
]


def test_a_bad_question_gets_a_sentence(leaking: Site, taken: list[Path]) -> None:
    """The answer is 4xx, and says what was wrong with which value."""
    for parameters, status, sentence in BAD:
        found, said = leaking.fail("/api/v1/diff", **parameters)
        assert (found, said[: len(sentence)]) == (status, sentence), parameters


def test_a_file_that_made_room_for_newer_ones_is_gone(leaking: Site, taken: list[Path]) -> None:
    """Its row is still listed."""
    taken[0].unlink()
    assert leaking.fail("/api/v1/diff", **{"from": 3, "to": 1}) == (
        404,
        f"{taken[0]} cannot be read: No such file or directory",
    )


@pytest.mark.parametrize(
    ("content", "why"), [(b"{", "it is cut off"), (b" " * (33 << 20), "it is larger than 32.0 MiB")]
)
def test_a_file_that_is_no_capture_is_said(leaking: Site, taken: list[Path], content: bytes, why: str) -> None:
    """No more of it than a capture may have is read."""
    taken[0].write_bytes(content)
    assert leaking.fail("/api/v1/diff", **{"from": 3, "to": 1}) == (422, f"{taken[0]} is no capture: {why}")


def test_the_schema_says_how_to_ask(site: Site) -> None:
    """Both ways to name a capture are described."""
    described = site.get("/openapi.json")["paths"]["/api/v1/diff"]["get"]
    assert {one["name"] for one in described["parameters"]} == {"from", "to", "service", "limit"}
    assert "0 is the" in described["description"]
