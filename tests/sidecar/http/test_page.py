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
