"""The Stable Diffusion adapter on a tiny pipeline of random weights."""

import numpy as np
import pytest

from vlm_eval.errors import InputError
from vlm_eval.synthetic.diffusion import DiffusionInpainter, open_diffusion

diffusers = pytest.importorskip("diffusers", reason="needs the extra synth")
torch = pytest.importorskip("torch", reason="needs the extra local")


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=16,
        in_channels=9,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=8,
        attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        norm_num_groups=4,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        sample_size=32,
    )
    return unet, vae, diffusers.DDIMScheduler(clip_sample=False, steps_offset=1)


@pytest.fixture
def inpainter(parts):
    unet, vae, scheduler = parts
    pipeline = diffusers.StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    asked = []

    def encode(prompt, *rest, **more):  # stands in for a text encoder: a prompt seeds its vectors
        asked.append(prompt)
        made = torch.Generator().manual_seed(len(prompt) * 1000 + sum(map(ord, prompt)))
        return torch.randn(1, 4, 8, generator=made), torch.zeros(1, 4, 8)

    pipeline.encode_prompt = encode
    return DiffusionInpainter(pipeline, "street", side=32, steps=2), asked


CROP = np.random.default_rng(0).integers(60, 190, (40, 44, 3), dtype=np.uint8)
HOLE = np.zeros((40, 44), dtype=bool)
HOLE[10:30, 12:32] = True


def test_the_same_seed_gives_the_same_picture_and_prompt_and_seed_matter(inpainter):
    model, asked = inpainter
    first, again = model.fill(CROP, HOLE, "cat", 1), model.fill(CROP, HOLE, "cat", 1)
    assert first.shape == CROP.shape and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert (model.fill(CROP, HOLE, "cat", 2) != first).any()
    assert (model.fill(CROP, HOLE, "dog", 1) != first).any()
    model.fill_normal(CROP, HOLE, "cat", 1)
    assert asked == ["A good photo of cat"] * 3 + ["A good photo of dog", "A good photo of street"]


def test_paste_back_goes_through_encoder_decoder_and_size_with_nothing_put_in(inpainter):
    model, asked = inpainter
    found = model.through(CROP, HOLE, "cat", 1)
    assert found.shape == CROP.shape and asked == []
    assert np.array_equal(found, model.through(CROP, ~HOLE, "dog", 2))


def test_a_checkpoint_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(InputError, match="cannot be loaded"):
        open_diffusion(str(tmp_path / "none"), "street")
