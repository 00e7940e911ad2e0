"""Grounding DINO and SAM on tiny random models: the adapter's plumbing, and what it makes of their answers."""

import numpy as np
import pytest

from vlm_eval.errors import InputError
from vlm_eval.synthetic.grounded import Grounded, open_grounded

torch = pytest.importorskip("torch", reason="needs the extra local")
transformers = pytest.importorskip("transformers", reason="needs the extra local")

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)


class Reader:
    """Stands in for Grounding DINO's processor: remembers the words and states the boxes."""

    def __init__(self, boxes, scores):
        self.boxes, self.scores = boxes, scores

    def __call__(self, images, text, return_tensors):
        self.text = text
        return transformers.BatchFeature({"pixel_values": torch.zeros(1), "input_ids": torch.zeros(1, 2)})

    def post_process_grounded_object_detection(self, outputs, ids, threshold, text_threshold, target_sizes):
        assert target_sizes == [(48, 64)]
        return [{"boxes": torch.tensor(self.boxes).reshape(-1, 4), "scores": torch.tensor(self.scores)}]


class Detector(torch.nn.Module):
    def forward(self, **inputs):
        return None


@pytest.fixture(scope="module")
def sam():
    """A SAM of random weights, a few thousand parameters, with its real processor."""
    torch.manual_seed(0)
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 8,
            "global_attn_indexes": [0],
            "num_pos_feats": 4,
            "mlp_dim": 16,
        },
        prompt_encoder_config={"hidden_size": 8, "image_size": 64, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "mlp_dim": 16,
            "iou_head_hidden_dim": 8,
        },
    )
    images = transformers.SamImageProcessor(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64})
    return transformers.SamModel(config), transformers.SamProcessor(images)


def grounded(sam, boxes, scores):
    reader = Reader(boxes, scores)
    return Grounded(Detector(), reader, *sam, threshold=0.3), reader


def test_words_become_pixels_of_the_pictures_own_size(sam):
    found, reader = grounded(sam, [[4.0, 4.0, 40.0, 30.0], [0.0, 0.0, 9.0, 9.0]], [0.8, 0.5])
    mask = found.locate(PICTURE, "The Road")
    assert mask.shape == (48, 64) and mask.dtype == np.bool_
    assert reader.text == "the road."


def test_boxes_below_the_threshold_count_as_nothing_found(sam):
    found, _ = grounded(sam, [[4.0, 4.0, 40.0, 30.0]], [0.2])
    assert not found.locate(PICTURE, "the road").any()
    verdict = found.look(PICTURE, PICTURE, np.ones((48, 64), dtype=bool), "cat")
    assert not verdict.accepted and verdict.reason == "no cat is detected in the hole"
    assert verdict.scores["detection_score"] == pytest.approx(0.2)
    nothing, _ = grounded(sam, [], [])
    assert not nothing.locate(PICTURE, "the road").any()


def test_what_is_detected_outside_the_hole_does_not_count(sam, monkeypatch):
    found, _ = grounded(sam, [[4.0, 4.0, 40.0, 30.0]], [0.9])
    detected = np.zeros((48, 64), dtype=bool)
    detected[:, :20] = True
    monkeypatch.setattr(found, "_masks", lambda picture, boxes: detected)
    hole = np.zeros((48, 64), dtype=bool)
    hole[:, 30:] = True
    assert not found.look(PICTURE, PICTURE, hole, "cat").accepted
    verdict = found.look(PICTURE, PICTURE, ~hole, "cat")
    assert verdict.accepted and np.array_equal(verdict.mask, detected)


def test_a_checkpoint_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(InputError, match="Grounding DINO and SAM cannot be loaded"):
        open_grounded(str(tmp_path / "none"), str(tmp_path / "neither"))
