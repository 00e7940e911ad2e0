import json
import re

import pytest
from PIL import Image

from vlm_eval.flow import Answer
from vlm_eval.reports.html_seen import say_seen
from vlm_eval.reports.html_write import write_page
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.items import ItemReader
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"image_sizes": [[96, 96]], "image_tokens": 64}, "picture of 96 × 96 px, 64 image tokens"),
        (
            {"image_sizes": [[96, 96], [96, 96]], "image_tokens": 1280},
            "2 pictures of 96 × 96 px, 1,280 image tokens",
        ),
        ({"image_sizes": [[640, 480], [96, 96]]}, "picture of 640 × 480 px, picture of 96 × 96 px"),
        ({"image_sizes": None, "image_tokens": 64}, "64 image tokens"),
        ({"image_sizes": None, "image_tokens": None}, None),
        ({}, None),
    ],
)
def test_pixels_and_tokens_are_told_as_far_as_they_were_recorded(outcome, told) -> None:
    assert say_seen(outcome) == told


@pytest.fixture
def run(tmp_path):
    from vlm_eval.backends.scripted import ScriptedBackend

    class Seeing(ScriptedBackend):
        def answer(self, requests):
            for key, _ in super().answer(requests):
                yield key, Answer("Yes.", image_sizes=((96, 96),), image_tokens=64)

    for kind in ("normal", "anomalous"):
        (tmp_path / "parts" / kind).mkdir(parents=True)
        Image.new("RGB", (32, 32), "red" if kind == "normal" else "blue").save(tmp_path / "parts" / kind / "a.png")
    experiment = {"dataset": str(tmp_path / "parts"), "models": ["scripted:yes"]}
    plan = make_plan(parse_experiment(experiment, "test"))
    execute(plan, tmp_path / "run", open_with=lambda spec, scratch: Seeing(lambda request: "Yes."))
    return tmp_path / "run"


def answers(folder):
    with Store(folder) as store:
        return [item.answer for page in ItemReader(store).unjudged(1, "none", "0") for _, item in page]


def test_they_are_stored_with_the_outcome_and_shown_with_the_item(run, tmp_path) -> None:
    assert [(answer.image_sizes, answer.image_tokens) for answer in answers(run)] == [(((96, 96),), 64)] * 2
    write_page([run], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    seen = {data["strings"][row[data["columns"].index("seen")]] for row in data["rows"]}
    assert seen == {"picture of 96 × 96 px, 64 image tokens"}


def test_a_store_of_before_reads_as_not_recorded(run) -> None:
    with Store(run, write=True) as store:
        store.connection.execute("UPDATE outcome SET data = json_remove(data, '$.image_sizes', '$.image_tokens')")
    assert [(answer.image_sizes, answer.image_tokens) for answer in answers(run)] == [(None, None)] * 2
