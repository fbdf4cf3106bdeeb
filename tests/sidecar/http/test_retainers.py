"""The picture of who holds what grows, over HTTP."""

import json
from pathlib import Path

import pytest

from floodmark_sidecar.store import CaptureRow
from tests.sidecar.culprits.scripted import container
from tests.sidecar.fix_graphviz import only_dot
from tests.sidecar.http.conftest import START, Site


@pytest.fixture
def held(leaking: Site, tmp_path: Path) -> Site:
    """Three captures of a dict that grows, with the way that leads to it."""
    way = [["app.scheduler", "app.Scheduler"], [".jobs", "dict"]]
    for number in range(3):
        path = tmp_path / f"{number}.json"
        jobs = container("app.Scheduler.jobs", 1000 + 500 * number, retainers=way, users=True, values="float")
        path.write_text(json.dumps({"floodmark_capture": 1, "t": START + number * 900.0 + 1, "containers": [jobs]}))
        leaking.store.put_capture("web", CaptureRow(START + number * 900.0, "web-0", 1, path=str(path))).result(10)
    return leaking


def test_culprits_carry_their_way_and_their_fix(held: Site) -> None:
    """As the page shows them."""
    (jobs,) = (one for one in held.get("/api/v1/culprits")["culprits"] if one["name"] == "jobs")
    assert jobs["retainers"] == [{"name": "app.scheduler", "type": "app.Scheduler"}, {"name": ".jobs", "type": "dict"}]
    assert jobs["fix"]["class"] == "SeenSet"


def test_the_picture_is_drawn_beside_the_sidecar(held: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By graphviz, as an image that a page may show; the two boxes of one way."""
    only_dot(tmp_path / "bin", monkeypatch)
    answer = held.client.get("/api/v1/retainers.svg", params={"service": "web"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text == '<svg xmlns="http://www.w3.org/2000/svg"> 2 </svg>'


def test_without_graphviz_the_sentence_says_so(held: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows it in the place of the picture."""
    only_dot(tmp_path / "bin", monkeypatch, None)
    status, sentence = held.fail("/api/v1/retainers.svg")
    assert status == 501
    assert sentence == (
        "graphviz is not installed, so that there is no picture of who holds what grows: install it (apt install "
        "graphviz); who holds each is also said in words"
    )


def test_nothing_held_is_no_picture(leaking: Site) -> None:
    """Readings alone do not tell who holds a map."""
    assert leaking.fail("/api/v1/retainers.svg") == (
        404,
        "there is no picture: of nothing that grows is it known who holds it",
    )
