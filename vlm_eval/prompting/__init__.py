"""Jinja templates, ingredients and the ablation grid."""
