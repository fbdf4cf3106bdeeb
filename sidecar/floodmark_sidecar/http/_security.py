"""Who may ask what: the token, the host names a loopback server answers to, and the headers of every answer."""

import base64
import binascii
import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from floodmark_sidecar.http._state import State

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN: Final = frozenset({"/healthz", "/readyz"})
"""What a liveness probe asks; says nothing of the service."""

_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1", ""})
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Guard:
    """ASGI middleware in front of everything.

    What changes state needs `Authorization: Bearer TOKEN`. Beyond loopback, everything but the health of the sidecar
    needs the token too; a browser may give it as a password there, but never to change anything: a browser sends
    passwords along with requests that another site makes up.
    """

    def __init__(self, app: ASGIApp, *, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        # A page of another site can point its own name at 127.0.0.1 and would read every answer; its name gives it away.
        if self._state.loopback and _host(headers.get("host", "")) not in _LOCAL_NAMES:
            return _answer(403, "this sidecar listens on loopback and answers to localhost only")
        bearer, password = _credentials(headers.get("authorization", ""))
        if scope["method"] not in _SAFE:
            if self._state.token is None:
                return _answer(403, "nothing can be changed here: start the sidecar with FLOODMARK_TOKEN set")
            return None if self._is_token(bearer) else _answer(401, "this needs the header Authorization: Bearer TOKEN")
        if self._state.loopback or scope["path"] in _OPEN or self._is_token(bearer) or self._is_token(password):
            return None
        return _answer(401, "this needs the header Authorization: Bearer TOKEN, or the token as a password")

    def _is_token(self, given: str | None) -> bool:
        token = self._state.token
        return token is not None and given is not None and hmac.compare_digest(given.encode(), token.encode())


def _answer(status: int, sentence: str) -> JSONResponse:
    headers = {"WWW-Authenticate": 'Basic realm="floodmark", charset="UTF-8"'} if status == 401 else None
    return JSONResponse({"error": sentence}, status, headers)


def _host(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return None


def _credentials(header: str) -> tuple[str | None, str | None]:
    """Return (bearer token, password) of an Authorization header."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip(), None
    if scheme.lower() == "basic":
        try:
            return None, base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None, None
    return None, None
