import numpy as np
import pytest

from vlm_eval.errors import CardError
from vlm_eval.synthetic.content_filter import ContentFilter, rank_of
from vlm_eval.synthetic.look import all_of, difference_look
from vlm_eval.synthetic.seams import Verdict


def crop():
    return np.clip(120 + 5 * np.random.default_rng(0).standard_normal((64, 64, 3)), 0, 255).astype(np.uint8)


def hole():
    mask = np.zeros((64, 64), dtype=bool)
    mask[16:48, 16:48] = True
    return mask


def test_a_crop_in_which_nothing_changed_is_rejected_with_an_empty_mask():
    verdict = difference_look()(crop(), crop(), hole(), "scratch")
    assert not verdict.accepted and not verdict.mask.any()
    assert "only 0 pixels, 0.0% of the hole, changed visibly" in verdict.reason
    assert verdict.scores["changed_share"] == 0


def test_a_dark_spot_is_accepted_and_its_mask_is_the_spot():
    after = crop()
    after[24:36, 20:30] = 20
    verdict = difference_look()(crop(), after, hole(), "spot")
    spot = np.zeros((64, 64), dtype=bool)
    spot[24:36, 20:30] = True
    overlap = (verdict.mask & spot).sum() / (verdict.mask | spot).sum()
    assert verdict.accepted and overlap > 0.6 and verdict.mask[spot].all()


def test_a_change_outside_the_hole_does_not_count():
    after = crop()
    after[0:10, 0:10] = 20
    assert not difference_look()(crop(), after, hole(), "spot").accepted


def test_a_change_within_the_textures_own_variation_is_rejected():
    after = np.clip(crop().astype(int) + 6, 0, 255).astype(np.uint8)
    assert not difference_look()(crop(), after, hole(), "haze").accepted


def test_a_constant_picture_gives_a_verdict_too():
    flat = np.full((64, 64, 3), 128, np.uint8)
    changed = flat.copy()
    changed[20:40, 20:40] = 200
    assert not difference_look()(flat, flat, hole(), "x").accepted
    assert difference_look()(flat, changed, hole(), "x").accepted


def test_what_one_look_rejects_is_rejected_with_all_reasons_and_scores():
    def rejects(before, after, hole, target):
        return Verdict(False, f"no {target}", hole, {"mine": 1})

    after = crop()
    after[24:36, 20:30] = 20
    verdict = all_of([difference_look(), rejects])(crop(), after, hole(), "cat")
    assert not verdict.accepted and verdict.reason == "no cat"
    assert {"mine", "changed_share"} <= set(verdict.scores)


class Fake:
    """A joint embedding whose similarities to o0, o1, ... are stated."""

    name = "fake"
    scale = 1.0

    def __init__(self, similarities):
        self.facts = {}
        self.similarities = np.array([similarities], dtype=np.float32)

    def images(self, pictures):
        return self.similarities

    def texts(self, texts):
        self.asked = list(texts)
        return np.eye(len(texts), dtype=np.float32)


def filtered(similarities, objects=4, artefacts=1, top_k=2, target="o0"):
    fake = Fake(similarities)
    look = ContentFilter(
        fake,
        {f"o{at}": f"looks like {at}" for at in range(objects)},
        {f"a{at}": f"bad {at}" for at in range(artefacts)},
        top_k,
    )
    return look(crop(), crop(), hole(), target), fake


@pytest.mark.parametrize(
    ("similarities", "accepted", "reason"),
    [
        ([0.9, 0.1, 0.2, 0.3, 0.0], True, ""),  # first of all
        ([0.5, 0.9, 0.2, 0.3, 0.0], True, ""),  # second, k = 2
        ([0.5, 0.9, 0.6, 0.3, 0.0], False, "o0 ranks 3, below the top 2; nearest is o1"),
        ([0.9, 0.1, 0.2, 0.3, 0.8], False, "looks like an artefact: a0 in the top 2"),
        ([0.5, 0.9, 0.5, 0.3, 0.0], False, "o0 ranks 3, below the top 2; nearest is o1"),  # a tie does not help
    ],
)
def test_the_target_must_be_in_the_top_k_and_no_artefact(similarities, accepted, reason):
    verdict, _ = filtered(similarities)
    assert (verdict.accepted, verdict.reason) == (accepted, reason)


def test_every_similarity_is_logged_and_texts_are_name_and_description():
    verdict, fake = filtered([0.9, 0.1, 0.2, 0.3, 0.0])
    assert fake.asked == [
        "o0: looks like 0",
        "o1: looks like 1",
        "o2: looks like 2",
        "o3: looks like 3",
        "a0: bad 0",
    ]
    assert verdict.scores["similarity:o3"] == pytest.approx(0.3)
    assert verdict.scores["nearest"] == "o0, o3" and verdict.scores["target_rank"] == 1


def test_ranks_start_at_one_and_equal_similarities_rank_first():
    values = np.array([0.1, 0.5, 0.5, 0.9])
    assert [rank_of(values, at) for at in range(4)] == [4, 3, 3, 1]


def test_a_filter_that_could_reject_nothing_and_a_target_without_description_are_refused():
    with pytest.raises(CardError, match="top_k is 5, and there are 5 described objects; allowed are 1 to 4"):
        filtered([0.0] * 5, top_k=5)
    with pytest.raises(CardError, match="'zebra' has no description"):
        filtered([0.0] * 5, target="zebra")
