"""Plans what is made of every scene: anomalies or normal objects, the controls, the scene itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vlm_eval.errors import CardError
from vlm_eval.synthetic.object_table import ObjectTable
from vlm_eval.synthetic.scenes import Scene
from vlm_eval.synthetic.seams import Kind, seeded
from vlm_eval.synthetic.settings import Synthesis


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to make. Its id depends on scene, kind and variant alone."""

    kind: Kind
    scene: Scene
    target: str
    variant: int

    @property
    def id(self) -> str:
        """Name the job; fit for a file's name."""
        return f"{self.scene.name}-{self.variant}-{self.kind}"


def plan_objects(scenes: Sequence[Scene], settings: Synthesis, targets: Sequence[str]) -> Iterator[Job]:
    """Plan objects in context: each variant of a scene draws one of the anomalies and normal classes.

    The controls share hole and silhouette with the first variant of their scene.
    """
    normal = set(settings.normal_objects)
    if both := sorted(normal & set(targets)):
        raise CardError(
            f"{both[0]!r} is named as an anomaly and as a normal object; it can be only one of the two"
        )
    names = (*targets, *settings.normal_objects)
    for scene in scenes:
        for variant in range(settings.variants):
            rng = seeded(settings.seed, scene.name, variant, "target")
            target = names[int(rng.integers(len(names)))]
            yield Job("normal-object" if target in normal else "anomaly", scene, target, variant)
            if variant == 0:
                yield from _controls(scene, settings, target, variant)
        yield Job("untouched", scene, "", 0)


def plan_context(
    scenes: Sequence[Scene], settings: Synthesis, table: ObjectTable, knows: Callable[[str], bool]
) -> Iterator[Job]:
    """Plan context anomalies: for every hole one object of its size that is out of place in its scene.

    Args:
        scenes: with their holes.
        settings: of the synthesis.
        table: which object is out of place where.
        knows: tells whether the inpainter can make an object.

    Raises:
        CardError: no hole has an object that fits.
    """
    found = 0
    for scene in scenes:
        for variant, hole in enumerate(scene.holes):
            fitting = table.out_of_place(scene.scene_type, hole.size)
            wanted = [
                name for name in fitting if knows(name) and (settings.targets is None or name in settings.targets)
            ]
            if not wanted:
                continue
            found += 1
            target = wanted[int(seeded(settings.seed, scene.name, variant, "target").integers(len(wanted)))]
            yield Job("anomaly", scene, target, variant)
            yield from _controls(scene, settings, target, variant)
        yield Job("untouched", scene, "", 0)
    if not found:
        raise CardError(
            "No hole has an object of its size that is out of place in its scene and that the inpainter can "
            f"make. Of {len(table.open_questions)} of its {len(table.objects)} objects the table does not say "
            "where they are out of place: complete a copy of it and name it as `table`"
        )


def _controls(scene: Scene, settings: Synthesis, target: str, variant: int) -> Iterator[Job]:
    for kind in settings.controls:
        yield Job(kind, scene, target, variant)
