"""Splits a support set of normal pictures, and plans which pairs are mixed (seed 001, sections 3.1 and 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from vlm_eval.errors import CardError
from vlm_eval.synthetic.scenes import Scene
from vlm_eval.synthetic.seams import Kind, seeded


@dataclass(frozen=True, slots=True)
class Split:
    """The normal pictures of one object class by their use; no picture is in two parts."""

    style: tuple[Scene, ...]
    content: tuple[Scene, ...]
    held_out: tuple[Scene, ...]  # the normal items of the validation set


@dataclass(frozen=True, slots=True)
class Mixture:
    """One picture to make: a pair, a reconstruction as a control, or a held-out picture as it is."""

    kind: Kind
    style: Scene
    content: Scene | None = None

    @property
    def id(self) -> str:
        """Name it; fit for a file's name."""
        return f"{self.style.name}-{self.kind if self.content is None else f'with-{self.content.name}'}"


def split_support(scenes: Sequence[Scene], style: int, content: int, seed: int) -> Split:
    """Split the normal pictures of one class at random, by name and seed alone.

    Raises:
        CardError: no picture would be held out; the message says how many there are and how many are needed.
    """
    needed = style + content + 1
    if len(scenes) < needed:
        raise CardError(
            f"The support set of {scenes[0].object_class if scenes else 'the class'} holds {len(scenes)} normal "
            f"pictures; {style} as style, {content} as content and at least one held out make {needed}. Add "
            "pictures, or set style and content lower"
        )
    order = seeded(seed, "support", scenes[0].object_class).permutation(len(scenes))
    shuffled = [scenes[place] for place in order]
    return Split(
        tuple(shuffled[:style]), tuple(shuffled[style : style + content]), tuple(shuffled[style + content :])
    )


def plan_mixtures(split: Split) -> list[Mixture]:
    """Plan all pairs of style and content, and each held-out picture untouched and reconstructed."""
    pairs = [Mixture("anomaly", style, content) for style in split.style for content in split.content]
    normal: list[Mixture] = []
    for scene in split.held_out:
        normal += [Mixture("untouched", scene), Mixture("paste-back", scene)]
    return pairs + normal
