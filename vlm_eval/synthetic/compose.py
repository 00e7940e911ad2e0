"""Makes offline inpainters of a content and a blend, each with its controls.

A control has the silhouette that the anomaly of the same hole, name and seed has; only the content differs.
"""

from vlm_eval.synthetic.blend import Blend, Patch
from vlm_eval.synthetic.contents import Content
from vlm_eval.synthetic.normal_patch import NormalPatches
from vlm_eval.synthetic.seams import Fillers, Inpainter, Mask, Picture, seeded


def compose(
    name: str, content: Content, blend: Blend, normals: NormalPatches, targets: tuple[str, ...] = ()
) -> Fillers:
    """Return the inpainter of a content and a blend with its two controls."""

    def drawn(crop: Picture, hole: Mask, target: str, seed: int) -> Patch:
        return content(crop, hole, target, seeded(seed, target))

    def edit(crop: Picture, hole: Mask, target: str, seed: int) -> Picture:
        return blend(crop, drawn(crop, hole, target, seed))

    def normal_patch(crop: Picture, hole: Mask, target: str, seed: int) -> Picture:
        patch = drawn(crop, hole, target, seed)
        normal = normals.find(crop, hole)
        return blend(crop, Patch(normal, patch.silhouette, patch.opacity))

    def untouched(crop: Picture, hole: Mask, target: str, seed: int) -> Picture:
        patch = drawn(crop, hole, target, seed)
        return blend(crop, Patch(crop, patch.silhouette, patch.opacity))

    contents: tuple[Inpainter, Inpainter, Inpainter] = (edit, normal_patch, untouched)
    return Fillers(name, *contents, targets)
