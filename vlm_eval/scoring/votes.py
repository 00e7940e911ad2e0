"""The share of repeated answers that claim an anomaly: a score with as many levels as there are votes, and one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vlm_eval.flow import Claim, Item, Judgement
from vlm_eval.scoring.anomaly_score import AnomalyScore
from vlm_eval.scoring.verdict_scorer import read_item


@dataclass(frozen=True, slots=True)
class Votes:
    """What k answers to the same question claim."""

    asked: int  # k
    anomalous: int
    normal: int

    @property
    def share(self) -> float | None:
        """Return the share of anomalous claims among all claims, in [0, 1]; None where nobody made one."""
        claims = self.anomalous + self.normal
        return self.anomalous / claims if claims else None

    @property
    def majority(self) -> Claim | None:
        """Return what most claims say; None where there is no claim or a tie."""
        if self.anomalous == self.normal:
            return None
        return "anomalous" if self.anomalous > self.normal else "normal"

    def score(self) -> AnomalyScore:
        """Return the share as an anomaly score."""
        return AnomalyScore(self.share, "votes", reason=None if self.anomalous + self.normal else "no-claims")


def count_votes(claims: Sequence[Claim | None]) -> Votes:
    """Count the claims of repeated answers; None (no claim) is asked for but is no vote."""
    return Votes(len(claims), claims.count("anomalous"), claims.count("normal"))


class VotesScorer:
    """Judges a sample in a cell by the majority of its repeats; the score is the share of anomalous claims.

    All repeats of a sample in a cell and round get the same judgement, so they must be judged together.
    """

    name = "votes"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        groups: dict[tuple[str, str, int], list[Claim | None]] = defaultdict(list)
        for item in items:
            groups[_place(item)].append(read_item(item).claim)
        judged = {place: self._judge(count_votes(claims)) for place, claims in groups.items()}
        return [judged[_place(item)] for item in items]

    def _judge(self, votes: Votes) -> Judgement:
        details = {"asked": votes.asked, "anomalous": votes.anomalous, "normal": votes.normal}
        if votes.share is None:
            return Judgement(None, "no-claims", details=details)
        return Judgement(votes.majority, None if votes.majority else "tie", score=votes.share, details=details)


def _place(item: Item) -> tuple[str, str, int]:
    return item.sample.id, item.question.cell, item.question.round
