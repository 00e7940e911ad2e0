"""How long to wait before a request is sent again."""

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

FIRST_WAIT = 0.5  # seconds
LONGEST_BACKOFF = 20.0
LONGEST_RETRY_AFTER = 120.0


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, from a number or an HTTP date; None if it does not say."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def wait_before(
    attempt: int, retry_after: float | None, first_wait: float = FIRST_WAIT, random_share: float | None = None
) -> float:
    """Return the seconds to wait before attempt number `attempt` (2 is the first repetition).

    Doubles from `first_wait` seconds to 20 s, with a quarter of jitter to either side so that requests that failed
    together do not come back together. What the server asks for is a lower bound, up to two minutes, with as much
    jitter above it.
    """
    share = random.random() if random_share is None else random_share
    backoff = min(LONGEST_BACKOFF, first_wait * 2.0 ** (attempt - 2)) * (0.75 + 0.5 * share)
    if retry_after is None:
        return backoff
    return max(backoff, min(LONGEST_RETRY_AFTER, retry_after) * (1 + 0.25 * share))


def _number(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
