"""What a plan says of readings, options and scopes before anything is asked."""

from pathlib import Path

import pytest
from PIL import Image

from vlm_eval.errors import InputError
from vlm_eval.reports.effects import effect_rows, name_contrast
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.run_info import read_info
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import find_notes, make_plan
from vlm_eval.runs.runner import execute

HEAD = "name: mine\ntitle: Mine\nlicence: MIT\nreader: table\nroot: t.csv\n"


def plan_of(data, prompts=(), **changes):
    experiment = {"dataset": str(data), "models": ["scripted:coin"], "yes_no": False, **changes}
    return make_plan(parse_experiment(experiment, "test"), prompts=prompts)


def card(folder: Path, text: str, table: str) -> Path:
    for number in range(4):
        Image.new("RGB", (16, 16), (60 * number, 0, 0)).save(folder / f"{number}.png")
    (folder / "t.csv").write_text(table)
    (folder / "mine.yaml").write_text(HEAD + text)
    return folder / "mine.yaml"


READINGS = "image,label,oven,line\n0.png,0,200,1\n1.png,1,260,2\n2.png,0,205,1\n3.png,1,255,2\n"
OVEN = "common: {auxiliary: {oven: oven temperature in degrees, line: production line}}\n"


def test_readings_are_a_factor_from_the_card_to_the_report(tmp_path):
    plan = plan_of(card(tmp_path, OVEN, READINGS), grid={"class": [0], "auxiliary": [0, 1]})
    assert [cell.name for cell in plan.cells] == ["task", "task+auxiliary"]
    texts = {(ask.sample.sources[0].name, ask.cell.name): ask.request.prompt.text for ask in plan.asks()}
    assert texts["1.png", "task+auxiliary"].startswith(
        "Recorded with the image: oven temperature in degrees: 260; production line: 2. Please determine"
    )
    assert "Recorded" not in texts["1.png", "task"]
    keys = {ask.request.key for ask in plan.asks()}
    assert len(keys) == 8
    execute(plan, tmp_path / "run")
    info = read_info(tmp_path / "run")
    assert [settings["auxiliary"] for _, settings in info["cells"]] == [0, 1]
    (panel,) = read_panels(read_frame(tmp_path / "run"), [name for name, _ in info["cells"]])
    assert {name_contrast(row.contrast) for row in effect_rows(panel, info)} == {"auxiliary"}


def test_the_readings_of_another_item_ask_another_question(tmp_path):
    first = {ask.request.key for ask in plan_of(card(tmp_path, OVEN, READINGS), grid={"auxiliary": [1]}).asks()}
    changed = READINGS.replace("260", "261")
    second = {ask.request.key for ask in plan_of(card(tmp_path, OVEN, changed), grid={"auxiliary": [1]}).asks()}
    assert len(first & second) == 3


@pytest.mark.parametrize("layout", ["chat", "vqa", "json"])
def test_every_layout_tells_readings_and_names_the_picture_they_belong_to(tmp_path, layout):
    plan = plan_of(card(tmp_path, OVEN, READINGS), grid={"auxiliary": [1], "reference": [1]}, layout=layout)
    text = next(iter(plan.asks())).request.prompt.text
    assert "Recorded with the second image: oven" in text


def test_a_card_without_readings_is_a_problem_and_says_what_to_do(parts):
    with pytest.raises(InputError, match=r"12 of 12 items of .* have no readings to tell.*auxiliary: \{field"):
        plan_of(parts, grid={"auxiliary": [0, 1]})


def test_items_without_a_value_are_counted(tmp_path):
    lacking = READINGS.replace("200,1", ",").replace("205,1", ",")
    with pytest.raises(InputError, match=r"cell task\+auxiliary: 2 of 4 items of mine have no readings"):
        plan_of(card(tmp_path, OVEN, lacking), grid={"auxiliary": [0, 1]})


def test_a_layout_that_has_no_place_for_readings_is_a_problem(tmp_path):
    own = tmp_path / "words"
    (own / "layouts").mkdir(parents=True)
    (own / "layouts" / "terse.jinja").write_text("{{ task }}")
    (own / "layouts" / "layouts.yaml").write_text("terse: {about: Short}\n")
    with pytest.raises(InputError, match="'terse' has no place for the auxiliary ingredient"):
        plan_of(card(tmp_path, OVEN, READINGS), [own], grid={"auxiliary": [0, 1]}, layout="terse")


def test_a_reading_that_gives_the_answer_away_and_one_that_names_the_class_are_noted(tmp_path):
    words = "common: {nouns: {noun: nut, plural: nuts}, auxiliary: {oven: oven temperature, line: nut line}}\n"
    notes = find_notes(plan_of(card(tmp_path, words, READINGS), grid={"class": [0, 1], "auxiliary": [0, 1]}))
    assert [note for note in notes if "gives the answer away" in note] == [
        "mine: the reading 'nut line' alone tells normal from anomalous items. If it is not known before an "
        "inspection, leave it out: it gives the answer away."
    ]
    (contaminated,) = [note for note in notes if "name the class" in note]
    assert contaminated.startswith("cell task+auxiliary: the readings name the class")
    assert not [
        note for note in find_notes(plan_of(tmp_path / "mine.yaml", grid={"class": [0]})) if "reading" in note
    ]


OPTIONS = "image,label,question,option A,option B\n0.png,0,Which?,a nut,a bolt\n1.png,1,Which?,a nut,a bolt\n"
CHOICE = "options: {columns: {question: question, metadata: [option A, option B]}}\n"


def test_a_multiple_choice_question_needs_a_layout_that_asks_it(tmp_path):
    path = card(tmp_path, CHOICE, OPTIONS)
    with pytest.raises(InputError, match=r"mine: 2 items bring a multiple-choice question .*--layout choice"):
        plan_of(path, layout="chat")
    for layout in ("choice", "vqa"):
        assert "Which?" in next(iter(plan_of(path, layout=layout).asks())).request.prompt.text


SCOPES = "image,label,part\n0.png,0,cap\n0.png,1,label\n1.png,1,cap\n1.png,0,label\n"
PARTS = (
    "options: {columns: {object_class: part}}\n"
    "classes:\n  cap: {nouns: {noun: bottle cap, plural: caps}, standard: {normal: show a closed cap}}\n"
    "  label: {nouns: {noun: bottle label, plural: labels}, standard: {normal: show a straight label}}\n"
)


def test_one_picture_may_be_normal_in_one_scope_and_anomalous_in_another(tmp_path):
    plan = plan_of(card(tmp_path, PARTS, SCOPES), grid={"class": [1], "standard": [0, 1]})
    gold = {(one.sources[0].name, one.object_class): one.gold.anomalous for one in plan.samples}
    assert gold["0.png", "cap"] == "no" and gold["0.png", "label"] == "yes"
    assert {one.id for one in plan.samples} == {f"mine/{n}.png{part}" for n in (0, 1) for part in ("", "#label")}
    by_key = {}
    for ask in plan.asks():
        by_key.setdefault(ask.request.key, set()).add(ask.sample.gold.anomalous)
    assert len(by_key) == 8 and all(len(gold) == 1 for gold in by_key.values())
    assert not [note for note in find_notes(plan) if "scopes" in note]


def test_the_scopes_of_one_picture_are_one_cluster(tmp_path):
    plan = plan_of(card(tmp_path, PARTS, SCOPES), grid={"class": [1]})
    groups = {}
    for sample in plan.samples:
        groups.setdefault(sample.sources, set()).add(sample.group)
    assert len(groups) == 2 and all(len(found) == 1 for found in groups.values())
    assert len(set.union(*groups.values())) == 2


def test_a_cell_whose_words_do_not_tell_the_scope_is_noted(tmp_path):
    plan = plan_of(card(tmp_path, PARTS, SCOPES), grid={"class": [0, 1]})
    (note,) = [note for note in find_notes(plan) if "scopes" in note]
    assert note.startswith("cell task: 2 pictures are asked about in several scopes with different gold")


def test_rule_sets_are_scopes_too(tmp_path):
    rules = "classes:\n" + "".join(
        f"  {name}: {{nouns: {{noun: box, plural: boxes}}, standard: {{rules: [{rule}]}}}}\n"
        for name, rule in (("loose", "It holds two or more nuts."), ("strict", "It holds exactly two nuts."))
    )
    table = "image,label,rules\n0.png,0,loose\n0.png,1,strict\n"
    plan = plan_of(card(tmp_path, "options: {columns: {object_class: rules}}\n" + rules, table), levels=["rules"])
    texts = {ask.sample.gold.anomalous: ask.request.prompt.text for ask in plan.asks()}
    assert "1. It holds two or more nuts." in texts["no"] and "1. It holds exactly two nuts." in texts["yes"]
