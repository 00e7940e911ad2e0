"""Regions by the Segment Anything model (Kirillov et al., arXiv:2304.02643), through transformers.

A grid of points is put to the model, as its authors do for a whole picture; of each point three masks come. Those
are kept that the model itself holds for good and that hardly change with the threshold, without near repeats.
"""

import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.views.cloud_files import Recent
from vlm_eval.views.mark_checkpoint import checkpoint_digest, find_checkpoint
from vlm_eval.views.settings import Marks

LEAST_IOU = 0.88
"""Predicted IoU from which a mask is kept; this and the next two are the values of the authors."""

LEAST_STABILITY = 0.95
MOST_OVERLAP = 0.7
_LOGIT = 1.0  # by which the threshold is moved to see how stable a mask is
_BATCH = 64  # points at a time
_recent = Recent(4096)  # a picture is segmented when it is planned and shown when it is sent


def sam_regions(pixels: NDArray[np.uint8], settings: Marks) -> NDArray[np.int32]:
    """Return at most `count` regions, shape (height, width), 0 where there is none; the smaller lies on top.

    Raises BadInputError where the checkpoint is another one than when the run was planned.
    """
    digest = checkpoint_digest(settings)
    if settings.digest not in ("", digest):
        raise BadInputError(
            f"the checkpoint {settings.checkpoint} changed since the run was planned. Put the old one back, or "
            "start a new run."
        )
    kept = _recent.get(
        np.ascontiguousarray(pixels).tobytes(),
        (pixels.shape, digest, settings.count),
        lambda: zlib.compress(_segment(pixels, settings).astype(np.uint16).tobytes()),
    )
    return np.frombuffer(zlib.decompress(kept), np.uint16).reshape(pixels.shape[:2]).astype(np.int32)


def _segment(pixels: NDArray[np.uint8], settings: Marks) -> NDArray[np.int32]:
    import torch

    model, processor = _load(find_checkpoint(settings.checkpoint, settings.weights))
    inputs = processor(images=Image.fromarray(pixels), return_tensors="pt")
    reshaped = tuple(int(length) for length in inputs["reshaped_input_sizes"][0])
    with torch.inference_mode():
        embeddings = model.get_image_embeddings(inputs["pixel_values"].to(model.device))
        found = [_ask(model, embeddings, points) for points in _points(settings.count, reshaped)]
        logits, scores = (torch.cat(parts) for parts in zip(*found, strict=True))
        chosen = _choose(*_seen(logits, scores, model.config.vision_config.image_size, reshaped), settings.count)
        if not chosen:
            return np.zeros(pixels.shape[:2], np.int32)
        masks = processor.post_process_masks([logits[chosen][None]], [pixels.shape[:2]], [reshaped])[0][0]
    return _stacked(masks.numpy())


def _ask(model: Any, embeddings: Any, points: NDArray[np.float32]) -> tuple[Any, Any]:
    """Return mask logits (n, rows, columns) and predicted IoU (n,) of points in pixels of the model's input."""
    import torch

    asked = torch.from_numpy(points)[None, :, None].to(model.device)
    outcome = model(image_embeddings=embeddings, input_points=asked, multimask_output=True)
    return outcome.pred_masks[0].flatten(0, 1).float().cpu(), outcome.iou_scores[0].flatten().float().cpu()


def _points(count: int, size: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Return a grid of points (n, 2), x before y, four to a wanted region, in batches."""
    side = int(np.clip(np.ceil(2 * count**0.5), 8, 32))
    down, across = ((np.arange(side) + 0.5) / side * length for length in size)
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2).astype(np.float32)
    return [grid[start : start + _BATCH] for start in range(0, len(grid), _BATCH)]


def _seen(
    logits: Any, scores: Any, side: int, reshaped: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Cut off what lies in the padding; return masks, their stability and predicted IoU, as arrays."""
    rows, columns = (max(1, round(length / side * logits.shape[-1])) for length in reshaped)
    own = logits[:, :rows, :columns].numpy()
    low, high = ((own > threshold).sum(axis=(1, 2)) for threshold in (-_LOGIT, _LOGIT))
    return own > 0, high / np.maximum(low, 1), scores.numpy()


def _choose(masks: NDArray[np.bool_], stability: NDArray[Any], scores: NDArray[Any], count: int) -> list[int]:
    """Return the best masks that do not repeat each other, best first; none that covers everything or nothing."""
    areas = masks.sum(axis=(1, 2))
    good = (scores >= LEAST_IOU) & (stability >= LEAST_STABILITY) & (areas > 0) & (areas < masks[0].size)
    chosen: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        if len(chosen) == count:
            break
        if good[place] and all(_overlap(masks[place], masks[other]) <= MOST_OVERLAP for other in chosen):
            chosen.append(int(place))
    return chosen


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def _stacked(masks: NDArray[np.bool_]) -> NDArray[np.int32]:
    labels = np.zeros(masks.shape[1:], np.int32)
    for number, mask in enumerate(sorted(masks, key=lambda mask: -int(mask.sum())), 1):
        labels[mask] = number
    return labels


@lru_cache(maxsize=1)
def _load(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoImageProcessor, SamModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    model = SamModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), processor
