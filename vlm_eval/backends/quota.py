"""An amount a minute, spread evenly, so that no minute holds more however it is cut."""

_MINUTE = 60.0  # seconds


class Quota:
    """Books requests or tokens against what may be used in a minute."""

    def __init__(self, per_minute: float) -> None:
        self._seconds_each = _MINUTE / per_minute
        self._free_at = 0.0

    def book(self, amount: float, now: float) -> float:
        """Book an amount and return the seconds to wait before it is used.

        Args:
            amount: requests or tokens. One above a whole minute's share is let through; all others wait for it.
            now: seconds of a clock that never goes back.
        """
        start = max(self._free_at, now)
        self._free_at = start + amount * self._seconds_each
        return start - now

    def correct(self, amount: float) -> None:
        """Book what was used beyond what was booked for it; a negative amount is given back."""
        self._free_at += amount * self._seconds_each
