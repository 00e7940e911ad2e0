import hashlib

import pytest

from vlm_eval.flow import Step
from vlm_eval.views import identity
from vlm_eval.views.identity import view_identity


def test_a_view_identity_is_pinned() -> None:
    recipe = (Step("crop", (("left", 1), ("top", 2))),)
    canonical = '["' + "0" * 64 + '",[["crop",{"left":1,"top":2}]],1]'
    assert view_identity("0" * 64, recipe) == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_order_of_parameters_does_not_count() -> None:
    assert view_identity("d", (Step("crop", (("a", 1), ("b", 2))),)) == view_identity(
        "d", (Step("crop", (("b", 2), ("a", 1))),)
    )


@pytest.mark.parametrize(
    ("digest", "recipe"),
    [
        ("other", (Step("one"), Step("two"))),
        ("d", (Step("two"), Step("one"))),
        ("d", (Step("one"),)),
        ("d", (Step("one", (("a", 1),)), Step("two"))),
    ],
)
def test_another_file_or_recipe_is_another_view(digest: str, recipe: tuple[Step, ...]) -> None:
    assert view_identity(digest, recipe) != view_identity("d", (Step("one"), Step("two")))


def test_another_renderer_version_is_another_view(monkeypatch: pytest.MonkeyPatch) -> None:
    before = view_identity("d", ())
    monkeypatch.setattr(identity, "RENDERER_VERSION", identity.RENDERER_VERSION + 1)
    assert view_identity("d", ()) != before
