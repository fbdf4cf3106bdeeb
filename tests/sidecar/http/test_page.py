"""The page and what it is made of."""

import re
from pathlib import Path

import pytest

from floodmark_sidecar import http
from tests.sidecar.http.conftest import MakeSite, Site

STATIC = Path(str(http.__file__)).parent / "static"


def test_everything_the_page_asks_for_is_served_from_here(site: Site) -> None:
    """No script, style or image comes from elsewhere."""
    page = site.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "/assets/chart.js" in wanted
    for address in wanted:
        assert address.startswith("/"), address
        if address.startswith("/assets/"):
            assert site.client.get(address).status_code == 200, address


def test_the_chart_library_comes_out_of_an_installed_package(site: Site) -> None:
    """It is served as a script that may be kept."""
    answer = site.client.get("/assets/chart.js")
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "max-age=86400"
    assert "Chart.js v4" in answer.text[:200]


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_never_write_markup(script: Path) -> None:
    """What a service names reaches the page as text: nothing parses HTML, nothing is evaluated."""
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment"
    assert not re.search(forbidden, script.read_text())


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_keep_no_token(script: Path) -> None:
    """It is in its field and in the header of a request, and nowhere that outlives the page or goes along by itself."""
    assert not re.search(
        r"localStorage|sessionStorage|indexedDB|\.cookie\b|credentials: \"include\"", script.read_text()
    )


def test_what_changes_the_service_is_asked_as_no_other_site_can_ask() -> None:
    """With the token in a header of its own, and without what a browser sends along: a 401 must not open its dialog."""
    (request,) = [text for text in STATIC.joinpath("captures.js").read_text().split("fetch(")[1:] if "POST" in text]
    assert "Authorization: `Bearer ${token}`" in request
    assert 'credentials: "omit"' in request


def test_what_scripts_look_for_is_on_the_page() -> None:
    """Every element that is asked for by its id."""
    there = set(re.findall(r'id="([^"]+)"', STATIC.joinpath("index.html").read_text()))
    for script in STATIC.glob("*.js"):
        wanted = set(re.findall(r'\$\("([^"]+)"\)', script.read_text()))
        assert wanted <= there, script.name


@pytest.mark.parametrize(
    "path",
    ["/", "/assets/chart.js", "/assets/page.js", "/metrics", "/healthz", "/openapi.json", "/api/v1/services", "/nix"],
)
def test_head_is_answered_as_get_without_the_body(site: Site, path: str) -> None:
    """Monitors and proxies ask so: the status and the headers are those of GET."""
    got, head = site.client.get(path), site.client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert "content-security-policy" in head.headers


def test_head_needs_what_get_needs(make_site: MakeSite) -> None:
    """Beyond loopback it says no more than GET does."""
    site = make_site(loopback=False)
    assert site.client.head("/api/v1/services").status_code == 401
