"""How many requests may be in flight: grows with the answers, is halved when the server is pressed too hard."""

import asyncio
from collections import deque

_FIRST = 16


class Pace:
    """The number of requests that may be in flight; outlives a session.

    It starts at 16 and grows by one an answer, so that it doubles every round trip. Growing less after a halving
    took longer, at a server that takes only so many at a time and at one that refuses one call in ten at random.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(_FIRST, most))
        self._round = 0

    @property
    def limit(self) -> int:
        """Return how many requests may be in flight, at least 1."""
        return int(self._limit)

    @property
    def round(self) -> int:
        """Return the number of halvings so far; a call remembers it when it starts."""
        return self._round

    def answered(self) -> None:
        """Grow a little."""
        self._limit = min(self._most, self._limit + 1)

    def pressed(self, started: int) -> None:
        """Halve the number, once for all calls that started in the same round.

        Args:
            started: the round in which the call started that the server refused or did not answer in time.
        """
        if started == self._round:
            self._limit = max(1.0, self._limit / 2)
            self._round += 1


class Places:
    """Lets as many requests in as the pace allows, in the order in which they came. For one event loop."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._taken < self._pace.limit and not self._waiting:
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place was given while the task was being cancelled
                self._taken -= 1
            self._admit()
            raise

    async def give_way(self) -> None:
        """Hand the place back where the pace has dropped since it was given, and be the next to get one."""
        if self._taken > self._pace.limit:
            self._taken -= 1
            turn = asyncio.get_running_loop().create_future()
            self._waiting.appendleft(turn)
            try:
                await turn
            finally:
                if turn.cancelled():  # __aexit__ gives the place back that is not held here
                    self._taken += 1

    async def __aexit__(self, *raised: object) -> None:
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < self._pace.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1
