"""Opens the inpainter that a synthesis names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vlm_eval.errors import ExperimentError
from vlm_eval.synthetic.blend import BLENDS
from vlm_eval.synthetic.compose import compose
from vlm_eval.synthetic.contents import CutOutContent, cut_paste, strange_texture
from vlm_eval.synthetic.cut_outs import CutOut, drawn_cut_outs, names_of, read_cut_outs
from vlm_eval.synthetic.normal_patch import NormalPatches
from vlm_eval.synthetic.scenes import open_dataset
from vlm_eval.synthetic.seams import Fillers, Picture
from vlm_eval.synthetic.settings import CutOutSource, Synthesis

DIFFUSERS = "diffusers:"
_DEFAULT_BLENDS: Mapping[str, str] = {"cut-out": "poisson", "cut-paste": "feather", "texture": "feather"}


def open_fillers(settings: Synthesis, folder: Path, normals: Sequence[Picture], noun: str = "scene") -> Fillers:
    """Open an inpainter with its controls.

    Args:
        settings: of the synthesis.
        folder: the folder that its paths are relative to.
        normals: normal pictures to take the patches of controls from.
        noun: what the scenes show, which a diffusion model is asked for in a control.

    Raises:
        ExperimentError: there is no such inpainter.
        MissingExtraError: it needs a package that is not installed.
    """
    if settings.inpainter.startswith(DIFFUSERS):
        from vlm_eval.synthetic.diffusion import open_diffusion

        return open_diffusion(settings.inpainter.removeprefix(DIFFUSERS), noun)
    if settings.inpainter not in _DEFAULT_BLENDS:
        raise ExperimentError(
            f"There is no inpainter {settings.inpainter!r}; allowed are {', '.join(_DEFAULT_BLENDS)} and "
            f"{DIFFUSERS}CHECKPOINT"
        )
    blend_name = settings.blend or _DEFAULT_BLENDS[settings.inpainter]
    name = f"{settings.inpainter} ({blend_name})"
    blend, patches = BLENDS[blend_name], NormalPatches(normals)
    if settings.inpainter == "cut-paste":
        return compose(name, cut_paste, blend, patches, ("moved patch",))
    if settings.inpainter == "texture":
        return compose(name, strange_texture, blend, patches, ("strange texture",))
    assert settings.cut_outs is not None
    cut_outs = open_cut_outs(settings.cut_outs, folder, settings.seed)
    content = CutOutContent(cut_outs, settings.cut_outs.flip, grow=2 if blend_name.startswith("poisson") else 0)
    return compose(name, content, blend, patches, names_of(cut_outs))


def open_cut_outs(source: CutOutSource, folder: Path, seed: int) -> tuple[CutOut, ...]:
    """Read or draw cut-outs. Raises CardError, BadInputError."""
    if source.drawn is not None:
        return drawn_cut_outs(source.drawn, seed)
    samples = [
        sample
        for sample in open_dataset(source.dataset or "", source.root, folder).samples
        if source.classes is None or sample.object_class in source.classes
    ]
    if source.estimate:
        from vlm_eval.synthetic.estimated import estimated_cut_outs

        return estimated_cut_outs(samples, source.each, seed)
    return read_cut_outs(samples, source.each)
