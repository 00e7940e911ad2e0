"""On the page an item whose views were asked one by one."""

import json
import re

from PIL import Image, ImageDraw

from vlm_eval.backends.scripted import ScriptedBackend
from vlm_eval.reports.html_write import write_page
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute


def test_an_item_joined_from_its_views_shows_each_picture_with_its_answer_and_the_deciding_one_last(tmp_path):
    for number in range(4):
        picture = Image.new("RGB", (32, 32), (60 + 9 * number, 120, 140))
        if number % 2:
            ImageDraw.Draw(picture).rectangle((18, 2, 26, 10), fill="red")
        place_of = tmp_path / "parts" / ("anomalous" if number % 2 else "normal")
        place_of.mkdir(parents=True, exist_ok=True)
        picture.save(place_of / f"{number}.png")

    def reply(request):
        tile = dict(request.prompt.views[-1].recipe[-1].parameters)
        second = "anomalous" in request.prompt.views[-1].path.parts and tile == {"column": 1, "row": 0}
        return f"{'Yes' if second else 'No'}. Row {tile.get('row')}, column {tile.get('column')}."

    experiment = {
        "dataset": str(tmp_path / "parts"), "models": ["scripted:coin"], "views": {"tile": {"k": 2}}, "join": "any"
    }  # fmt: skip
    plan = make_plan(parse_experiment(experiment, "test"))
    execute(plan, tmp_path / "run", open_with=lambda spec, scratch: ScriptedBackend(reply))
    write_page([tmp_path / "run"], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    rows = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    assert len(rows) == 4
    (row, *_) = [row for row in rows if row["verdict"] == "anomalous"]
    turns = [(role, parts) for role, parts in row["prompt"]]
    assert [role for role, _ in turns] == ["user", "assistant"] * 3 + ["user"]
    titles = [data["strings"][parts[0]] for role, parts in turns if role == "user"]
    assert titles == [f"View {number} of 4 (asked alone)" for number in (1, 3, 4)] + [
        "View 2 of 4 (asked alone; it decides)"
    ]
    said = [data["strings"][parts[0]] for role, parts in turns if role == "assistant"]
    assert said == ["No. Row 0, column 0.", "No. Row 1, column 0.", "No. Row 1, column 1."]
    assert data["strings"][row["text"]] == "Yes. Row 0, column 1."
    shown = [part[1] for _, parts in turns for part in parts if isinstance(part, list)]
    assert len(set(shown)) == 4
    assert row["right"] == "right" and row["tokens_out"] == 4 * 5
