"""One view of an item that has several: the item as it is asked about that picture alone."""

from dataclasses import replace

from vlm_eval.flow import Recipe, Sample
from vlm_eval.views.open import count_views, expand_recipe


def count_query_views(sample: Sample) -> int:
    """Return how many pictures a prompt shows of an item; 1 for each source that is shown as text."""
    return len(sample.sources) * max(1, count_views(sample.recipe))


def one_view(sample: Sample, number: int) -> Sample:
    """Return an item that is shown by one of its views, and compared with the same view of its references.

    References that give another number of views than the item itself are shown whole.

    Args:
        sample: the item; one with a single view is returned as it is.
        number: of the view from 0, in the order in which a prompt with all of them shows them.
    """
    if count_query_views(sample) == 1:
        return sample
    recipes = _recipes(sample.recipe)
    source, place = divmod(number, len(recipes))
    own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
    alike = _recipes(own)
    return replace(
        sample,
        sources=(sample.sources[source],),
        recipe=recipes[place],
        reference_recipe=alike[place] if len(alike) == len(recipes) else own,
    )


def _recipes(recipe: Recipe) -> tuple[Recipe, ...]:
    return expand_recipe(recipe) if count_views(recipe) else (recipe,)
