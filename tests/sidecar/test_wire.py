"""Frames between agent and sidecar: whole, cut anywhere, too large, or nonsense."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark_sidecar.wire import MAX_FRAME, Decoder, WireError, encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
messages = st.builds(
    lambda kind, rest: {**rest, "type": kind}, st.text(), st.dictionaries(st.text(), json_values, max_size=4)
)


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@settings(max_examples=50)
@given(st.lists(messages, max_size=5), st.lists(st.integers(1, 64), min_size=1, max_size=50))
def test_messages_survive_any_cut_of_the_stream(sent: list[dict[str, Any]], cuts: list[int]) -> None:
    """However the bytes of a connection are cut into reads, the same messages come out in the same order."""
    stream = b"".join(encode(message) for message in sent)
    decoder = Decoder()
    received: list[dict[str, Any]] = []
    for size in cuts:
        received += decoder.feed(stream[:size])
        stream = stream[size:]
    received += decoder.feed(stream)

    assert received == sent


def test_a_message_over_the_limit_is_not_sent() -> None:
    """The sender finds out, with the size in the error, before the peer hangs up on it."""
    with pytest.raises(WireError, match=str(MAX_FRAME)):
        encode({"type": "reading", "padding": "x" * MAX_FRAME})


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    """Four bytes are enough to refuse a peer that announces a gigabyte."""
    with pytest.raises(WireError, match="over the limit"):
        list(Decoder().feed(struct.pack(">I", 1 << 30)))


def test_not_a_number_cannot_be_sent() -> None:
    """JSON has no NaN; a reading that cannot be known is null."""
    with pytest.raises(ValueError, match="JSON compliant"):
        encode({"type": "reading", "uss_bytes": float("nan")})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1]", b"3", b"{}", b'{"type":3}', b"[" * 100_000])
def test_nonsense_ends_the_connection_with_words(body: bytes) -> None:
    """A frame that is not an object with a type raises one kind of error, whatever is in it."""
    with pytest.raises(WireError, match="a frame is not"):
        list(Decoder().feed(frame(body)))


def test_messages_before_nonsense_are_still_delivered() -> None:
    """What a peer said before it broke counts."""
    stream = Decoder().feed(encode({"type": "hello"}) + frame(b"?"))

    assert next(stream) == {"type": "hello"}
    with pytest.raises(WireError):
        next(stream)
