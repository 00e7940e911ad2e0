import gc

import pytest

from vlm_eval.flow import Answer, Gold, Item, Label, Question, Sample


@pytest.fixture
def item():
    def build(
        text: str,
        *,
        accepted: tuple[str, ...] = (),
        labels: tuple[Label, ...] = (),
        anomalous: str = "yes",
        finish: str = "stop",
        question: Question | None = None,
    ) -> Item:
        gold = Gold(anomalous, accepted[0] if accepted else None, accepted=accepted)
        sample = Sample("card/1", "card", "image", (), "part", gold, "1", candidate_labels=labels)
        return Item(sample, question or Question("chat", "naive"), Answer(text, finish=finish))

    return build


@pytest.fixture(autouse=True)
def quiet_garbage_collector():
    """Keep sweeps over what other tests left on the heap out of the timings: one takes longer than a test."""
    gc.disable()
    yield
    gc.enable()
