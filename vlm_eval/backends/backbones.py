"""One vector a picture: of EfficientNet-Lite0, offline, or of any image classifier of transformers."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.backends.lite0_graph import Features, Lite0, Output
from vlm_eval.backends.patch_nn_features import decode, open_rgb
from vlm_eval.errors import InputError


class LiteVectors:
    """EfficientNet-Lite0: the layer before its classes (`pooled`), or the mean over places of a level below."""

    def __init__(self, level: Output = "pooled", threads: int = 1) -> None:
        self._network = Lite0((level,), threads)
        self.facts: Mapping[str, str | int] = {**self._network.facts, "level": level}

    def decode(self, data: bytes, name: str) -> NDArray[np.uint8]:
        """Decode a picture, stretched to 224 x 224. Raises BadInputError."""
        return decode(data, name)

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """Return vectors, shape (pictures, channels)."""
        (found,) = self._network(pictures)
        return found if found.ndim == 2 else np.asarray(found.mean(axis=(2, 3)), dtype=np.float32)


class TransformersVectors:
    """What reaches the last linear layer of an image classifier: the layer before its predictions.

    ResNet, ViT, DeiT, Swin, ConvNeXT and the rest; those of timm by `timm/NAME`, where timm is installed. The
    classes themselves are not used, so that a checkpoint without them serves as well.
    """

    def __init__(self, checkpoint: str) -> None:
        library = import_module("transformers")
        library.utils.logging.disable_progress_bar()
        self._torch = import_module("torch")
        try:
            self._model = library.AutoModelForImageClassification.from_pretrained(checkpoint).eval()
            self._prepare = library.AutoImageProcessor.from_pretrained(checkpoint)
        except (OSError, ValueError, ImportError) as error:
            raise InputError(
                f"The backbone {checkpoint!r} cannot be loaded: {error}. Give an image classifier of transformers "
                "or its folder, timm/NAME where timm is installed, or lite0, which needs no network."
            ) from error
        self._found: list[Any] = []
        _last_linear(self._model, self._torch, checkpoint).register_forward_pre_hook(
            lambda _, given: self._found.append(given[0])
        )
        self.facts: Mapping[str, str | int] = {
            "runtime": f"transformers {library.__version__}",
            "backbone": checkpoint,
        }

    def decode(self, data: bytes, name: str) -> Image.Image:
        """Decode a picture in its own size. Raises BadInputError."""
        return open_rgb(data, name)

    def __call__(self, pictures: Sequence[Image.Image]) -> Features:
        """Return vectors, shape (pictures, channels), of pictures prepared as the checkpoint says."""
        self._found.clear()
        with self._torch.inference_mode():
            self._model(**self._prepare(images=list(pictures), return_tensors="pt"))
        return np.asarray(self._found.pop().float().reshape(len(pictures), -1).numpy(), dtype=np.float32)


def _last_linear(model: Any, torch: Any, checkpoint: str) -> Any:
    classes = model.config.num_labels
    layers = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    heads = [layer for layer in layers if layer.out_features == classes]
    if not heads:
        raise InputError(
            f"The backbone {checkpoint!r} ({type(model).__name__}) has no linear layer of {classes} classes, "
            "before which its features could be taken. Give another image classifier."
        )
    return heads[-1]
