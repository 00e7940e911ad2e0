"""A circuit breaker: when nearly everything fails, going on costs time and money and brings nothing."""

from collections import deque

PATIENCE = 20
_NEARLY_ALL = 19


class Breaker:
    """Watches one run of one backend.

    Before the first answer it counts attempts, so that a wrong address is noticed within seconds. After that it
    looks at the latest 20 requests that ended, so that a server that is gone for a minute is waited for.
    """

    def __init__(self) -> None:
        self._answered = False
        self._failed_attempts = 0
        self._latest: deque[bool] = deque(maxlen=PATIENCE)

    @property
    def has_answered(self) -> bool:
        """Say whether any request was answered."""
        return self._answered

    def answered(self) -> None:
        """Note an answer."""
        self._answered = True
        self._latest.append(True)

    def attempt_failed(self) -> str | None:
        """Note an attempt that failed; return why to stop, or None."""
        self._failed_attempts += 1
        if self._answered or self._failed_attempts < PATIENCE:
            return None
        return f"none of the first {self._failed_attempts} attempts was answered"

    def request_failed(self) -> str | None:
        """Note a request that was given up; return why to stop, or None."""
        self._latest.append(False)
        failed = self._latest.count(False)
        if len(self._latest) < PATIENCE or failed < _NEARLY_ALL:
            return None
        return f"{failed} of the latest {PATIENCE} requests failed"
