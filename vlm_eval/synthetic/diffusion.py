"""Stable Diffusion inpainting through diffusers, with a checkpoint of the user's own.

Prompt "A good photo of {object}" as in the study of objects in context, section 4. Its controls ask for what the
scene shows anyway, and send the crop through the model's size and back.
"""

from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from vlm_eval.errors import InputError, MissingExtraError
from vlm_eval.synthetic.seams import Fillers, Mask, Picture

STEPS = 50
GUIDANCE = 7.5
SIDE = 512  # pixels that Stable Diffusion was trained on


class DiffusionInpainter:
    """Fills holes by a diffusers inpainting pipeline."""

    def __init__(self, pipeline: Any, noun: str, side: int = SIDE, steps: int = STEPS) -> None:
        """Keep a loaded pipeline; use `open_diffusion`."""
        self._pipeline, self._noun, self._side, self._steps = pipeline, noun, side, steps

    def fill(self, crop: Picture, hole: Mask, target: str, seed: int) -> Picture:
        """Put a target into the hole."""
        return self._run(crop, hole, f"A good photo of {target}", seed)

    def fill_normal(self, crop: Picture, hole: Mask, target: str, seed: int) -> Picture:
        """Fill the hole with what the scene shows, as a control."""
        return self._run(crop, hole, f"A good photo of {self._noun}", seed)

    def through(self, crop: Picture, hole: Mask, target: str, seed: int) -> Picture:
        """Return the crop after the model's encoder, decoder and size, with nothing put in."""
        import torch

        shown = self._sized(Image.fromarray(crop), Image.Resampling.LANCZOS)
        pixels = torch.from_numpy(np.asarray(shown, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        encoder = self._pipeline.vae
        with torch.inference_mode():
            pixels = pixels.to(encoder.device, encoder.dtype)
            decoded = encoder.decode(encoder.encode(pixels).latent_dist.mode()).sample
        values = (decoded[0].float().cpu().permute(1, 2, 0).numpy() + 1) * 127.5
        found = Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))
        return _back(found, crop)

    def _run(self, crop: Picture, hole: Mask, prompt: str, seed: int) -> Picture:
        import torch

        found = self._pipeline(
            prompt=prompt,
            image=self._sized(Image.fromarray(crop), Image.Resampling.LANCZOS),
            mask_image=self._sized(Image.fromarray(hole.astype(np.uint8) * 255), Image.Resampling.NEAREST),
            height=self._side,
            width=self._side,
            num_inference_steps=self._steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator("cpu").manual_seed(seed),  # the same numbers on every device
        ).images[0]
        return _back(found, crop)

    def _sized(self, picture: Image.Image, how: Image.Resampling) -> Image.Image:
        return picture.resize((self._side, self._side), how)


def _back(picture: Image.Image, crop: Picture) -> Picture:
    return np.asarray(picture.convert("RGB").resize((crop.shape[1], crop.shape[0]), Image.Resampling.LANCZOS))


def open_diffusion(checkpoint: str, noun: str) -> Fillers:
    """Open a diffusers inpainting checkpoint, by folder or by name on the Hugging Face hub.

    Raises:
        MissingExtraError: diffusers is not installed.
        InputError: the checkpoint cannot be loaded.
    """
    try:
        import torch

        diffusers: Any = import_module("diffusers")
    except ImportError as error:
        raise MissingExtraError("diffusers", "synth", "Inpainting by a diffusion model") from error
    cuda = torch.cuda.is_available()
    try:
        pipeline = diffusers.AutoPipelineForInpainting.from_pretrained(
            checkpoint, torch_dtype=torch.float16 if cuda else torch.float32
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"The inpainting model {checkpoint} cannot be loaded: {error}") from error
    pipeline.set_progress_bar_config(disable=True)
    inpainter = DiffusionInpainter(pipeline.to("cuda" if cuda else "cpu"), noun)
    return Fillers(f"diffusers:{checkpoint}", inpainter.fill, inpainter.fill_normal, inpainter.through)
