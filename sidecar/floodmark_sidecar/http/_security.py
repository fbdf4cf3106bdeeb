"""Who may ask what, and how much: the token, the names of this machine, the longest body; headers of every answer."""

import asyncio
import base64
import binascii
import hmac
from email.utils import formatdate
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from floodmark_sidecar.http._state import State

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN: Final = frozenset({"/healthz", "/readyz"})
"""What a liveness probe asks; says nothing of the service."""

_MOST_BODY: Final = 64 << 10
"""Bytes in the body of a request; what can be asked for is said in far fewer."""

_TOO_LARGE: Final = f"a request may have a body of at most {_MOST_BODY} bytes"

READ_ONLY: Final = "nothing can be changed here: start the sidecar with FLOODMARK_TOKEN set"

_WRONG: Final = "that is not the token that the sidecar was started with"

_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1", ""})
_OF_STATUS: Final = {
    401: {"WWW-Authenticate": 'Basic realm="floodmark", charset="UTF-8"'},
    # What is still to come of the body is not waited for.
    413: {"Connection": "close"},
}
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
    passwords along with requests that another site makes up. A body that is too long is refused as soon as that shows,
    and HEAD is answered wherever GET is.
    """

    def __init__(self, app: ASGIApp, *, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_head = scope["method"] == "HEAD"
        began = False

        async def send_guarded(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.update(_HEADERS)
                headers["Date"] = formatdate(usegmt=True)
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        refusal = self._refusal(scope)
        if is_head:
            scope = {**scope, "method": "GET"}
        try:
            await (refusal or self._app)(scope, _Limited(receive), send_guarded)
        except asyncio.CancelledError:
            # Only the end of the sidecar cancels a request; whoever asked is told so.
            if began:
                raise
            await _answer(503, "the sidecar is ending")(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        # A page of another site can point its own name at 127.0.0.1 and would read every answer; its name gives it away.
        if self._state.loopback and _host(headers.get("host", "")) not in _LOCAL_NAMES:
            return _answer(403, "this sidecar listens on loopback and answers to localhost only")
        bearer, password = _credentials(headers.get("authorization", ""))
        if scope["method"] not in _SAFE:
            if self._state.token is None:
                return _answer(403, READ_ONLY)
            if not self._is_token(bearer):
                return _answer(401, "this needs the header Authorization: Bearer TOKEN" if bearer is None else _WRONG)
            length = headers.get("content-length", "")
            return _answer(413, _TOO_LARGE) if length.isdecimal() and int(length) > _MOST_BODY else None
        if self._state.loopback or scope["path"] in _OPEN or self._is_token(bearer) or self._is_token(password):
            return None
        asked = "this needs the header Authorization: Bearer TOKEN, or the token as a password"
        return _answer(401, asked if (bearer, password) == (None, None) else _WRONG)

    def _is_token(self, given: str | None) -> bool:
        token = self._state.token
        return token is not None and given is not None and hmac.compare_digest(given.encode(), token.encode())


class _Limited:
    """Receives the body of one request, and no more of it than it may have: a length need not be announced."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > _MOST_BODY:
            raise HTTPException(413, _TOO_LARGE, _OF_STATUS[413])
        return message


def _answer(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, _OF_STATUS.get(status))


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
