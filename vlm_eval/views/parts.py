"""What a prompt shows of a source file: pictures, or the text of a series."""

from pathlib import Path

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Part, Recipe, Role, Step
from vlm_eval.views.open import check_recipe, open_views
from vlm_eval.views.settings import Text, read_settings


def open_parts(path: Path, role: Role, recipe: Recipe = ()) -> tuple[Part, ...]:
    """Return the views of a file, or its text where the recipe says so; see open_views.

    A series that cannot be read as text becomes a view whose read() says why, so that its item fails and no other.
    """
    if not recipe or recipe[0].operation != Text.operation:
        return open_views(path, role, recipe)
    from vlm_eval.views.series_text import series_text

    check_recipe(recipe)
    try:
        return (series_text(path.read_bytes(), path, read_settings(recipe[0], Text), role),)
    except (BadInputError, OSError):
        return open_views(path, role, (Step("plot", recipe[0].parameters[:0]),))
