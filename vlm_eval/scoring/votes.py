"""The share of repeated answers that claim an anomaly: a score with as many levels as there are votes, and one."""

from collections.abc import Sequence
from dataclasses import dataclass

from vlm_eval.flow import Claim, Item, Judgement
from vlm_eval.scoring.anomaly_score import AnomalyScore
from vlm_eval.scoring.verdict_scorer import VerdictScorer, read_item


@dataclass(frozen=True, slots=True)
class Votes:
    """What k answers to the same question claim."""

    answers: int  # k
    anomalous: int
    normal: int

    @property
    def share(self) -> float | None:
        """Return the share of anomalous claims among all claims, in [0, 1]; None where nobody made one."""
        claims = self.anomalous + self.normal
        return self.anomalous / claims if claims else None

    @property
    def levels(self) -> int:
        """Return how many distinct shares so many claims can give: one more than there are claims."""
        claims = self.anomalous + self.normal
        return claims + 1 if claims else 0

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
    """Count the claims of repeated answers; None (no claim) is an answer but no vote."""
    return Votes(len(claims), claims.count("anomalous"), claims.count("normal"))


class VotesScorer:
    """Judges a sample in a cell and round by the majority of its repeats; the score is the share of yes votes.

    It depends on the verdict reader, whose version is part of its own.
    """

    name = "votes"
    version = f"2 verdict={VerdictScorer.version}"

    def judge_repeats(self, items: Sequence[Item]) -> Judgement:
        """Return one judgement of all repeats: the majority, or an abstention with "tie" or "no-claims".

        The details hold k (`answers`), the claims by kind, and how many levels the share can take.
        """
        votes = count_votes([read_item(item).claim for item in items])
        details = {
            "answers": votes.answers,
            "anomalous": votes.anomalous,
            "normal": votes.normal,
            "levels": votes.levels,
        }
        if votes.share is None:
            return Judgement(None, "no-claims", details=details)
        return Judgement(votes.majority, None if votes.majority else "tie", score=votes.share, details=details)
