"""Finds what words mean, and looks again: Grounding DINO for boxes and SAM for masks, through transformers.

Liu et al., "Grounding DINO", ECCV 2024; Kirillov et al., "Segment Anything", ICCV 2023. The weights are yours.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vlm_eval.errors import InputError, MissingExtraError
from vlm_eval.flow import Scalar
from vlm_eval.synthetic.seams import Mask, Picture, Verdict

BOX_THRESHOLD = 0.3
"""Score from which a box counts; Grounding DINO's own examples use 0.3 to 0.4."""

LEAST_PIXELS = 20


class Grounded:
    """Boxes for words, then masks for boxes."""

    def __init__(self, detector: Any, reader: Any, segmenter: Any, cutter: Any, threshold: float) -> None:
        """Keep models and their processors; use `open_grounded`."""
        import torch

        self._torch = torch
        self._detector, self._reader = detector.eval(), reader
        self._segmenter, self._cutter = segmenter.eval(), cutter
        self._threshold = threshold

    def locate(self, picture: Picture, words: str) -> Mask:
        """Return the pixels that words such as "the road" mean; none where nothing is found."""
        boxes, _ = self._boxes(Image.fromarray(picture), words)
        return self._masks(Image.fromarray(picture), boxes)

    def look(self, before: Picture, after: Picture, hole: Mask, target: str) -> Verdict:
        """Look for the target in a filled crop; accepted where its mask lies in the hole."""
        shown = Image.fromarray(after)
        boxes, score = self._boxes(shown, target)
        mask = self._masks(shown, boxes) & hole
        scores: dict[str, Scalar] = {"detection_score": round(score, 4), "detected_pixels": int(mask.sum())}
        if mask.sum() >= LEAST_PIXELS:
            return Verdict(True, "", mask, scores)
        return Verdict(False, f"no {target} is detected in the hole", np.zeros_like(mask), scores)

    def _boxes(self, picture: Image.Image, words: str) -> tuple[list[list[float]], float]:
        """Return boxes (left, top, right, bottom) above the threshold, and the highest score of all."""
        # Lower case and a full stop are how its training texts are written.
        inputs = self._reader(images=picture, text=f"{words.lower().rstrip('.')}.", return_tensors="pt")
        with self._torch.inference_mode():
            outputs = self._detector(**inputs)
        found = self._reader.post_process_grounded_object_detection(
            outputs, inputs.input_ids, threshold=0.0, text_threshold=0.0, target_sizes=[picture.size[::-1]]
        )[0]
        scores = [float(score) for score in found["scores"]]
        boxes = [[float(value) for value in box] for box in found["boxes"]]
        kept = [box for box, score in zip(boxes, scores, strict=True) if score >= self._threshold]
        return kept, max(scores, default=0.0)

    def _masks(self, picture: Image.Image, boxes: list[list[float]]) -> Mask:
        empty: Mask = np.zeros(picture.size[::-1], dtype=np.bool_)
        if not boxes:
            return empty
        inputs = self._cutter(picture, input_boxes=[boxes], return_tensors="pt")
        with self._torch.inference_mode():
            outputs = self._segmenter(**inputs, multimask_output=False)
        masks = self._cutter.post_process_masks(
            outputs.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )[0]
        found: Mask = masks[:, 0].numpy().astype(np.bool_).any(axis=0)
        return found


def open_grounded(detector: str, segmenter: str, threshold: float = BOX_THRESHOLD) -> Grounded:
    """Open a Grounding DINO and a SAM checkpoint, by folder or by name on the Hugging Face hub.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        InputError: a checkpoint cannot be loaded.
    """
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("transformers", "local", "Finding regions by words") from error
    try:
        return Grounded(
            transformers.AutoModelForZeroShotObjectDetection.from_pretrained(detector),
            transformers.AutoProcessor.from_pretrained(detector),
            transformers.SamModel.from_pretrained(segmenter),
            transformers.SamProcessor.from_pretrained(segmenter),
            threshold,
        )
    except (OSError, ValueError, RuntimeError) as error:
        places = " and ".join(str(Path(place)) for place in (detector, segmenter))
        raise InputError(f"Grounding DINO and SAM cannot be loaded from {places}: {error}") from error
