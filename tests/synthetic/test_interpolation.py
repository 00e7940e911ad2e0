"""Interpolation by its properties, on a tiny UNet with random weights."""

import numpy as np
import pytest

from vlm_eval.errors import InputError, MissingExtraError
from vlm_eval.synthetic.interpolation import Interpolator, open_interpolator

pytest.importorskip("diffusers", reason="needs vlm-eval[synth]")
torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel

    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=16,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
    )
    folder = tmp_path_factory.mktemp("unet")
    DDPMPipeline(unet, DDIMScheduler(num_train_timesteps=100)).save_pretrained(folder, safe_serialization=True)
    return str(folder)


@pytest.fixture(scope="module")
def model(checkpoint):
    return open_interpolator(checkpoint, steps=5)


@pytest.fixture(scope="module")
def pictures():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (24, 20, 3), dtype=np.uint8) for _ in range(2)]


def test_with_gamma_0_the_style_comes_back_as_the_model_reconstructs_it(model, pictures):
    style, content = map(model.invert, pictures)
    assert np.array_equal(model.mix(style, content, 0.0), model.reconstruct(style))
    assert model.reconstruct(style).shape == pictures[0].shape


def test_the_content_changes_the_picture_and_more_of_it_changes_more(model, pictures):
    style, content = map(model.invert, pictures)
    plain = model.reconstruct(style).astype(float)
    changes = [np.abs(model.mix(style, content, gamma) - plain).mean() for gamma in (0.35, 0.7, 1.0)]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_a_picture_mixed_with_itself_is_its_own_reconstruction_whatever_gamma_is(model, pictures):
    style = model.invert(pictures[0])
    apart = np.abs(model.mix(style, style, 0.7).astype(int) - model.reconstruct(style))
    assert apart.max() <= 1  # (1 - gamma) h + gamma h is h up to rounding


def test_the_mix_of_the_innermost_features_is_linear(checkpoint, pictures):
    model = open_interpolator(checkpoint, steps=3)
    given = []
    plain = Interpolator._middle

    class Watched(Interpolator):
        def _middle(self, keep, features=None):
            if features is not None:
                given.append(features)
            return plain(self, keep, features)

    model.__class__ = Watched
    style, content = map(model.invert, pictures)
    model.mix(style, content, 0.7)
    expected = 0.3 * style.middle[0] + 0.7 * content.middle[0]
    assert torch.allclose(given[0], expected, atol=1e-6)
    assert len(given) == 3


def test_the_same_pictures_give_the_same_bytes(checkpoint, pictures):
    made = []
    for _ in range(2):
        model = open_interpolator(checkpoint, steps=5)
        made.append(model.mix(model.invert(pictures[0]), model.invert(pictures[1])))
    assert np.array_equal(*made)


def test_inversion_agrees_with_the_inverse_scheduler_of_diffusers(checkpoint, pictures):
    from diffusers import DDIMInverseScheduler
    from PIL import Image

    model = open_interpolator(checkpoint, steps=100)
    shown = np.asarray(Image.fromarray(pictures[0]).resize((16, 16), Image.Resampling.LANCZOS), dtype=np.float32)
    latent = torch.from_numpy(shown / 127.5 - 1).permute(2, 0, 1)[None]
    scheduler = DDIMInverseScheduler.from_pretrained(checkpoint, subfolder="scheduler", clip_sample=False)
    scheduler.set_timesteps(100)
    with torch.inference_mode():
        for time in scheduler.timesteps:
            latent = scheduler.step(model._unet(latent, time).sample, time, latent).prev_sample
    ours = model.invert(pictures[0]).latent
    assert torch.corrcoef(torch.stack([latent.flatten(), ours.flatten()]))[0, 1] > 0.99


def test_more_steps_than_levels_are_refused(checkpoint):
    with pytest.raises(InputError, match="steps is 101; the model has 100 noise levels"):
        open_interpolator(checkpoint, steps=101)


def test_a_checkpoint_that_is_none_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be loaded"):
        open_interpolator(str(tmp_path))


def test_without_diffusers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match=r"vlm-eval\[synth\]"):
        open_interpolator("anything")
