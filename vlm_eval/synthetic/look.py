"""Looks again at a filled hole; without a detector by the difference check: something visible was put in.

It says where the crop changed and how much, not what is there now; `grounded` asks a detector, `content_filter` a
joint embedding.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from vlm_eval.flow import Scalar
from vlm_eval.synthetic.seams import Look, Mask, Picture, Verdict

LEAST_DIFFERENCE = 14.0
"""Grey levels (of 255) above the texture's own variation from which a changed pixel counts as visible."""

LEAST_SHARE = 0.005
"""Share of the hole that must have changed visibly: a crack is thin."""

_FAINT = 0.3  # of the visible difference: what belongs to a visible change where it touches one

LEAST_PIXELS = 20
"""Pixels that must have changed visibly, however small the hole is."""


def difference_look(least_share: float = LEAST_SHARE, least_difference: float = LEAST_DIFFERENCE) -> Look:
    """Return the difference check.

    A pixel has changed visibly where the smoothed difference (largest channel, in grey levels) exceeds
    `least_difference` plus the deviation of the scene's own fine texture. Accepted where that holds for
    `least_share` of the hole, and for LEAST_PIXELS pixels. The mask also takes in fainter changes next to those.
    """

    def look(before: Picture, after: Picture, hole: Mask, target: str) -> Verdict:
        apart = np.abs(after.astype(np.float32) - before).max(axis=2)
        smooth = ndimage.gaussian_filter(apart, 0.8)
        texture = _texture(before)
        changed: Mask = (smooth > least_difference + texture) & hole
        share = float(changed.sum() / hole.sum())
        difference = float(apart[changed].mean()) if changed.any() else 0.0
        put_in = _grown(changed, (smooth > _FAINT * (least_difference + texture)) & hole, hole)
        scores: dict[str, Scalar] = {
            "changed_share": round(share, 4),
            "mean_difference": round(difference, 2),
        }
        if share >= least_share and changed.sum() >= LEAST_PIXELS:
            return Verdict(True, "", put_in, scores)
        reason = (
            f"only {int(changed.sum())} pixels, {share:.1%} of the hole, changed visibly; at least "
            f"{LEAST_PIXELS} and {least_share:.1%} must"
        )
        return Verdict(False, reason, np.zeros_like(changed), scores)

    return look


def _grown(strong: Mask, weak: Mask, hole: Mask) -> Mask:
    """Return the connected weak pixels that hold a strong one, gaps closed (hysteresis)."""
    closed = ndimage.binary_closing(np.pad(weak | strong, 3), iterations=3)[3:-3, 3:-3] & hole
    parts, _ = ndimage.label(ndimage.binary_fill_holes(closed))
    kept: Mask = np.isin(parts, np.unique(parts[strong & (parts > 0)]))
    return kept


def _texture(crop: Picture) -> float:
    grey = crop.astype(np.float32).mean(axis=2)
    return float(np.std(grey - ndimage.gaussian_filter(grey, 2.0)))


def all_of(looks: Sequence[Look]) -> Look:
    """Return a look that accepts what every one of some looks accepts. The first one gives the mask."""

    def look(before: Picture, after: Picture, hole: Mask, target: str) -> Verdict:
        found = [one(before, after, hole, target) for one in looks]
        reasons = [one.reason for one in found if not one.accepted]
        scores = {name: value for one in found for name, value in one.scores.items()}
        return Verdict(not reasons, "; ".join(reasons), found[0].mask, scores)

    return look
