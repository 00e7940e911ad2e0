"""Drawn scenes, a data set of them and a synthesis file, small enough for every test."""

import json

import numpy as np
import pytest
from PIL import Image

from vlm_eval.synthetic.settings import Synthesis

pytest.importorskip("cv2", reason="needs the extra synth")


def draw(seed, size=(96, 80), bright=120):
    """Return a grey picture with a soft texture, (height, width, 3)."""
    rng = np.random.default_rng(seed)
    grey = bright + 6 * rng.standard_normal((size[1], size[0]))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def plates(tmp_path):
    """A folder of six normal pictures and two with a dark square and its mask, with a card."""
    folder = tmp_path / "plates"
    for kind in ("good", "dark"):
        (folder / kind).mkdir(parents=True)
    for number in range(6):
        Image.fromarray(draw(number)).save(folder / "good" / f"{number}.png")
    for number in range(2):
        picture, mask = draw(100 + number), np.zeros((80, 96), dtype=np.uint8)
        mask[30:42, 40:54] = 255
        picture[mask > 0] = 15
        Image.fromarray(picture).save(folder / "dark" / f"{number}.png")
        Image.fromarray(mask).save(folder / "dark" / f"{number}_mask.bmp")
    (folder / "plates.yaml").write_text(
        json.dumps(
            {
                "name": "plates",
                "title": "plates",
                "reader": "folders",
                "root": ".",
                "licence": "CC0-1.0",
                "options": {
                    "folders": {"good": "normal", "dark": "dark_spot"},
                    "picture_suffix": ".png",
                    "mask_suffix": "_mask.bmp",
                    "object_class": "plate",
                },
                "common": {
                    "nouns": {"noun": "plate", "plural": "plates"},
                    "defects": {"dark_spot": {"synonyms": ["black spot"]}},
                },
            }
        )
    )
    return folder


@pytest.fixture
def settings():
    """Return a function that makes settings over the plates."""

    def make(**changes):
        content = {
            "name": "made",
            "generator": "objects",
            "scenes": {"dataset": "plates/plates.yaml"},
            "cut_outs": {"dataset": "plates/plates.yaml"},
            "size": [0.2, 0.35],
            "variants": 2,
            **changes,
        }
        return Synthesis.model_validate(content)

    return make
