"""OpenCV, imported when it is first needed."""

from typing import Any

from vlm_eval.errors import MissingExtraError


def opencv() -> Any:
    """Return the module cv2. Raises MissingExtraError."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("opencv-python-headless", "synth", "Making synthetic anomalies") from error
    return cv2
