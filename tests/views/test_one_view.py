"""One view of an item: the pictures are those of the prompt with all of them, one at a time."""

from pathlib import Path

import pytest
from PIL import Image

from vlm_eval.flow import Gold, Sample, Step
from vlm_eval.views.one_view import count_query_views, one_view
from vlm_eval.views.open import expand_recipe, make_recipe, open_views


def item(sources, recipe=(), **given):
    return Sample("k/1", "k", "image", tuple(sources), "bolt", Gold("no"), "k/1", recipe=recipe, **given)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.linear_gradient("L").save(path)
    return path


def identities(sample, role="query"):
    return [view.identity for path in sample.sources for view in open_views(path, role, sample.recipe)]


@pytest.mark.parametrize(
    "steps",
    [
        {"tile": {"k": 2, "overlap": 0.2}},
        {"project": {"views": "around 3"}},
        {"plot": {"windows": 4}},
        {"video": {"frames": 3}, "tile": {"k": 2}},
        {"nifti": {"slices": 3}},
        {"dicom": {"slices": 4}},
    ],
)
def test_each_view_alone_is_one_of_all_and_splits_no_further(steps):
    sample = item([Path("a"), Path("b")], make_recipe(steps))
    each = expand_recipe(sample.recipe)
    assert count_query_views(sample) == 2 * len(each)
    alone = [one_view(sample, number) for number in range(2 * len(each))]
    shown = [(one.sources, recipe) for one in alone for recipe in expand_recipe(one.recipe)]
    assert shown == [((path,), recipe) for path in sample.sources for recipe in each]


def test_the_pictures_of_single_views_have_the_identities_of_the_joint_prompt(picture):
    sample = item([picture], make_recipe({"tile": {"k": 3}}))
    alone = [identities(one_view(sample, number)) for number in range(9)]
    assert [one for (one,) in alone] == identities(sample)
    assert len(set(identities(sample))) == 9


def test_a_view_is_compared_with_the_same_view_of_the_reference_where_both_have_as_many():
    tiles = make_recipe({"tile": {"k": 2}})
    alone = one_view(item([Path("a")], tiles), 3)
    assert alone.reference_recipe == alone.recipe
    blurred = (*tiles, Step("blur"))
    alone = one_view(item([Path("a")], tiles, reference_recipe=blurred), 2)
    assert alone.reference_recipe == expand_recipe(blurred)[2]
    whole = one_view(item([Path("a")], tiles, reference_recipe=()), 2)
    assert whole.reference_recipe == ()


def test_an_item_of_one_picture_or_of_text_stays_as_it_is():
    for recipe in ((), make_recipe({"resize": {"size": 64}}), make_recipe({"text": {"points": 50}})):
        sample = item([Path("a")], recipe)
        assert count_query_views(sample) == 1 and one_view(sample, 0) is sample
