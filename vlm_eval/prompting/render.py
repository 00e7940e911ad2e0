"""From a Sample and a cell's ingredients to a Prompt."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, UndefinedError

from vlm_eval.errors import PromptError
from vlm_eval.flow import Part, Prompt, Sample, Standard, Turn
from vlm_eval.prompting.cells import Ingredients, Level, read_ingredients
from vlm_eval.prompting.environment import Templates, open_templates, ordinal_word
from vlm_eval.prompting.layouts import find_layout
from vlm_eval.views.one_view import count_query_views
from vlm_eval.views.open import count_views, open_views
from vlm_eval.views.parts import open_parts

_TEMPLATE_ERRORS = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an expression that someone wrote into a template can raise."""


def render_prompt(
    sample: Sample,
    ingredients: Ingredients | str | Iterable[str] | Mapping[str, Level] = "naive",
    shots: int | None = None,
    layout: str = "chat",
    *,
    references: Sequence[Path] | None = None,
    yes_no: bool = False,
    prompts: Sequence[Path] = (),
) -> Prompt:
    """Render the prompt of one sample: the pictures in order, then the text.

    Args:
        sample: what is inspected.
        ingredients: a level (`naive`, `class`, `expert`, `rules`), the ingredients themselves, or their names
            (`{"class", "standard"}`; the task is always on).
        shots: number of normal reference pictures; overrides the ingredients' own.
        layout: `chat`, `vqa`, `json` or one of your own.
        references: files of normal pictures, the sample's own by default; the first `shots` are shown.
        yes_no: append the request to answer with yes or no only (the forced follow-up).
        prompts: folders with your own templates, searched first.

    Raises:
        PromptError: a template needs what the card lacks, or there are too few references.
        ExperimentError: an unknown level.
    """
    ingredients = read_ingredients(ingredients, shots)
    templates = open_templates(tuple(prompts))
    text = render_text(sample, ingredients, layout, templates, yes_no=yes_no)
    views = _views(sample, ingredients, sample.references if references is None else references)
    return Prompt((Turn("user", (*views, text)),))


@dataclass(frozen=True, slots=True)
class Words:
    """What a prompt's text depends on, besides ingredients and layout: most samples of a class share it."""

    card: str
    object_class: str
    domain: str
    nouns: tuple[tuple[str, str], ...]
    standard: Standard | None
    labels: tuple[str, ...]
    question: str | None
    readings: tuple[tuple[str, str], ...] = ()  # what is recorded of the item, and its value
    views: int = 1  # pictures of the item in one prompt
    reference_views: int = 1  # pictures of each reference


def words_of(sample: Sample) -> Words:
    """Gather what the text of a sample's prompts depends on."""
    return Words(
        sample.card,
        sample.object_class,
        sample.domain,
        tuple(sorted(sample.nouns.items())),
        sample.standard,
        tuple(label.name for label in sample.candidate_labels),
        sample.question,
        tuple(sample.auxiliary.items()),
        count_query_views(sample),
        max(1, count_views(sample.recipe if sample.reference_recipe is None else sample.reference_recipe)),
    )


def render_text(
    sample: Sample,
    ingredients: Ingredients,
    layout: str,
    templates: Templates,
    *,
    yes_no: bool = False,
    may_equal: bool = False,
) -> str:
    """Render a prompt's words alone.

    Raises:
        PromptError: also for a wording that changes none of them, unless it `may_equal` the usual one.
    """
    words = words_of(sample)
    text = _render_words(words, ingredients, layout, templates, yes_no)
    usual = replace(ingredients, wording=0)
    if (
        ingredients.wording != 0
        and not may_equal
        and text == _render_words(words, usual, layout, templates, yes_no)
    ):
        raise PromptError(
            f"The wording {ingredients.wording!r} changes nothing in the layout {layout!r} for the card "
            f"{sample.card!r}. Leave wording {ingredients.wording!r} out, or give its folder a template that this "
            "layout uses (task.jinja, or question.jinja for vqa)."
        )
    silent = replace(ingredients, auxiliary=False)
    if ingredients.auxiliary and text == _render_words(words, silent, layout, templates, yes_no):
        raise PromptError(
            f"The layout {layout!r} has no place for the auxiliary ingredient. Add `auxiliary` to its template, "
            "or leave that ingredient off."
        )
    return text


@lru_cache(maxsize=65536)
def _render_words(words: Words, ingredients: Ingredients, layout: str, templates: Templates, yes_no: bool) -> str:
    find_layout(templates, layout)
    context = _context(words, ingredients)

    def say(ingredient: str) -> str:
        name = templates.find(ingredient, words.domain, ingredients.wording)
        return " ".join(_render(templates, name, context, words).split())

    context["picture"] = say("picture")
    context["findings"] = say("findings")
    context["about"] = say("class") if ingredients.class_info else ""
    context["reference"] = _say_reference(words, ingredients, templates, context) if ingredients.shots else ""
    context["marks"] = say("marks") if ingredients.marks else ""
    context["standard"] = say("standard") if ingredients.standard else ""
    context["auxiliary"] = say("auxiliary") if ingredients.auxiliary else ""
    if ingredients.wording != 0:
        context["subject"] = say("subject")
    context["task"] = say("task")
    context["question"] = words.question or say("question")
    text = _render(templates, f"layouts/{layout}.jinja", context, words)
    return f"{text.rstrip()} {say('yes_no')}" if yes_no and layout != "vqa" else text


def _say_reference(words: Words, ingredients: Ingredients, templates: Templates, context: dict[str, Any]) -> str:
    """Render the sentence on the references, each of which may be so many pictures."""
    own = {**context, "views": words.reference_views}
    for name in ("picture", "reference"):
        found = templates.find(name, words.domain, ingredients.wording)
        own[name] = " ".join(_render(templates, found, own, words).split())
    return str(own["reference"])


def render_round(
    sample: Sample, ingredients: Ingredients, name: str, templates: Templates, feedback: str | None = None
) -> str:
    """Render the words of a later round, `rounds/NAME.jinja`.

    What the card says of normality is at hand whatever the cell holds, as a round may be there to tell it;
    `question`, `picture`, `findings` and `about` are said as in the cell.

    Args:
        sample: what is inspected.
        ingredients: those of the cell.
        name: of the round.
        templates: where it is found.
        feedback: what a file says to this item in this round.

    Raises:
        PromptError: the template needs what the card or the file lacks.
    """
    return _render_round(words_of(sample), ingredients, name, templates, feedback)


@lru_cache(maxsize=65536)
def _render_round(
    words: Words, ingredients: Ingredients, name: str, templates: Templates, feedback: str | None
) -> str:
    context = _context(words, ingredients)

    def say(ingredient: str) -> str:
        found = templates.find(ingredient, words.domain, ingredients.wording)
        return " ".join(_render(templates, found, context, words).split())

    for ingredient in ("picture", "findings"):
        context[ingredient] = say(ingredient)
    context["about"] = say("class") if ingredients.class_info else ""
    if ingredients.wording != 0:
        context["subject"] = say("subject")
    context |= {"question": say("question"), "yes_no": say("yes_no")}
    context |= _context(words, replace(ingredients, standard=True))
    if feedback is not None:
        context["feedback"] = feedback
    return " ".join(_render(templates, f"rounds/{name}.jinja", context, words).split())


def render_pair(sample: Sample, wording: Level, templates: Templates) -> tuple[str, str]:
    """Render a text of normal and one of anomalous pictures, for a zero-shot comparison: `pair.jinja`, two lines.

    Raises:
        PromptError: the template needs what the card lacks, or does not give two lines.
    """
    return _render_pair(words_of(sample), Ingredients(wording=wording), templates)


@lru_cache(maxsize=4096)
def _render_pair(words: Words, ingredients: Ingredients, templates: Templates) -> tuple[str, str]:
    context = _context(words, ingredients)
    for side in ("inlier", "outlier"):
        found = templates.find(side, words.domain, ingredients.wording)
        context[side] = " ".join(_render(templates, found, context, words).split())
    name = templates.find("pair", words.domain, ingredients.wording)
    lines = [" ".join(line.split()) for line in _render(templates, name, context, words).splitlines()]
    lines = [line for line in lines if line]
    if len(lines) != 2:
        raise PromptError(
            f"The template {name} gives {len(lines)} lines, but a pair is two: a text of normal pictures and one "
            "of anomalous pictures."
        )
    return lines[0], lines[1]


def _context(words: Words, ingredients: Ingredients) -> dict[str, Any]:
    """Gather what templates may use; what the card lacks stays undefined, so that its use is an error."""
    standard = words.standard if ingredients.standard else None
    known = {
        "normal": standard and standard.normal,
        "abnormal": standard and standard.abnormal,
        "rules": standard and standard.rules,
        "labels": words.labels,
        "readings": words.readings,
    }
    return {
        "nouns": dict(words.nouns),
        "shots": ingredients.shots,
        "views": words.views,
        "reference_kind": ingredients.reference_kind,
        "with_marks": ingredients.marks,
        "with_standard": ingredients.standard,
        "query_ordinal": ordinal_word(ingredients.shots + 1),
        "marked_ordinal": ordinal_word(ingredients.shots + 2),
        **{name: value for name, value in known.items() if value},
    }


def _render(templates: Templates, name: str, context: dict[str, Any], words: Words) -> str:
    try:
        return templates.environment.get_template(name).render(context)
    except UndefinedError as error:
        raise PromptError(
            f"The template {name} needs something that the card {words.card!r} does not give for the class "
            f"{words.object_class!r}: {error}. Add it to the card, or leave that ingredient off."
        ) from error
    except UnicodeDecodeError as error:
        raise PromptError(
            f"The template {name} is not UTF-8 (byte {error.object[error.start]:#04x}). Save it as UTF-8."
        ) from error
    except _TEMPLATE_ERRORS as error:
        raise PromptError(f"The template {name} cannot be rendered: {error}") from error


def _views(sample: Sample, ingredients: Ingredients, references: Sequence[Path]) -> list[Part]:
    if len(references) < ingredients.shots:
        raise PromptError(
            f"{ingredients.shots} reference pictures were asked for, but {len(references)} are given for the "
            f"sample {sample.id!r}. Ask for fewer shots, or give normal pictures of its class as `references`: "
            "choose_references(dataset.samples, shots, seed).by_class[sample.object_class]."
        )
    own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
    views = [part for path in references[: ingredients.shots] for part in open_parts(path, "reference", own)]
    views += [part for path in sample.sources for part in open_parts(path, "query", sample.recipe)]
    if ingredients.marks:
        if sample.marking and sample.marked is None:
            steps = (*sample.recipe, *sample.marking)
            return views + [view for path in sample.sources for view in open_views(path, "marked", steps)]
        if sample.marked is None:
            raise PromptError(
                f"The marks ingredient is on, but the sample {sample.id!r} has no marked picture. Turn marks off."
            )
        views += open_views(sample.marked, "marked")
    return views
