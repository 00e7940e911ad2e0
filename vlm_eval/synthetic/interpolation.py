"""Mixes two normal pictures in the innermost layer of a diffusion model: content of one, style of the other.

After seed 001, section 3.2 (DiffStyle, Jeong et al. 2023, with a linear mix): both pictures are inverted by DDIM
(Song et al. 2021), and the style's latent is denoised again while the middle block's output is replaced, in the
predicted picture alone, by (1 - gamma) h(style) + gamma h(content) (equation 2, an asymmetric reverse process).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from vlm_eval.errors import InputError, MissingExtraError
from vlm_eval.synthetic.seams import Picture

Tensor = Any  # torch.Tensor; torch is imported late
GAMMA = 0.7
STEPS = 50


@dataclass(frozen=True, slots=True)
class Inverted:
    """A picture in the model's latent space."""

    latent: Tensor  # (1, channels, side, side), after the last step of noising
    middle: tuple[Tensor, ...]  # the middle block's output at each step back, noisiest first
    size: tuple[int, int]  # width, height of the picture


class Interpolator:
    """A UNet that predicts noise, and the noise levels that it was trained on. Nothing is drawn at random."""

    def __init__(self, unet: Any, levels: Sequence[float], side: int, steps: int = STEPS) -> None:
        """Wrap a model.

        Args:
            unet: called with (batch, time); `.sample` holds the noise in its first channels; has a `mid_block`.
            levels: share of signal variance that is left at each time (alphas_cumprod), falling within (0, 1).
            side: pixels of the square that the model works on.
            steps: of DDIM, evenly spaced over the times; at most as many as there are levels.

        Raises:
            InputError: there are fewer levels than steps.
        """
        if not 1 <= steps <= len(levels):
            raise InputError(f"steps is {steps}; the model has {len(levels)} noise levels, so 1 to that many")
        self._unet, self._side = unet, side
        self._times = [number * (len(levels) // steps) for number in range(steps)]
        self._levels = [1.0, *(float(levels[time]) for time in self._times)]

    def invert(self, picture: Picture) -> Inverted:
        """Map a picture to its latent, and keep the middle block's output on the way back."""
        import torch

        shown = Image.fromarray(picture).convert("RGB").resize((self._side, self._side), Image.Resampling.LANCZOS)
        pixels = torch.from_numpy(np.asarray(shown, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.inference_mode():
            latent = pixels.to(next(self._unet.parameters()).device)
            for number, time in enumerate(self._times):
                noise = self._noise(latent, time)
                latent = _step(latent, noise, noise, self._levels[number], self._levels[number + 1])
            _, middle = self._back(latent, None)
        return Inverted(latent, tuple(middle), (picture.shape[1], picture.shape[0]))

    def mix(self, style: Inverted, content: Inverted, gamma: float = GAMMA) -> Picture:
        """Return the style's picture with the content's innermost features mixed in, of the style's size.

        Args:
            style: whose latent is denoised.
            content: whose features are mixed in.
            gamma: strength of the content in [0, 1]; 0 gives the style's own reconstruction.
        """
        import torch

        with torch.inference_mode():
            made, _ = self._back(style.latent, lambda step, own: (1 - gamma) * own + gamma * content.middle[step])
        values = (made[0].float().cpu().permute(1, 2, 0).numpy() + 1) * 127.5
        square = Image.fromarray(np.clip(np.nan_to_num(values) + 0.5, 0, 255).astype(np.uint8))
        return np.asarray(square.resize(style.size, Image.Resampling.LANCZOS))

    def reconstruct(self, style: Inverted) -> Picture:
        """Return the picture as the model gives it back with nothing mixed in: the control."""
        return self.mix(style, style, 0.0)

    def _back(
        self, latent: Tensor, replaced: Callable[[int, Tensor], Tensor] | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise; `replaced` gives the middle block's output from the step and its own, in the picture alone."""
        middle: list[Tensor] = []
        for step, number in enumerate(range(len(self._times), 0, -1)):
            time = self._times[number - 1]
            with self._middle(middle.append):
                noise = self._noise(latent, time)
            edited = noise
            if replaced is not None:
                with self._middle(None, replaced(step, middle[step])):
                    edited = self._noise(latent, time)
            latent = _step(latent, edited, noise, self._levels[number], self._levels[number - 1])
        return latent, middle

    def _noise(self, latent: Tensor, time: int) -> Tensor:
        found = self._unet(latent, time).sample
        return found[:, : latent.shape[1]]  # a model that learnt its variance puts it behind

    @contextmanager
    def _middle(self, keep: Callable[[Tensor], None] | None, given: Tensor | None = None) -> Iterator[None]:
        def hook(module: Any, inputs: Any, output: Tensor) -> Tensor:
            if keep is not None:
                keep(output)
            return output if given is None else given

        handle = self._unet.mid_block.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


def _step(latent: Tensor, edited: Tensor, noise: Tensor, level: float, other: float) -> Tensor:
    """Go from one noise level to another: the predicted picture by `edited`, the direction by `noise`."""
    predicted = (latent - (1 - level) ** 0.5 * edited) / level**0.5
    return other**0.5 * predicted + (1 - other) ** 0.5 * noise


def open_interpolator(checkpoint: str, steps: int = STEPS) -> Interpolator:
    """Open an unconditional pixel diffusion model of diffusers, by folder or by name on the Hugging Face hub.

    Raises:
        MissingExtraError: diffusers is not installed.
        InputError: the checkpoint cannot be loaded, or is no such model.
    """
    try:
        import torch
        from diffusers import DDIMScheduler, UNet2DModel
    except ImportError as error:
        raise MissingExtraError("diffusers", "synth", "Interpolation by a diffusion model") from error
    try:
        unet = _load(UNet2DModel, checkpoint, "unet")
        levels = _load(DDIMScheduler, checkpoint, "scheduler").alphas_cumprod.tolist()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"The diffusion model {checkpoint} cannot be loaded: {error}") from error
    side = unet.config.sample_size
    if not isinstance(side, int) or unet.config.in_channels != 3 or unet.mid_block is None:
        raise InputError(
            f"The diffusion model {checkpoint} cannot be used: give a UNet2DModel with a middle block over RGB "
            "pixels, such as an unconditional ImageNet model"
        )
    return Interpolator(unet.eval().to("cuda" if torch.cuda.is_available() else "cpu"), levels, side, steps)


def _load(kind: Any, checkpoint: str, part: str) -> Any:
    """Load a part of a checkpoint: from its own folder in a pipeline, else from the checkpoint itself."""
    try:
        return kind.from_pretrained(checkpoint, subfolder=part)
    except OSError:
        return kind.from_pretrained(checkpoint)
