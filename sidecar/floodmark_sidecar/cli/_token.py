"""The token that changes over HTTP need, as an operator gives it: never shown, unless it is blank."""

import os

from floodmark_sidecar.errors import UsageError


def token_of_the_environment() -> str | None:
    """Return FLOODMARK_TOKEN, None where it is not set or empty; raises `UsageError` as `checked_token` does."""
    text = os.environ.get("FLOODMARK_TOKEN", "")
    return checked_token(text, "FLOODMARK_TOKEN") if text else None


def checked_token(text: str, name: str) -> str:
    """Return the token *text*, given as *name*; raises `UsageError` for one that no header could carry."""
    if not text.strip():
        msg = f"{name} is blank (it is {text!r})"
        raise UsageError(msg, hint="set it to a long random text, or unset it")
    if text != text.strip():
        msg = f"{name} begins or ends with white space, which no Authorization header keeps"
        raise UsageError(msg, hint="set it without")
    if not text.isprintable() or any(ord(char) > 0xFF for char in text):
        msg = f"{name} has characters that no Authorization header can carry"
        raise UsageError(msg, hint="letters, digits and dashes always can")
    return text
