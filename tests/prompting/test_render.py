"""Prompts: what they hold, in which order, and what they refuse."""

from pathlib import Path

import pytest

from vlm_eval import choose_references, load_dataset
from vlm_eval.errors import ExperimentError, PromptError
from vlm_eval.flow import Gold, Label, Sample, Standard
from vlm_eval.prompting import Ingredients, render_prompt
from vlm_eval.prompting.environment import Templates, open_templates, ordinal_word
from vlm_eval.prompting.layouts import find_layout
from vlm_eval.views.open import make_recipe

QUERY, FIRST, SECOND, MARKED = (Path(f"{name}.png") for name in ("query", "first", "second", "marked"))


def sample(**changes):
    known = {
        "id": "mine/a.png",
        "card": "mine",
        "modality": "image",
        "sources": (QUERY,),
        "object_class": "bolt",
        "gold": Gold("yes"),
        "group": "mine/a.png",
        "nouns": {"noun": "bolt", "plural": "bolts"},
        "standard": Standard(normal="show a straight bolt", abnormal="bent shafts"),
        "references": (FIRST, SECOND),
        "marked": MARKED,
    }
    return Sample(**{**known, **changes})


def test_references_come_first_then_the_query_then_the_marks_then_the_words():
    prompt = render_prompt(sample(), Ingredients(shots=2, marks=True))
    assert [(view.role, view.path) for view in prompt.views] == [
        ("reference", FIRST),
        ("reference", SECOND),
        ("query", QUERY),
        ("marked", MARKED),
    ]
    assert prompt.turns[0].parts[-1] == prompt.text
    assert prompt.text == (
        "The first two images are normal. The third image needs to be inspected. "
        "The fourth image contains its corresponding marks. "
        "Please determine whether the third image contains anomalies or defects. If yes, give a specific reason."
    )


def test_the_vqa_layout_ends_exactly_as_blip2_expects():
    text = render_prompt(sample(), "naive", layout="vqa").text
    assert text == "Question: Does the image contain anomalies or defects? Short answer: "


def test_the_question_of_seed_000_is_asked_as_printed():
    question = (
        "A context-dependent anomaly is an object that is anomalous based only on the context in which it is "
        "found. What object is the context-dependent anomaly in this scene?"
    )
    text = render_prompt(sample(question=question), "naive", layout="vqa").text
    assert text == f"Question: {question} Short answer: "


def test_the_vqa_layout_brings_blip2s_beams_and_length_penalty():
    generation = find_layout(open_templates(), "vqa").generation
    assert (generation.beams, generation.length_penalty) == (5, -1.0)


def test_the_json_layout_declares_the_polarity_of_its_verdict():
    verdict = next(field for field in find_layout(open_templates(), "json").fields() if field.meaning == "verdict")
    assert (verdict.anomalous, verdict.normal) == (("anomalous",), ("normal",))
    assert '"anomalous"' in render_prompt(sample(), "naive", layout="json").text


def test_the_forced_follow_up_ends_with_the_request_for_yes_or_no():
    assert render_prompt(sample(), "expert", yes_no=True).text.endswith("Answer with yes or no only.")


def test_candidate_labels_are_listed_as_prose_in_the_medical_wording():
    scan = sample(domain="medical", nouns={"this": "scan"}, candidate_labels=(Label("normal"), Label("tumor")))
    assert render_prompt(scan, "expert").text == (
        "Please determine whether this scan contains any anomalies. If yes, please give your reason. "
        "The image given should be classified as normal or tumor."
    )


@pytest.mark.parametrize(
    ("changes", "level", "named"),
    [
        ({"nouns": {}}, "class", "noun"),
        ({"standard": None}, "expert", "normal"),
        ({"standard": Standard(rules=("One bolt.",)), "nouns": {"noun": "bolt"}}, "rules", "plural"),
    ],
)
def test_what_the_card_lacks_is_named_with_template_card_and_class(changes, level, named):
    with pytest.raises(PromptError, match=named) as caught:
        render_prompt(sample(**changes), level)
    assert "ingredients/" in str(caught.value)
    assert "'mine'" in str(caught.value)
    assert "'bolt'" in str(caught.value)


def test_too_few_references_and_missing_marks_are_refused():
    with pytest.raises(PromptError, match="3 reference pictures were asked for"):
        render_prompt(sample(), "naive", shots=3)
    with pytest.raises(PromptError, match="no marked picture"):
        render_prompt(sample(marked=None), Ingredients(marks=True))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"{{ 1 / 0 }}", "division by zero"),
        (b"{{ shots + 'a' }}", "unsupported operand"),
        (b"{% if %}", "Expected an expression"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_named(written, said, tmp_path):
    (tmp_path / "ingredients").mkdir()
    (tmp_path / "ingredients" / "task.jinja").write_bytes(written)
    with pytest.raises(PromptError, match=rf"ingredients/task\.jinja .*{said}"):
        render_prompt(sample(), "naive", prompts=[tmp_path])


def test_references_are_given_as_the_message_for_missing_ones_says():
    dataset = load_dataset("demo")
    one = next(item for item in dataset.samples if item.split == "test")
    with pytest.raises(PromptError, match=r"choose_references\(dataset.samples, shots, seed\)"):
        render_prompt(one, "naive", 1)
    references = choose_references(dataset.samples, 1, 0).by_class[one.object_class]
    assert [view.role for view in render_prompt(one, "naive", 1, references=references).views] == [
        "reference",
        "query",
    ]


def test_an_unknown_level_or_layout_is_refused():
    with pytest.raises(ExperimentError, match="naive, class, expert, rules"):
        render_prompt(sample(), "genius")
    with pytest.raises(PromptError, match="Allowed: chat, "):
        render_prompt(sample(), "naive", layout="poem")


@pytest.mark.parametrize("evil", ["{{ 7 * 7 }}", "{% for x in y %}", "<image>", "{{ ''.__class__.__mro__ }}"])
def test_template_syntax_in_a_card_is_only_words(evil):
    text = render_prompt(sample(nouns={"noun": evil}, standard=Standard(normal=evil)), "expert").text
    assert text.count(" ".join(evil.split())) == 2


def test_a_users_own_template_comes_first_and_is_sandboxed(tmp_path):
    own = tmp_path / "ingredients" / "task.jinja"
    own.parent.mkdir()
    own.write_text("Is the {{ picture }} fine?")
    assert render_prompt(sample(), "naive", prompts=[tmp_path]).text == "Is the image fine?"
    own.write_text("{{ nouns.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(PromptError):
        render_text_freshly(tmp_path)


def render_text_freshly(folder):
    from vlm_eval.prompting.render import render_text

    return render_text(sample(), Ingredients(), "chat", Templates((folder,)))


def test_a_prompt_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(PromptError, match="does not exist"):
        render_prompt(sample(), "naive", prompts=[tmp_path / "nowhere"])


def test_ordinals_are_spelled_and_then_counted():
    assert [ordinal_word(number) for number in (1, 3, 10, 11, 12, 13, 21, 22, 101, 111)] == [
        "first", "third", "tenth", "11th", "12th", "13th", "21st", "22nd", "101st", "111th",
    ]  # fmt: skip


def test_ingredients_may_be_given_by_position_by_name_or_by_level():
    expected = render_prompt(sample(), Ingredients(class_info=True, standard=True, shots=1)).text
    assert render_prompt(sample(), "expert", 1, "chat").text == expected
    assert render_prompt(sample(), {"class", "standard"}, 1).text == expected
    assert render_prompt(sample(), {"task": 1, "class": 1, "standard": 1, "reference": 1}).text == expected
    with pytest.raises(ExperimentError, match="colour"):
        render_prompt(sample(), ["colour"])
    with pytest.raises(ExperimentError, match="0 or more"):
        render_prompt(sample(), Ingredients(), -2)


def test_a_template_outside_the_prompt_folders_is_not_found():
    with pytest.raises(PromptError, match="no template"):
        open_templates().source("../pyproject.toml")


@pytest.mark.parametrize("layout", ["chat", "json", "vqa"])
@pytest.mark.parametrize("domain", ["general", "medical", "pedestrian", "time-series", "point-cloud", "traffic"])
def test_every_wording_says_the_same_in_other_words(layout, domain):
    nouns = {"noun": "bolt", "plural": "bolts", "this": "bolt image", "of": "bolt"}
    one = sample(domain=domain, nouns=nouns)
    for more in ({}, {"class_info": True}, {"shots": 2}, {"marks": True}, {"class_info": True, "shots": 1}):
        texts = [
            render_prompt(one, Ingredients(**more, wording=wording), layout=layout).text for wording in range(4)
        ]
        assert len(set(texts)) == 4
        for text in texts:
            assert "  " not in text
            assert ("anomalies" in text) or ("outliers" in text)
            assert ("third" in text) == (more.get("shots") == 2)


def test_a_wording_changes_the_task_and_nothing_else():
    usual = render_prompt(sample(), Ingredients(class_info=True, standard=True, shots=1)).text
    other = render_prompt(sample(), Ingredients(class_info=True, standard=True, shots=1, wording=2)).text
    assert (
        usual.replace(
            "Please determine whether the second image given about the bolt contains anomalies or defects. "
            "If yes, give a specific reason.",
            "Look carefully at the second image given about the bolt and decide whether anomalies or defects can "
            "be seen there. If they can, describe them.",
        )
        == other
    )


def test_an_unknown_wording_and_one_that_changes_nothing_are_refused(tmp_path):
    with pytest.raises(PromptError, match=r"no wording 'mine'\. Allowed: 0 \(the usual words\), 1, 2, 3"):
        render_prompt(sample(), Ingredients(wording="mine"))
    (tmp_path / "wordings" / "mine").mkdir(parents=True)
    (tmp_path / "wordings" / "mine" / "task.jinja").write_text("Find {{ findings }} in {{ subject }}.")
    text = render_prompt(sample(), Ingredients(wording="mine"), prompts=[tmp_path]).text
    assert text == "Find anomalies or defects in the image."
    with pytest.raises(PromptError, match="changes nothing in the layout 'vqa'"):
        render_prompt(sample(), Ingredients(wording="mine"), layout="vqa", prompts=[tmp_path])
    with pytest.raises(PromptError, match="changes nothing"):
        render_prompt(sample(question="What is it?"), Ingredients(wording=1), layout="vqa")


def test_an_example_of_a_defect_is_called_anomalous_in_every_domain():
    from dataclasses import replace

    normal, defect = (Ingredients(shots=1, class_info=True, reference_kind=kind) for kind in ("normal", "defect"))
    for domain in ("industrial", "medical", "pedestrian", "time-series", "point-cloud"):
        one = sample(
            domain=domain, nouns={"noun": "bottle", "plural": "bottles", "of": "bottle", "this": "bottle"}
        )
        shown = replace(one, references=(Path("r.png"),))
        said, usual = (render_prompt(shown, held).text for held in (defect, normal))
        verb = "are" if domain == "pedestrian" else "is"
        assert f" {verb} normal. " in usual
        assert said == usual.replace(f" {verb} normal. ", f" {verb} anomalous. ")


def test_readings_stand_before_the_question_and_name_their_picture():
    one = sample(auxiliary={"oven temperature in °C": "212", "line": "3"})
    text = render_prompt(one, Ingredients(auxiliary=True)).text
    assert text.startswith("Recorded with the image: oven temperature in °C: 212; line: 3. Please determine")
    marked = render_prompt(one, Ingredients(auxiliary=True, marks=True)).text
    assert "Recorded with the first image: oven" in marked
    with pytest.raises(PromptError, match="'readings' is undefined"):
        render_prompt(sample(), Ingredients(auxiliary=True))


@pytest.mark.parametrize(
    ("domain", "level", "shots", "said"),
    [
        ("industrial", "naive", 0, "whether the set of four images contains anomalies or defects."),
        ("industrial", "class", 1, "The first set of four images given about the bottle is normal."),
        ("industrial", "class", 1, "whether the second set of four images given about the bottle contains"),
        ("point-cloud", "naive", 2, "The first two sets of four rendered depth images are normal."),
        ("point-cloud", "naive", 2, "whether the third set of four rendered depth images contains"),
        ("medical", "class", 0, "whether the set of four images of head CT contains anomalies."),
        ("medical", "class", 1, "The first set of four images of head CT is normal."),
        ("medical", "class", 1, "whether the second set of four images given contains"),
        ("pedestrian", "naive", 1, "The first video frames are normal."),
    ],
)
def test_an_item_of_several_pictures_is_not_spoken_of_as_one_image(domain, level, shots, said):
    """Four tiles of a reference come first; "the second image" would be one of them."""
    tiles = make_recipe({"tile": {"k": 2}})
    nouns = {"noun": "bottle", "plural": "bottles", "this": "head CT image", "of": "head CT"}
    references = tuple(Path(f"ref{number}.png") for number in range(shots))
    prompt = render_prompt(sample(domain=domain, recipe=tiles, nouns=nouns, references=references), level, shots)
    assert len(prompt.views) == 4 * (shots + 1)
    assert said in prompt.text


def test_control_wordings_speak_of_video_frames_in_the_plural():
    frames = sample(domain="pedestrian")
    said = {
        wording: render_prompt(frames, Ingredients(wording=wording)).text
        for wording in ("confirm-defective", "confirm-fine", "yes-or-no", "no-or-yes")
    }
    assert "the video frames contain anomalies" in said["confirm-defective"]
    assert (
        "the video frames are free of anomalies" in said["confirm-fine"]
        and "If they are not" in said["confirm-fine"]
    )
    assert "the video frames contain anomalies" in said["yes-or-no"] and "contain " in said["no-or-yes"]
    assert "the image contains" in render_prompt(sample(), Ingredients(wording="yes-or-no")).text
    marked = render_prompt(frames, Ingredients(marks=True)).text
    assert "The first video frames need to be inspected. The second video frames contain their" in marked
