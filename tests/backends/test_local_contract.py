"""The contract of local models, on pocket-llava and on tiny random models of the architectures that people ask."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from vlm_eval.flow import Answer, BackendSpec, Model

pytestmark = pytest.mark.local

ONE_PICTURE = ("blip2", "blip2_t5")
SEVERAL_PICTURES = ("llava", "smolvlm", "smolvlm2", "qwen2_vl", "qwen2_5_vl", "internvl", "llava_onevision")


@pytest.fixture(autouse=True)
def num2words(request, monkeypatch):
    """SmolVLM 2 refuses to start without num2words, which it needs for the prompts of videos only."""
    if "smolvlm2" in request.node.name:
        pytest.importorskip("transformers")
        monkeypatch.setattr("transformers.models.smolvlm.processing_smolvlm.num2words", str)


@pytest.fixture
def showing_ids():
    """Make a backend say token ids instead of words, so that no decoding hides a difference."""
    pytest.importorskip("torch")
    from vlm_eval.backends.local_generate import TransformersEngine, until_end

    class Ids(TransformersEngine):
        def _answer(self, row, prompt_tokens):
            said, _ = until_end(row, self._end_tokens())
            return replace(super()._answer(row, prompt_tokens), text=" ".join(map(str, said)))

    def change(backend):
        backend.engine = Ids(backend.engine._loaded)
        return backend

    return change


def open_pocket(pocket, batch_size):
    spec = BackendSpec(Model("llava", pocket), {"threads": 1, "batch_size": batch_size})
    return import_module("vlm_eval.backends.local_llava").build(spec, Path())


def assert_same(batched, single, count):
    assert len(batched) == len(single) == count
    for key, answer in batched.items():
        assert isinstance(answer, Answer), answer
        assert (answer.text, answer.finish, answer.prompt_tokens, answer.completion_tokens, answer.sent) == (
            single[key].text,
            single[key].finish,
            single[key].prompt_tokens,
            single[key].completion_tokens,
            single[key].sent,
        )
        if answer.yes_no is not None:
            assert abs(answer.yes_no.yes - single[key].yes_no.yes) < 1e-4
            assert abs(answer.yes_no.no - single[key].yes_no.no) < 1e-4


def test_batched_equals_single_for_the_pocket_model(pocket, make, showing_ids):
    requests = make.mixed_requests(64, two_pictures=True, max_tokens=12)
    requests += make.mixed_requests(64, two_pictures=True, yes_no=True)
    batched = dict(showing_ids(open_pocket(pocket, 8)).answer(requests))
    single = dict(showing_ids(open_pocket(pocket, 1)).answer(requests))
    assert_same(batched, single, 128)
    assert len({answer.prompt_tokens for answer in batched.values()}) > 6
    assert len({answer.text for answer in batched.values()}) > 1


@pytest.mark.parametrize("name", [*SEVERAL_PICTURES, *ONE_PICTURE])
def test_batched_equals_single(name, make, open_tiny, showing_ids):
    several = name in SEVERAL_PICTURES
    requests = make.mixed_requests(16, two_pictures=several, max_tokens=5)
    requests += make.mixed_requests(16, two_pictures=several, yes_no=True)
    batched = dict(showing_ids(open_tiny(name, batch_size=5)).answer(requests))
    single = dict(showing_ids(open_tiny(name, batch_size=1)).answer(requests))
    assert_same(batched, single, 32)


@pytest.mark.parametrize("name", [*SEVERAL_PICTURES, *ONE_PICTURE])
def test_only_new_tokens_are_the_answer(name, make, open_tiny):
    outcomes = dict(open_tiny(name).answer(make.mixed_requests(4, two_pictures=False, max_tokens=3)))
    for answer in outcomes.values():
        assert answer.completion_tokens <= 3
        assert "defect?" not in answer.text


@pytest.mark.parametrize("name", [*SEVERAL_PICTURES, *ONE_PICTURE])
def test_the_picture_changes_the_score(name, make, open_tiny):
    requests = [make.request(make.picture(seed), "Is there a defect?", yes_no=True) for seed in (1, 2)]
    first, second = [answer.yes_no.yes for _, answer in open_tiny(name).answer(requests)]
    assert abs(first - second) > 1e-3


@pytest.mark.parametrize("name", SEVERAL_PICTURES)
def test_the_order_of_the_pictures_changes_the_score(name, make, open_tiny):
    one, other = make.picture(1), make.picture(2)
    requests = [
        make.request(*pair, "Is there a defect?", yes_no=True) for pair in ((one, other), (other, one), (one, one))
    ]
    outcomes = dict(open_tiny(name).answer(requests))
    forth, back, twice = (outcomes[request.key] for request in requests)
    assert forth.sent == back.sent[::-1]
    assert abs(forth.yes_no.yes - back.yes_no.yes) > 1e-3
    assert abs(forth.yes_no.yes - twice.yes_no.yes) > 1e-3


@pytest.mark.parametrize("name", SEVERAL_PICTURES)
def test_a_prompt_without_pictures_is_answered_too(name, make, open_tiny):
    requests = [make.request("Is there a defect?"), make.request(make.picture(1), "Is there a defect?")]
    outcomes = dict(open_tiny(name).answer(requests))
    assert [type(outcome) for outcome in outcomes.values()] == [Answer, Answer]
    assert sorted(len(answer.sent) for answer in outcomes.values()) == [0, 1]


@pytest.mark.parametrize("name", ONE_PICTURE)
def test_beam_search_is_the_same_in_a_batch(name, make, open_tiny, showing_ids):
    parts = {"max_tokens": 4, "beams": 5, "length_penalty": -1.0}
    requests = make.mixed_requests(8, two_pictures=False, **parts)
    batched = dict(showing_ids(open_tiny(name, batch_size=4)).answer(requests))
    assert_same(batched, dict(showing_ids(open_tiny(name, batch_size=1)).answer(requests)), 8)


def test_beams_and_their_length_penalty_reach_the_model(make, open_tiny):
    import torch

    backend = open_tiny("blip2")
    seen = {}
    generate = backend.engine._loaded.model.generate

    def spy(**inputs):
        seen.update(inputs["generation_config"].to_dict())
        return generate(**inputs)

    backend.engine._loaded.model.generate = spy
    with torch.inference_mode():
        list(
            backend.answer(make.mixed_requests(1, two_pictures=False, beams=5, length_penalty=-1.0, max_tokens=7))
        )
    assert (seen["num_beams"], seen["length_penalty"], seen["max_new_tokens"]) == (5, -1.0, 7)


@pytest.mark.parametrize("name", ONE_PICTURE)
def test_blip2_reads_the_text_as_it_stands(name, make, open_tiny):
    text = "Question: is there a defect? Short answer: "
    backend = open_tiny(name)
    assert backend.lay_out(make.request(make.picture(1), text).prompt) == text


@pytest.mark.parametrize("parts", [0, 2])
def test_blip2_refuses_anything_but_one_picture(parts, make, open_tiny):
    pictures = [make.picture(seed) for seed in range(parts)]
    good = make.request(make.picture(9), "Short answer: ")
    bad = make.request(*pictures, "Short answer: ")
    outcomes = dict(open_tiny("blip2").answer([bad, good]))
    assert outcomes[bad.key].kind == "unsupported"
    assert f"{parts} pictures" in outcomes[bad.key].message
    assert isinstance(outcomes[good.key], Answer)
