"""Messages of servers, made fit to be stored and shown: short, on one line, without a secret or a picture."""

import re
from collections.abc import Sequence

SHORTEST_SECRET = 6
"""Characters; what is shorter is a placeholder, no secret."""

_LONGEST = 300
_KEY_LIKE = re.compile(r"\b(?:sk|pk|key|api[-_]?key|bearer)[-_:= ]+[\w*.\-]{6,}", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/\s@]+@")
_DATA_URL = re.compile(r"data:[\w/+.-]+;base64,[\w+/=]*")
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{80,}")


def without_secret(text: str, secret: str) -> str:
    """Take a secret out of a text."""
    return text.replace(secret, "[redacted]") if len(secret) >= SHORTEST_SECRET else text


def clean_message(message: str, secrets: Sequence[str] = ()) -> str:
    """Shorten a message to 300 characters and take out secrets, what looks like a key, and encoded pictures."""
    text = message
    for secret in secrets:
        text = without_secret(text, secret)
    text = text[: 20 * _LONGEST]  # a server may echo a whole request, and patterns over megabytes are slow
    for pattern, replacement in (
        (_DATA_URL, "[picture]"),
        (_USER_INFO, "[redacted]@"),
        (_KEY_LIKE, "[redacted]"),
        (_BLOB, "[...]"),
    ):
        text = pattern.sub(replacement, text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
