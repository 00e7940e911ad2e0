"""What a reviewer is handed next, and the way of each keystroke into the run."""

import time
from dataclasses import dataclass, field

from vlm_eval.runs.review import LABELS, Reading, ReviewLog
from vlm_eval.runs.review_draw import Drawing, draw_new, read_drawing
from vlm_eval.runs.store import Store

LEASE_SECONDS = 600.0
"""How long an answer that was shown to one reviewer is not handed to another."""
_LOOK_SECONDS = 5.0  # between two looks for new answers


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reviewer stands."""

    ask: int | None  # to be read now; None where nothing is left
    read: int  # by this reviewer, skipped ones among them
    left: int  # for this reviewer, the present one among them


@dataclass
class Desk:
    """Hands out the drawn answers of one run to one reviewer."""

    store: Store
    log: ReviewLog
    drawing: Drawing
    reviewer: str
    _queue: dict[int, float] = field(default_factory=dict)
    _entered: tuple[Drawing, int] | None = None
    _looked: float = float("-inf")
    _answers: int = -1

    def place(self) -> Place:
        """Return the answer to read now, and note that it is shown."""
        self._look()
        with self.log.writing():
            return self._hand_out()

    def say(self, ask: int, reading: Reading) -> Place | None:
        """Save what the reviewer says and hand out the next; None where this answer is not the one at hand."""
        with self.log.writing():
            if self._at_hand() != ask:
                return None
            self.log.append(self.reviewer, ask, reading, self.drawing.probability(self.log.disputed[ask]))
        return self.place()

    def undo(self) -> Place | None:
        """Take back what the reviewer said last and hand out that answer again; None where nothing was said."""
        with self.log.writing():
            last = next(reversed(self.log.said.get(self.reviewer, {})), None)
            if last is None:
                return None
            self.log.append(self.reviewer, last, "undo", self.drawing.probability(self.log.disputed[last]))
            self.log.append(self.reviewer, last, "show")
        return self.place()

    def _at_hand(self) -> int | None:
        ask, _ = self.log.shown.get(self.reviewer, (None, 0.0))
        return None if ask in self.log.said.get(self.reviewer, {}) else ask

    def _hand_out(self) -> Place:
        said = self.log.said.get(self.reviewer, {})
        at_hand, left = self._at_hand(), self._left()
        if at_hand is not None and at_hand not in left:
            left.insert(0, at_hand)
        ask = at_hand if at_hand is not None else next(iter(left), None)
        if ask is not None and ask != at_hand:
            self.log.append(self.reviewer, ask, "show")
        return Place(ask, len(said), len(left))

    def _left(self) -> list[int]:
        """List what still wants this reviewer: unread answers, and the first ones until two have read them."""
        if self._entered != (self.drawing, len(self.log.disputed)):
            self._queue, self._entered = self.drawing.queue(self.log), (self.drawing, len(self.log.disputed))
        said = self.log.said.get(self.reviewer, {})
        now = time.time()
        others = [
            ask
            for name, (ask, at) in self.log.shown.items()
            if name != self.reviewer and ask not in self.log.said.get(name, {}) and now - at < LEASE_SECONDS
        ]
        left = []
        for order, ask in enumerate(self._queue):
            wanted = 2 if order < self.drawing.twice else 1
            if ask not in said and self._labels(ask) + others.count(ask) < wanted:
                left.append(ask)
        return left

    def _labels(self, ask: int) -> int:
        return sum(said.get(ask) in LABELS for said in self.log.said.values())

    def _look(self) -> None:
        """Let new answers enter the draw; a run may be going on."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self.drawing = read_drawing(self.store) or self.drawing  # another reviewer may have asked for more
        answers = self.store.connection.execute("SELECT count(*) FROM outcome WHERE kind = 'answer'").fetchone()[0]
        if answers != self._answers:
            self._answers = answers
            draw_new(self.store, self.log, self.drawing)
