"""What agent and sidecar say to each other: framed JSON over a unix stream socket.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, one object with a `"type"`. Nothing is ever
unpickled. The agent side of this module runs inside foreign services: standard library only.

Agent to sidecar:
    hello     version, service, pid, python, can                                first on every connection
    reading   pid, t, the agent's numbers (absent = not measured), maps, lost    every `read_every` seconds
    captured  id, pid, started, ended, stall_seconds, path | refused             the answer to a `capture`
Sidecar to agent:
    welcome   version, read_every
    capture   id, path                                                           take a census, write it there
              kind: "trace", seconds, frames                                      or trace allocations for so long first
              kind: "native", seconds                                             or have memray note it, C code included
              kind: "trim"                                                        or have malloc give back what is free

All times are UTC epoch seconds, `path` is the absolute name of a file that does not exist yet. `can` lists the kinds of
capture an agent takes beside a census: one that does not know a kind would take a census instead.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

VERSION: Final = 1
"""Both ends must speak the same version; the sidecar closes a connection that does not, and says so in an event."""

MAX_FRAME: Final = 1 << 20
"""Bytes. A reading of 2,000 maps is some 600 KB; a frame above this is a broken or hostile peer."""

_HEADER: Final = struct.Struct(">I")

Message = Mapping[str, Any]


class WireError(Exception):
    """Raised when a frame cannot be read or written; the connection is of no further use."""


def encode(message: Message) -> bytes:
    """Return *message* as one frame; raises `WireError` if it is larger than `MAX_FRAME`."""
    body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    if len(body) > MAX_FRAME:
        msg = f"a {message.get('type')!r} message of {len(body)} bytes is over the limit of {MAX_FRAME}"
        raise WireError(msg)
    return _HEADER.pack(len(body)) + body


class Decoder:
    """Turns the bytes of one connection back into messages. Not thread-safe: owned by its connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield every message that *data* completes; raises `WireError` on a frame that is too large or not JSON."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            (length,) = _HEADER.unpack_from(self._buffer)
            if length > MAX_FRAME:
                msg = f"a frame of {length} bytes is over the limit of {MAX_FRAME}"
                raise WireError(msg)
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield _parse(body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        msg = f"a frame is not JSON: {error}"
        raise WireError(msg) from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        msg = "a frame is not an object with a type"
        raise WireError(msg)
    return message
