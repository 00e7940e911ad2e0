"""Jinja templates, ingredients and the ablation grid."""

from vlm_eval.prompting.cells import Cell, Ingredients, factorial, levels_grid
from vlm_eval.prompting.render import render_prompt

__all__ = ["Cell", "Ingredients", "factorial", "levels_grid", "render_prompt"]
