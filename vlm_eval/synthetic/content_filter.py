"""The content filter: is the joint embedding of what was put in nearest to what was wanted?

f(v, o) for the visual information v of the hole and every described object o; the wanted object must be in the top
k, and no artefact may be: the filter of the study of context-dependent anomalies, section 3.1.2; k = 5 in 4.1.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.backends.joint_encoder import JointEncoder
from vlm_eval.errors import CardError
from vlm_eval.flow import Scalar
from vlm_eval.synthetic.seams import Mask, Picture, Verdict
from vlm_eval.synthetic.windows import bounds

TOP_K = 5


def rank_of(similarities: NDArray[np.floating], index: int) -> int:
    """Return the rank of one similarity, 1 for the highest; equal ones rank before it, so a tie never helps."""
    others = np.delete(similarities, index)
    return 1 + int(np.sum(others >= similarities[index]))


class ContentFilter:
    """Accepts a filled hole by the similarity of its picture to the descriptions of all objects."""

    def __init__(
        self,
        joint: JointEncoder,
        descriptions: Mapping[str, str],
        artefacts: Mapping[str, str] | None = None,
        top_k: int = TOP_K,
    ) -> None:
        """Embed the descriptions.

        Args:
            joint: the embedding.
            descriptions: object -> what it looks like ("a round red fruit ..."); all objects that compete.
            artefacts: what a failed generation looks like ("human arm" -> ...).
            top_k: how many count as near.

        Raises:
            CardError: k is so large that nothing could be rejected.
        """
        self._artefacts = tuple(artefacts or ())
        self._names = (*descriptions, *self._artefacts)
        if not 1 <= top_k < len(self._names):
            raise CardError(
                f"The content filter's top_k is {top_k}, and there are {len(self._names)} described objects; "
                f"allowed are 1 to {len(self._names) - 1}. Describe more objects or lower top_k"
            )
        self._joint, self._top_k = joint, top_k
        described = {**descriptions, **(artefacts or {})}
        self._texts = joint.texts([f"{name}: {text}" for name, text in described.items()])

    def __call__(self, before: Picture, after: Picture, hole: Mask, target: str) -> Verdict:
        """Judge one filled hole. Raises CardError for a target without a description."""
        if target not in self._names:
            raise CardError(f"{target!r} has no description, which the content filter needs")
        shown = Image.fromarray(bounds(hole).crop(after))
        similarities = (self._joint.images([shown]) @ self._texts.T)[0]
        verdict = self.judge(similarities, target)
        return Verdict(verdict[0], verdict[1], hole.copy(), verdict[2])

    def judge(self, similarities: NDArray[np.floating], target: str) -> tuple[bool, str, Mapping[str, Scalar]]:
        """Return whether a target passes, the reason why not, and every similarity that decided it."""
        rank = rank_of(similarities, self._names.index(target))
        nearest = [self._names[at] for at in np.argsort(-similarities, kind="stable")[: self._top_k]]
        artefacts = [
            name for name in self._artefacts if rank_of(similarities, self._names.index(name)) <= self._top_k
        ]
        scores: dict[str, Scalar] = {
            f"similarity:{name}": round(float(value), 5)
            for name, value in zip(self._names, similarities, strict=True)
        }
        scores |= {"target_rank": rank, "nearest": ", ".join(nearest), "embedding": self._joint.name}
        if rank > self._top_k:
            return False, f"{target} ranks {rank}, below the top {self._top_k}; nearest is {nearest[0]}", scores
        if artefacts:
            return False, f"looks like an artefact: {', '.join(artefacts)} in the top {self._top_k}", scores
        return True, "", scores

    def described(self) -> Sequence[str]:
        """List every described object, artefacts last."""
        return self._names
