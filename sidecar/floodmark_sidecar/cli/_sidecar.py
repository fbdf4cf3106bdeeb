"""A running sidecar as the command line asks it: JSON over HTTP, with the standard library alone."""

import http.client
import json
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from floodmark_sidecar.errors import UsageError

_PATIENCE: Final = 10.0
"""Seconds for a connection, and for an answer that takes no work."""

_MOST_ANSWER: Final = 8 << 20
"""Bytes of an answer; what is longer is none of a sidecar."""

_HINT: Final = "floodmark serve starts a sidecar and says where it serves; --url is that address"
_CONNECTIONS: Final = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


class Sidecar:
    """The sidecar at *url*, asked with *token* where there is one.

    Each question is a connection of its own: neither a proxy nor a redirection is followed, which could take the token
    elsewhere. Raises `UsageError` for a URL that is none, where nobody answers, and with what a sidecar that refuses
    says.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._parts = _split(url)
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to a GET of *path*."""
        return self._ask("GET", path, None, _PATIENCE)

    def post(self, path: str, body: dict[str, Any], *, patience: float) -> dict[str, Any]:
        """Return the answer to a POST of *body*; waits for it at most *patience* seconds."""
        return self._ask("POST", path, json.dumps(body).encode(), patience)

    def is_none(self, why: str) -> UsageError:
        """Return what to say where somebody answers who is no sidecar."""
        msg = f"what answers at {self.url} is no floodmark sidecar: {why}"
        return UsageError(msg, hint=_HINT)

    def _ask(self, method: str, path: str, body: bytes | None, patience: float) -> dict[str, Any]:
        connection = _CONNECTIONS[self._parts.scheme](str(self._parts.hostname), self._parts.port, timeout=_PATIENCE)
        headers = self._headers | ({} if body is None else {"Content-Type": "application/json"})
        try:
            connection.connect()
            connection.sock.settimeout(patience)
            connection.request(method, f"{self._parts.path.rstrip('/')}{path}", body, headers)
            answer = connection.getresponse()
            data = answer.read(_MOST_ANSWER + 1)
        except TimeoutError:
            msg = f"the sidecar at {self.url} did not answer within {patience:g} s"
            raise UsageError(msg, hint=_HINT) from None
        except (OSError, UnicodeError) as error:
            msg = f"no sidecar answers at {self.url}: {getattr(error, 'strerror', None) or error}"
            raise UsageError(msg, hint=_HINT) from None
        except http.client.HTTPException as error:
            raise self.is_none(type(error).__name__) from None
        finally:
            connection.close()
        return self._content(answer.status, data)

    def _content(self, status: int, data: bytes) -> dict[str, Any]:
        try:
            content = json.loads(data) if len(data) <= _MOST_ANSWER else None
        except (ValueError, RecursionError):
            content = None
        if status == 200 and isinstance(content, dict):
            return content
        if isinstance(content, dict) and isinstance(sentence := content.get("error"), str):
            msg = f"the sidecar at {self.url} refuses: {sentence[:400]}"
            raise UsageError(msg, hint="give the token by FLOODMARK_TOKEN or --token" if status == 401 else "")
        why = f"HTTP {status}, and no JSON of ours"
        raise self.is_none(why)


def _split(url: str) -> SplitResult:
    example = "http://127.0.0.1:8642"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        msg = f"{url!r} is no URL of a sidecar: {error}"
        raise UsageError(msg, hint=f"it is like {example}") from None
    # What is left of a URL without a scheme may look like one: 127.0.0.1:8642 has the scheme "127.0.0.1".
    extra = parts.query or parts.fragment or "@" in parts.netloc
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in _CONNECTIONS or not parts.hostname or port == 0 or extra or not plain:
        msg = f"{url!r} is no URL of a sidecar"
        raise UsageError(msg, hint=f"it is like {example}")
    return parts
