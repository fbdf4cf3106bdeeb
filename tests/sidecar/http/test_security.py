"""Who may ask what."""

import socket

import pytest

from tests.sidecar.http.conftest import TOKEN, MakeSite, Site

BEARER = {"Authorization": f"Bearer {TOKEN}"}


WRONG = "that is not the token that the sidecar was started with"


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "this needs the header Authorization: Bearer TOKEN"),
        ({"Authorization": "nonsense"}, "this needs the header Authorization: Bearer TOKEN"),
        ({"Authorization": "Bearer"}, WRONG),
        ({"Authorization": "Bearer wrong"}, WRONG),
    ],
)
def test_a_change_needs_the_token(leaking: Site, headers: dict[str, str], sentence: str) -> None:
    """Without it, or with another, the answer is 401 and says which of the two it was."""
    answer = leaking.client.post("/api/v1/captures", json={"service": "web"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, sentence)


def test_a_password_changes_nothing(leaking: Site) -> None:
    """A browser sends a password along with what another site makes up; a bearer token it does not."""
    answer = leaking.client.post("/api/v1/captures", json={"service": "web"}, auth=("anybody", TOKEN))
    assert answer.status_code == 401


LONG = {
    "by its announced length": (b"Content-Length: 10000000", b""),
    "as it comes": (b"Transfer-Encoding: chunked", b"10001\r\n"),
}


@pytest.mark.parametrize("how", LONG)
def test_a_body_that_is_too_long_is_refused_before_it_is_read(leaking: Site, how: str) -> None:
    """The answer comes while most of the body is still to be sent, and the connection is closed."""
    length, chunk = LONG[how]
    url = leaking.client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=20) as client:
        client.sendall(
            b"POST /api/v1/captures HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + TOKEN.encode() + b"\r\n" + length + b"\r\n\r\n" + chunk
        )
        if chunk:
            client.sendall(b" " * 0x10001)
        with client.makefile("rb") as answer:
            said = answer.read().decode()
    assert said.startswith("HTTP/1.1 413")
    assert '{"error":"a request may have a body of at most 65536 bytes"}' in said


def test_a_body_that_just_fits_is_read(leaking: Site) -> None:
    """White space counts, and 64 KiB of it are allowed."""
    body = b'{"service": "web"}'.ljust(64 << 10)
    answer = leaking.client.post(
        "/api/v1/captures", content=body, headers={**BEARER, "Content-Type": "application/json"}
    )
    assert answer.status_code == 200


def test_without_a_token_nothing_can_be_changed(make_site: MakeSite) -> None:
    """A sidecar that was given none refuses every change."""
    site = make_site(token=None)
    for headers in ({}, {"Authorization": "Bearer None"}):
        answer = site.client.post("/api/v1/captures", json={"service": "web"}, headers=headers)
        assert answer.status_code == 403
        assert "FLOODMARK_TOKEN" in answer.json()["error"]


def test_on_loopback_reading_is_free(leaking: Site) -> None:
    """Whoever is on the machine may look."""
    assert leaking.client.get("/api/v1/services").status_code == 200


def test_beyond_loopback_reading_needs_the_token_too(make_site: MakeSite) -> None:
    """As a bearer token, or as the password a browser asks for; the health of the sidecar is open."""
    site = make_site(loopback=False)
    site.client.headers["Host"] = "monitor.example"
    for path in ("/", "/metrics", "/api/v1/services", "/assets/page.js", "/openapi.json"):
        refused = site.client.get(path)
        assert refused.status_code == 401, path
        assert refused.headers["www-authenticate"].startswith("Basic")
        assert site.client.get(path, headers=BEARER).status_code == 200
        assert site.client.get(path, auth=("anybody", TOKEN)).status_code == 200
        wrong = site.client.get(path, auth=("anybody", "wrong"))
        assert (wrong.status_code, wrong.json()["error"]) == (401, WRONG)
    assert site.client.get("/healthz").status_code == 200
    assert site.client.get("/readyz").status_code == 200
    assert site.client.get("/", headers={"Authorization": "Basic !!!"}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8642", "127.0.0.1.evil.example", "[::1"])
def test_a_name_of_another_site_is_refused_on_loopback(leaking: Site, host: str) -> None:
    """A page that points its own name at 127.0.0.1 cannot read the answers."""
    assert leaking.client.get("/api/v1/services", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8642", "127.0.0.1:80", "[::1]:8642"])
def test_the_machines_own_names_are_answered(leaking: Site, host: str) -> None:
    """With any port: it may be forwarded."""
    assert leaking.client.get("/api/v1/services", headers={"Host": host}).status_code == 200


def test_every_answer_says_that_nothing_foreign_may_run(leaking: Site) -> None:
    """Scripts, styles and connections are the page's own; errors carry it too."""
    for path in ("/", "/api/v1/services", "/nix", "/metrics"):
        headers = leaking.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
