"""The stream of a local backend: batches, look-ahead, memory, failures. Its engine is a stand-in."""

import threading
import time

import pytest

from vlm_eval.backends.local import LocalBackend
from vlm_eval.backends.local_prompt import OutOfMemory, Refused, control_pattern
from vlm_eval.flow import Answer, Capabilities, Failure

CONTROL = control_pattern({"<image>"})


class Engine:
    """Repeats the text of a prompt, and has room for so many rows."""

    def __init__(self, room=100, refuse=""):
        self.room, self.refuse, self.batches, self.threads = room, refuse, [], set()

    def encode(self, items):
        self.threads.add(threading.current_thread())
        return [item.text for item in items]

    def ask(self, items, inputs):
        self.batches.append([item.text for item in items])
        if len(items) > self.room:
            raise OutOfMemory(f"{len(items)} rows do not fit")
        if self.refuse and any(self.refuse in text for text in inputs):
            raise Refused("too odd")
        return [Answer(text) for text in inputs]


def backend(engine, batch_size=4):
    return LocalBackend(Capabilities(), engine, lambda prompt: prompt.text, CONTROL, batch_size, {})


def requests_of(make, count, **generation):
    return [make.request(f"question {number:03}", **generation) for number in range(count)]


def test_every_request_gets_its_own_answer(make):
    requests = requests_of(make, 23)
    outcomes = list(backend(Engine()).answer(requests))
    assert len(outcomes) == 23
    assert {key: answer.text for key, answer in outcomes} == {item.key: item.prompt.text for item in requests}


def test_an_empty_stream_gives_no_answers():
    assert list(backend(Engine()).answer([])) == []


def test_a_batch_holds_like_generation_parameters_only(make):
    engine = Engine()
    mixed = requests_of(make, 6) + requests_of(make, 6, max_tokens=99) + requests_of(make, 6, yes_no=True)
    seen = {item.key: item.generation for item in mixed}
    texts = {}
    for item in mixed:
        texts.setdefault(item.prompt.text, set()).add(item.generation)
    stream = backend(engine, batch_size=4)
    assert {key for key, _ in stream.answer(mixed)} == set(seen)
    assert sorted(len(batch) for batch in engine.batches) == [2, 2, 2, 4, 4, 4]


def test_seeds_may_share_a_batch(make):
    engine = Engine()
    list(backend(engine).answer([make.request("the same", seed=seed) for seed in range(4)]))
    assert [len(batch) for batch in engine.batches] == [4]


def test_like_lengths_share_a_batch(make):
    engine = Engine()
    lengths = [1, 90, 2, 80, 3, 70, 4, 60]
    list(backend(engine).answer([make.request("x" * length) for length in lengths]))
    assert [[len(text) for text in batch] for batch in engine.batches] == [[1, 2, 3, 4], [60, 70, 80, 90]]


def test_the_stream_is_pulled_lazily(make):
    pulled = []

    def source():
        for item in requests_of(make, 100):
            pulled.append(item)
            yield item

    stream = backend(Engine(), batch_size=2).answer(source())
    next(stream)
    assert len(pulled) <= 8
    stream.close()
    assert len(pulled) <= 8


def test_pictures_are_prepared_beside_the_model(make):
    engine = Engine()
    list(backend(engine).answer(requests_of(make, 12)))
    assert threading.main_thread() not in engine.threads


def test_out_of_memory_halves_the_batch_and_goes_on(make):
    engine = Engine(room=2)
    stream = backend(engine, batch_size=8)
    outcomes = dict(stream.answer(requests_of(make, 32)))
    assert len(outcomes) == 32
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert stream.batch_size == 2
    assert [len(batch) for batch in engine.batches].count(8) <= 2


def test_a_batch_that_was_prepared_before_does_not_raise_the_size_again(make):
    class Filling(Engine):
        def ask(self, items, inputs):
            self.room = 1 if len(self.batches) == 0 else 4
            return super().ask(items, inputs)

    stream = backend(Filling(), batch_size=8)
    sizes = []
    for _ in stream.answer(requests_of(make, 32)):
        sizes.append(stream.batch_size)
    assert sizes == sorted(sizes, reverse=True)


def test_out_of_memory_at_one_request_is_its_failure(make):
    outcomes = dict(backend(Engine(room=0)).answer(requests_of(make, 3)))
    assert {outcome.kind for outcome in outcomes.values()} == {"out-of-memory"}
    assert "do not fit" in next(iter(outcomes.values())).message


def test_a_refused_request_fails_alone(make):
    engine = Engine(refuse="005")
    outcomes = list(backend(engine, batch_size=8).answer(requests_of(make, 16)))
    failed = [outcome for _, outcome in outcomes if isinstance(outcome, Failure)]
    assert len(outcomes) == 16
    assert [(failure.kind, failure.message) for failure in failed] == [("unsupported", "too odd")]


def test_a_refusal_leaves_the_batch_size(make):
    stream = backend(Engine(refuse="005"), batch_size=8)
    list(stream.answer(requests_of(make, 16)))
    assert stream.batch_size == 8


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off", b"\xff\xd8\xff cut off"])
def test_an_unreadable_picture_fails_alone(data, make):
    good, bad = make.request(make.picture(1), "a"), make.request(make.view_of(data), "b")
    outcomes = dict(backend(Engine()).answer([good, bad]))
    assert outcomes[bad.key].kind == "bad-input"
    assert isinstance(outcomes[good.key], Answer)


def test_a_truncated_picture_fails_alone(make):
    good, bad = make.request(make.picture(1), "a"), make.request(make.view_of(make.picture(2).read()[:-40]), "b")
    outcomes = dict(backend(Engine()).answer([good, bad]))
    assert outcomes[bad.key].kind == "bad-input"
    assert isinstance(outcomes[good.key], Answer)


def test_a_picture_that_is_a_bomb_is_bad_input(make, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)
    (outcome,) = dict(backend(Engine()).answer([make.request(make.picture(1), "a")])).values()
    assert outcome.kind == "bad-input"


def test_the_digests_of_what_was_sent_come_back_in_order(make):
    import hashlib

    views = make.picture(1), make.picture(2)
    (answer,) = dict(backend(Engine()).answer([make.request(*views, "a")])).values()
    assert answer.sent == tuple(hashlib.sha256(view.read()).hexdigest() for view in views)


def test_latency_is_the_share_of_the_batch(make):
    class Slow(Engine):
        def ask(self, items, inputs):
            time.sleep(0.2)
            return super().ask(items, inputs)

    answers = dict(backend(Slow()).answer(requests_of(make, 4))).values()
    assert len({answer.latency for answer in answers}) == 1
    assert all(0.05 <= answer.latency < 0.2 for answer in answers)
