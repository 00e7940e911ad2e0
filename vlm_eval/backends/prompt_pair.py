"""`baseline:prompt-pair`: whether a picture is more like a text of anomalous pictures than one of normal ones.

Zero-shot, without a support set: Liznerski et al., "Exposing Outlier Exposure", TMLR 2022; section 4.3 of "Model
selection of anomaly detectors in the absence of labeled validation data". The texts are the words of the prompt.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.backends.joint_encoder import JointEncoder, Vectors
from vlm_eval.backends.patch_nn_features import open_rgb
from vlm_eval.backends.pictures import read_picture
from vlm_eval.backends.support_comparison import BATCH, NO_PICTURE, in_batches, refuse_numbers
from vlm_eval.errors import BadInputError
from vlm_eval.flow import Answer, Capabilities, Failure, Outcome, Request

Score = Literal["difference", "softmax"]
_PAIRS = 1024
_PICTURES = 65_536  # whose vectors are kept, at most some 200 MB
_SEEN: WeakKeyDictionary[JointEncoder, dict[str, Vectors]] = WeakKeyDictionary()
"""The vectors of the pictures that an encoder has seen, by digest, as ten prompts look at each of them."""


class PromptPair:
    """Scores each query by the two texts of its own request."""

    def __init__(
        self,
        joint: JointEncoder,
        score: Score = "difference",
        batch_size: int = BATCH,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.capabilities = capabilities or Capabilities(
            conversation=False, support=True, least_support=0, pair=""
        )
        self._joint = joint
        self._score = score
        self._batch_size = batch_size
        self._texts_of = lru_cache(maxsize=_PAIRS)(self._embed_pair)
        self.facts = dict(joint.facts)

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield an outcome a request, in order, a batch at a time."""
        return in_batches(requests, self._batch_size, self._judge)

    def _embed_pair(self, text: str) -> Vectors | Failure:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) != 2:
            return Failure(
                "unsupported",
                f"The prompt has {len(lines)} lines of text; prompt-pair needs two, a text of normal pictures and "
                "one of anomalous pictures.",
            )
        return self._joint.texts(lines)

    def _judge(self, batch: Sequence[Request]) -> Iterator[Outcome]:
        read = [self._read(request) for request in batch]
        seen = _SEEN.setdefault(self._joint, {})
        pictures = {digest: picture for one in read if not isinstance(one, Failure) for digest, picture in one}
        unseen = [digest for digest in pictures if digest not in seen]
        if unseen:
            found = self._joint.images([pictures[digest] for digest in unseen])
            seen |= zip(unseen, found, strict=True)
        for request, one in zip(batch, read, strict=True):
            if isinstance(one, Failure):
                yield one
                continue
            digests = tuple(digest for digest, _ in one)
            vectors = np.stack([seen[digest] for digest in digests])
            yield self._compare(vectors, self._texts_of(request.prompt.text), digests)
        if len(seen) > _PICTURES:
            seen.clear()

    def _read(self, request: Request) -> list[tuple[str, Image.Image]] | Failure:
        queries = [view for view in request.prompt.views if view.role == "query"]
        if not queries:
            return Failure("unsupported", NO_PICTURE)
        try:
            encoded = [(read_picture(view), str(view.path)) for view in queries]
            return [(one.digest, open_rgb(one.data, name)) for one, name in encoded]
        except BadInputError as error:
            return Failure("bad-input", str(error))

    def _compare(self, pictures: Vectors, texts: Vectors | Failure, sent: tuple[str, ...]) -> Outcome:
        """Score the pictures of one item; of several views the most anomalous one counts."""
        if isinstance(texts, Failure):
            return texts
        try:
            refuse_numbers(pictures, "the picture")
            refuse_numbers(texts, "the texts")
        except BadInputError as error:
            return Failure("bad-input", str(error))
        scores = pair_scores(pictures @ texts.T, self._score, self._joint.scale)
        return Answer("", score=float(scores.max()), served_model=self._joint.name, sent=sent)


def pair_scores(products: Vectors, score: Score, scale: float) -> NDArray[np.float64]:
    """Score pictures by their products with the normal and the anomalous text, shape (pictures, 2).

    `difference` is that of the products; `softmax` the probability of the anomalous text at the encoder's scale.
    The latter grows with the former and lies in [0, 1], so that both rank alike where it does not round to 0 or 1.
    """
    gaps = products[:, 1].astype(np.float64) - products[:, 0]
    return gaps if score == "difference" else np.asarray(1 / (1 + np.exp(-scale * gaps)))
