"""Asking a local model: new tokens, ends, sampling, the forced yes/no score, memory."""

import math
import time
from dataclasses import replace

import pytest

from vlm_eval.backends.local_prompt import OutOfMemory, Refused, prepare
from vlm_eval.flow import Answer

pytestmark = pytest.mark.local

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from vlm_eval.backends.local_generate import (  # noqa: E402
    SeededNoise,
    new_tokens,
    until_end,
    yes_no_tokens,
)


def encoded(backend, *requests):
    items = [prepare(request, backend.lay_out, backend.control) for request in requests]
    return items, backend.engine.encode(items)


def test_the_prompt_is_sliced_off_only_where_it_was_returned():
    prompt = torch.tensor([[0, 5, 6], [4, 5, 6]])
    new = torch.tensor([[7, 8, 9, 2], [3, 3, 3, 3]])
    assert new_tokens(prompt, torch.cat([prompt, new], dim=1)).tolist() == new.tolist()
    assert new_tokens(prompt, new).tolist() == new.tolist()
    assert new_tokens(prompt, new[:, :2]).tolist() == new[:, :2].tolist()


@pytest.mark.parametrize(("name", "returns_prompt"), [("llava", True), ("blip2", True), ("blip2_t5", False)])
def test_what_generate_returns(name, returns_prompt, make, open_tiny):
    backend = open_tiny(name)
    _, inputs = encoded(backend, make.request(make.picture(1), "Is there a defect?"))
    ids = backend.engine._loaded.model.generate(**inputs, max_new_tokens=3)
    assert (ids.shape[1] > 4) == returns_prompt


def test_a_row_ends_at_its_first_end_token():
    assert until_end([5, 6, 2, 0, 0], frozenset({2})) == ([5, 6], "stop")
    assert until_end([2, 5], frozenset({2})) == ([], "stop")
    assert until_end([5, 6, 7], frozenset({2})) == ([5, 6, 7], "length")


def test_the_limit_and_the_end_token_are_told_apart(make, open_tiny):
    backend = open_tiny("llava")
    requests = make.mixed_requests(8, two_pictures=True, max_tokens=4)
    limited = dict(backend.answer(requests))
    assert {answer.finish for answer in limited.values()} == {"length"}
    assert {answer.completion_tokens for answer in limited.values()} == {4}
    items, inputs = encoded(backend, requests[0])
    said = backend.engine._loaded.model.generate(**inputs, max_new_tokens=4)[0, -4:].tolist()
    backend.engine._loaded.model.generation_config.eos_token_id = [said[1], 2]
    (answer,) = backend.engine.ask(items, inputs)
    assert answer.finish == "stop"
    assert answer.completion_tokens == said.index(said[1])


def test_prompt_tokens_count_the_picture_but_no_padding(make, open_tiny):
    backend = open_tiny("llava")
    short, long = make.request(make.picture(1), "a"), make.request(make.picture(1), "a " * 50)
    together = dict(backend.answer([short, long]))
    ids = encoded(backend, short)[1]["input_ids"]
    assert together[short.key].prompt_tokens == ids.shape[1] < together[long.key].prompt_tokens
    assert (ids == backend.engine._loaded.image_token).sum() == 16


def test_the_yes_no_score_sums_the_next_words_distribution(make, open_tiny):
    backend = open_tiny("llava")
    request = make.request(make.picture(1), "Is there a defect?", yes_no=True)
    ((_, answer),) = backend.answer([request])
    _, inputs = encoded(backend, request)
    with torch.inference_mode():
        logits = backend.engine._loaded.model(**inputs).logits[0, -1].double()
    probabilities = torch.softmax(logits, dim=0)
    tokenizer = backend.engine._loaded.tokenizer
    pieces = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
    for word, got in (("yes", answer.yes_no.yes), ("no", answer.yes_no.no)):
        wanted = sum(probabilities[token] for token, piece in pieces.items() if piece.strip().lower() == word)
        assert got == pytest.approx(math.log(wanted), abs=1e-4)
    assert answer.text == ("yes" if answer.yes_no.yes > answer.yes_no.no else "no")
    assert answer.finish == "stop"


def test_every_spelling_of_yes_and_no_counts(open_tiny):
    tokenizer = open_tiny("llava").engine._loaded.tokenizer
    yes, no = yes_no_tokens(tokenizer)
    assert {" YES", " yes", "yes"} <= {tokenizer.decode([token]) for token in yes}
    assert {" NO", " no", "no"} <= {tokenizer.decode([token]) for token in no}
    assert not yes & no


class Letters:
    """A tokenizer without whole words, one token a character."""

    unk_token_id = 0

    def __init__(self, alphabet):
        self.alphabet = alphabet

    def get_vocab(self):
        return {letter: number for number, letter in enumerate(self.alphabet, 1)}

    def encode(self, text, add_special_tokens):
        return [self.get_vocab().get(letter, 0) for letter in text]


def test_without_whole_words_the_first_letters_decide():
    yes, no = yes_no_tokens(Letters(" yYnN"))
    assert (yes, no) == ({2, 3}, {4, 5})


def test_without_any_telling_token_the_score_is_refused(make, open_tiny):
    assert yes_no_tokens(Letters("abc")) == (frozenset(), frozenset())
    backend = open_tiny("llava")
    backend.engine._yes = frozenset()
    request = make.request(make.picture(1), "Is there a defect?", yes_no=True)
    ((_, failure),) = backend.answer([request])
    assert failure.kind == "unsupported"


def test_the_noise_samples_the_softmax_at_the_temperature():
    scores = torch.tensor([[2.0, 1.0, 0.0, float("-inf")]]).repeat(4000, 1)
    noise = SeededNoise(0.5, [f"key {number}" for number in range(4000)])
    drawn = torch.bincount(noise(None, scores).argmax(dim=1), minlength=4) / 4000
    wanted = torch.softmax(torch.tensor([2.0, 1.0, 0.0, float("-inf")]) / 0.5, dim=0)
    assert torch.allclose(drawn, wanted, atol=0.03)
    assert drawn[3] == 0


def test_sampling_hangs_on_the_request_and_not_on_its_batch(make, open_tiny):
    requests = make.mixed_requests(12, two_pictures=True, temperature=1.0, max_tokens=5)
    together = {key: answer.text for key, answer in open_tiny("llava", batch_size=6).answer(requests)}
    alone = {key: answer.text for key, answer in open_tiny("llava", batch_size=1).answer(requests[::-1])}
    assert together == alone
    same = make.request(make.picture(1), "Is there a defect?", temperature=1.0)
    repeats = [replace(same, key=str(number) * 64) for number in range(6)]
    assert len({answer.text for _, answer in open_tiny("llava").answer(repeats)}) > 1


def test_greedy_search_ignores_the_checkpoints_own_sampling(make, tiny, tmp_path, open_tiny):
    import json
    import shutil

    folder = shutil.copytree(tiny("llava"), tmp_path / "sampler")
    habits = {"do_sample": True, "temperature": 5.0, "repetition_penalty": 9.0, "num_beams": 3, "eos_token_id": 2}
    (folder / "generation_config.json").write_text(json.dumps(habits))
    requests = make.mixed_requests(6, two_pictures=True)
    plain = {key: answer.text for key, answer in open_tiny("llava").answer(requests)}
    assert {key: answer.text for key, answer in open_tiny("llava", folder=folder).answer(requests)} == plain


def test_beams_with_a_temperature_are_refused(make, open_tiny):
    ((_, failure),) = open_tiny("llava").answer([make.request(make.picture(1), "a", temperature=1.0, beams=3)])
    assert failure.kind == "unsupported"
    assert "beams" in failure.message


def test_a_prompt_that_is_too_long_fails_alone(make, open_tiny):
    good, bad = make.request(make.picture(1), "a"), make.request(make.picture(2), "x y " * 1200)
    outcomes = dict(open_tiny("llava").answer([good, bad]))
    assert outcomes[bad.key].kind == "unsupported"
    assert "2048 positions" in outcomes[bad.key].message
    assert isinstance(outcomes[good.key], Answer)


@pytest.mark.parametrize("kind", ["cuda", "cpu"])
def test_a_full_memory_halves_the_batch(kind, make, open_tiny):
    backend = open_tiny("llava", batch_size=8)
    model = backend.engine._loaded.model
    generate, sizes = model.generate, []

    def crowded(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2 and kind == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return torch.empty(1 << 50) if sizes[-1] > 2 else generate(**inputs)

    model.generate = crowded
    outcomes = dict(backend.answer(make.mixed_requests(8, two_pictures=False)))
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert backend.batch_size == 2


def test_a_full_memory_while_pictures_are_prepared_halves_the_batch_too(make, open_tiny):
    backend = open_tiny("llava", batch_size=4)
    process = backend.engine._process

    def crowded(items):
        if len(items) > 1:
            raise MemoryError
        return process(items)

    backend.engine._process = crowded
    outcomes = dict(backend.answer(make.mixed_requests(4, two_pictures=False)))
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())


def test_blip2_ignores_a_picture_whose_tokens_are_missing_so_it_is_refused(make, open_tiny):
    backend = open_tiny("blip2")
    loaded = backend.engine._loaded
    requests = [make.request(make.picture(seed), "Short answer: ") for seed in (1, 2)]
    _, inputs = encoded(backend, *requests)
    settings = {"max_new_tokens": 1, "output_logits": True, "return_dict_in_generate": True}
    seen = loaded.model.generate(**inputs, **settings).logits[0]
    assert (seen[0] - seen[1]).abs().max() > 1e-3
    loaded.processor.num_query_tokens = None
    items = [prepare(request, backend.lay_out, backend.control) for request in requests]
    blind = backend.engine._process(items)
    unseen = loaded.model.generate(**blind, **settings).logits[0]
    assert (unseen[0] - unseen[1]).abs().max() == 0
    with pytest.raises(Refused, match="would not see it"):
        backend.engine.encode(items)


def test_two_threads_never_use_the_tokenizer_at_once(make, open_tiny):
    backend = open_tiny("llava", batch_size=2)
    engine, inside, most = backend.engine, [], []
    process, ask = engine._process, engine.ask

    def slow(items):
        inside.append(items)
        most.append(len(inside))
        time.sleep(0.02)
        try:
            return process(items)
        finally:
            inside.pop()

    def refuse_batches(items, inputs):
        if len(items) > 1:
            raise Refused("halve it, so that the halves are encoded while the next batch is")
        return ask(items, inputs)

    engine._process, engine.ask = slow, refuse_batches
    outcomes = dict(backend.answer(make.mixed_requests(8, two_pictures=False)))
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert max(most) == 1


def test_a_lost_device_stops_the_run(make, open_tiny):
    from vlm_eval.errors import BackendUnavailable

    def lost(**inputs):
        raise RuntimeError("CUDA error: device-side assert triggered")

    backend = open_tiny("llava")
    backend.engine._loaded.model.generate = lost
    with pytest.raises(BackendUnavailable, match="device-side assert"):
        list(backend.answer(make.mixed_requests(2, two_pictures=False)))


def test_memory_is_told_apart_from_other_errors(make, open_tiny):
    backend = open_tiny("llava")
    backend.engine._loaded.model.generate = lambda **inputs: torch.empty(1 << 50)
    items, inputs = encoded(backend, make.request(make.picture(1), "a"))
    with pytest.raises(OutOfMemory, match="allocate"):
        backend.engine.ask(items, inputs)
