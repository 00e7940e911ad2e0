"""Marks on SAM regions, with a tiny model of random weights: what is wired, not what SAM would find."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.views.mark_regions import regions_of
from vlm_eval.views.mark_sam import _choose, _points, _seen
from vlm_eval.views.open import make_recipe, open_views
from vlm_eval.views.render import draw_labels
from vlm_eval.views.settings import Marks

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.local


def build(folder: Path, seed: int = 0, iou: float = 1.0) -> Path:
    """Save a SAM of random weights whose masks are stable and which predicts the same IoU for each."""
    torch.manual_seed(seed)
    vision = transformers.SamVisionConfig(
        hidden_size=16, output_channels=16, num_hidden_layers=1, num_attention_heads=2, image_size=64,
        patch_size=8, window_size=4, global_attn_indexes=[0], num_pos_feats=8, mlp_dim=32,
    )  # fmt: skip
    prompt = transformers.SamPromptEncoderConfig(
        hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4
    )
    decoder = transformers.SamMaskDecoderConfig(
        hidden_size=16, mlp_dim=32, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=16,
        iou_head_depth=2,
    )  # fmt: skip
    config = transformers.SamConfig(
        vision_config=vision.to_dict(),
        prompt_encoder_config=prompt.to_dict(),
        mask_decoder_config=decoder.to_dict(),
    )
    model = transformers.SamModel(config)
    with torch.no_grad():
        for parameter in model.mask_decoder.parameters():
            parameter.copy_(torch.randn_like(parameter))
        for layer in model.mask_decoder.output_hypernetworks_mlps:
            layer.proj_out.weight *= 1000
        model.mask_decoder.iou_prediction_head.proj_out.weight.zero_()
        model.mask_decoder.iou_prediction_head.proj_out.bias.fill_(iou)
    model.save_pretrained(folder)
    sides = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    transformers.SamImageProcessorPil(**sides).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("sam") / "tiny")


@pytest.fixture
def picture(tmp_path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (6, 9, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize((180, 120), Image.Resampling.NEAREST).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def recipe(checkpoint, **more):
    return make_recipe({"marks": {"regions": "sam", "checkpoint": str(checkpoint), "count": 6, **more}})


def test_regions_of_the_picture_s_own_size_are_marked_the_same_way_each_time(checkpoint, picture) -> None:
    (view,) = open_views(picture, "marked", recipe(checkpoint))
    labels = draw_labels(view)
    assert labels.shape == (120, 180) and 1 <= labels.max() <= 6
    assert view.read() == view.read()
    assert Image.open(io.BytesIO(view.read())).size == (180, 120)
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    settings = Marks(regions="sam", checkpoint=str(checkpoint), count=2)
    assert regions_of(pixels, settings).max() <= 2


def test_masks_that_the_model_itself_does_not_trust_are_no_regions(tmp_path, picture) -> None:
    (view,) = open_views(picture, "marked", recipe(build(tmp_path / "doubts", iou=0.5)))
    with pytest.raises(BadInputError, match="sam gives no region to mark"):
        view.read()


def test_other_weights_are_another_identity_and_are_refused_in_a_planned_run(tmp_path, picture) -> None:
    folder = build(tmp_path / "weights")
    (before,) = open_views(picture, "marked", recipe(folder))
    build(folder, seed=1)
    (after,) = open_views(picture, "marked", recipe(folder))
    assert before.identity != after.identity
    with pytest.raises(BadInputError, match="changed since the run was planned"):
        before.read()


def test_the_best_masks_are_chosen_and_near_repeats_are_not() -> None:
    masks = np.zeros((5, 10, 10), bool)
    masks[0, :5], masks[1, :5, :9], masks[2, 6:], masks[3, 6:, 6:] = True, True, True, True  # the last is empty
    scores = np.array([0.95, 0.94, 0.9, 0.85, 0.99])
    assert _choose(masks, np.ones(5), scores, 5) == [0, 2]
    assert _choose(masks, np.array([0.5, 1, 1, 1, 1]), scores, 5) == [1, 2]
    assert _choose(masks, np.ones(5), scores, 1) == [0]


def test_padding_is_cut_off_and_a_mask_on_the_edge_of_the_threshold_is_unstable() -> None:
    logits = torch.zeros((2, 16, 16))
    logits[0, :4], logits[1] = 9.0, 0.5
    logits[0, 4:], logits[0, 8:] = -9.0, 9.0  # the padding of a picture twice as wide as high
    masks, stability, _ = _seen(logits, torch.ones(2), 64, (32, 64))
    assert masks.shape == (2, 8, 16) and masks[0].sum() == 64
    assert stability.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("count", [1, 9, 100, 500])
def test_points_lie_inside_the_picture_and_are_put_in_batches(count) -> None:
    batches = _points(count, (43, 64))
    points = np.concatenate(batches)
    assert max(map(len, batches)) <= 64 and len(points) == len(np.unique(points, axis=0))
    assert (points > 0).all() and (points < (64, 43)).all()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ({"regions": "sam"}, "need `checkpoint`"),
        ({"regions": "grid", "checkpoint": "x"}, "take no `checkpoint`"),
        ({"regions": "sam", "checkpoint": "nobody/no-such-sam"}, "weights: download"),
        ({"regions": "sam", "checkpoint": "x y"}, "neither a folder nor"),
        ({"regions": "sam", "checkpoint": "{empty}"}, "holds no config.json"),
        ({"regions": "sam", "checkpoint": "{llava}"}, "of the type 'llava'"),
        ({"regions": "sam", "checkpoint": "x", "path": "y"}, "neither a folder nor"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_refused_before_anything_is_asked(
    tmp_path, monkeypatch, steps, said
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "llava"):
        (tmp_path / name).mkdir()
    (tmp_path / "llava" / "config.json").write_text('{"model_type": "llava"}')
    (tmp_path / "llava" / "model.safetensors").write_bytes(b"")
    given = {
        name: value.format(empty=tmp_path / "empty", llava=tmp_path / "llava") for name, value in steps.items()
    }
    with pytest.raises(InputError, match=said):
        make_recipe({"marks": given})
