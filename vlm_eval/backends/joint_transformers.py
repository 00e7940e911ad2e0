"""Joint features of a CLIP or SigLIP checkpoint, through transformers."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from vlm_eval.backends.joint_encoder import Vectors, unit
from vlm_eval.errors import InputError


class TransformersEncoder:
    """Any model of transformers with `get_image_features` and `get_text_features`."""

    def __init__(self, checkpoint: str, batch_size: int = 16) -> None:
        library = import_module("transformers")
        library.utils.logging.disable_progress_bar()
        self._torch = import_module("torch")
        try:
            self._model = library.AutoModel.from_pretrained(checkpoint).eval()
            self._prepare = library.AutoImageProcessor.from_pretrained(checkpoint)
            self._tokenizer = library.AutoTokenizer.from_pretrained(checkpoint)
        except (OSError, ValueError) as error:
            raise InputError(
                f"The joint model {checkpoint!r} cannot be loaded: {error}. Give a CLIP or SigLIP checkpoint "
                "or its folder, or conse, which needs no network."
            ) from error
        if not hasattr(self._model, "get_image_features") or not hasattr(self._model, "get_text_features"):
            raise InputError(
                f"{checkpoint!r} is a {type(self._model).__name__}, which has no joint space of pictures and "
                "texts. Give a CLIP or SigLIP checkpoint, or conse."
            )
        self.name = checkpoint
        self._batch_size = batch_size
        self._siglip = "siglip" in self._model.config.model_type
        self._tokens = int(self._model.config.text_config.max_position_embeddings)
        self.scale = float(self._model.logit_scale.detach().exp()) if hasattr(self._model, "logit_scale") else 1.0
        self.facts: Mapping[str, str | int] = {
            "runtime": f"transformers {library.__version__}",
            "joint": checkpoint,
        }

    def images(self, pictures: Sequence[Image.Image]) -> Vectors:
        """Return one unit vector a picture, prepared as the checkpoint says."""

        def encode(batch: list[Image.Image]) -> Any:
            rgb = [picture.convert("RGB") for picture in batch]
            return self._model.get_image_features(**self._prepare(images=rgb, return_tensors="pt"))

        return self._encode(list(pictures), encode)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a text; what is longer than the checkpoint reads is cut."""

        def encode(batch: list[str]) -> Any:
            # SigLIP was trained on texts padded to its full length, and looks at the padding too.
            padding = "max_length" if self._siglip else True
            inputs = self._tokenizer(
                batch, padding=padding, truncation=True, max_length=self._tokens, return_tensors="pt"
            )
            mask = {} if self._siglip else {"attention_mask": inputs["attention_mask"]}
            return self._model.get_text_features(input_ids=inputs["input_ids"], **mask)

        return self._encode(list(texts), encode)

    def _encode(self, given: list[Any], encode: Callable[[list[Any]], Any]) -> Vectors:
        found = []
        for start in range(0, len(given), self._batch_size):
            with self._torch.inference_mode():
                made = encode(given[start : start + self._batch_size])
            # transformers 5 answers with all outputs of the tower, earlier ones with the features alone.
            found.append(unit(getattr(made, "pooler_output", made).float().numpy()))
        return np.concatenate(found) if found else np.zeros((0, 0), dtype=np.float32)
