"""How an experiment lets items be shown: other steps than the card's, and numbered marks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from vlm_eval.errors import BadInputError, ExperimentError, InputError
from vlm_eval.flow import Modality, Recipe, Sample, Scalar
from vlm_eval.runs.heat_marks import with_maps
from vlm_eval.views.gold import mark_sample
from vlm_eval.views.open import make_recipe, override

Steps = Mapping[str, Mapping[str, Scalar]]

_MODALITIES: Mapping[str, Modality] = {
    "project": "point-cloud",
    "plot": "time-series",
    "text": "time-series",
    "video": "video",
    "dicom": "medical",
    "nifti": "medical",
}


def as_shown(
    samples: Iterable[Sample],
    views: Steps | None,
    marks: Mapping[str, Scalar] | None,
    choose: Callable[[list[Sample]], list[Sample]] = list,
) -> list[Sample]:
    """Return samples as an experiment shows them.

    Marks are drawn once for each item here, since the regions decide which marks are gold. An item that cannot be
    drawn stays as it is and fails when it is asked.

    Args:
        samples: as the card has them.
        views: steps over the card's own, operation -> parameters; see docs/views.md. Where items are of several
            modalities, a step that reads a file is for those of its own alone.
        marks: parameters of the step `marks`, or `run` in the place of a heat map's path; None: only marks that
            the data set brings.
        choose: which of the items are kept, and marked; by default all.

    Raises:
        ExperimentError: a step or parameter is unknown or out of place.
    """
    try:
        samples = list(samples)
        steps = _steps_by_modality({sample.modality for sample in samples}, views or {})
        kept = choose([_with_steps(sample, steps[sample.modality]) for sample in samples])
        if marks is None:
            return kept
        return [
            _marked(sample, make_recipe({"marks": own}))
            for sample, own in zip(kept, with_maps(marks, kept), strict=True)
        ]
    except InputError as error:
        raise ExperimentError(f"The items cannot be shown as asked for: {error}") from error


def _steps_by_modality(there: set[Modality], views: Steps) -> dict[Modality, Recipe]:
    if len(there) < 2:
        return dict.fromkeys(there, make_recipe(views))
    for operation in views:
        own = _MODALITIES.get(operation)
        if own is not None and own not in there:
            raise InputError(
                f"the step {operation!r} is for items of the modality {own}, and here are only items of "
                f"{', '.join(sorted(there))}. Leave it out."
            )
    return {
        one: make_recipe({name: step for name, step in views.items() if _MODALITIES.get(name, one) == one})
        for one in there
    }


def _with_steps(sample: Sample, steps: Recipe) -> Sample:
    if not steps:
        return sample
    own = sample.reference_recipe
    domain = "series-text" if steps[0].operation == "text" and sample.domain == "time-series" else sample.domain
    return replace(
        sample,
        recipe=override(sample.recipe, steps),
        reference_recipe=None if own is None else override(own, steps),
        domain=domain,
    )


def _marked(sample: Sample, marking: Recipe) -> Sample:
    if not marking or sample.marked is not None:
        return sample
    marked = replace(sample, marking=marking)
    try:
        found = mark_sample(sample, marking[0])
    except BadInputError:
        return marked
    metadata = {**sample.metadata, **found.metadata} | ({} if found.iou is None else {"marks_iou": found.iou})
    return replace(marked, metadata=metadata, gold=replace(sample.gold, marks=found.gold))
