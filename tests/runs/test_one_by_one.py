"""Items whose views are asked about one by one: planned, asked, resumed, merged and read."""

import io
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from vlm_eval.backends.patch_nn import PatchNearestNeighbour
from vlm_eval.backends.scripted import Faults, ScriptedBackend
from vlm_eval.errors import ExperimentError, InputError, RunFolderError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.forecast import forecast
from vlm_eval.runs.frame import read_frame, read_views
from vlm_eval.runs.items import ItemReader
from vlm_eval.runs.judge import stored_answers
from vlm_eval.runs.judging import rescore
from vlm_eval.runs.merge import merge_runs
from vlm_eval.runs.one_by_one import RULES
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.review_draw import open_drawing
from vlm_eval.runs.runner import execute
from vlm_eval.runs.shard import Shard
from vlm_eval.runs.store import Store

CORNERS = ((4, 4), (40, 4), (4, 40), (40, 40))


@pytest.fixture
def plates(tmp_path):
    """Six sound plates, and six with a red spot in one of the four corners."""
    for number in range(12):
        picture = Image.new("RGB", (64, 64), (90 + number, 120, 140))
        if number % 2:
            left, top = CORNERS[number // 2 % 4]
            ImageDraw.Draw(picture).rectangle((left, top, left + 12, top + 12), fill=(230, 20, 20))
        folder = tmp_path / "plates" / ("anomalous" if number % 2 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{number:02d}.png")
    return tmp_path / "plates"


def plan_of(plates, shard=None, **changes):
    experiment = {
        "dataset": str(plates), "models": ["scripted:coin"], "views": {"tile": {"k": 2}}, "join": "any", **changes
    }  # fmt: skip
    return replace(make_plan(parse_experiment(experiment, "test")), shard=shard)


def sees_red(request):
    """Say what the last picture shows."""
    with Image.open(io.BytesIO(request.prompt.views[-1].read())) as picture:
        red = any(red > 200 and green < 60 for _, (red, green, _) in picture.convert("RGB").getcolors(1 << 16))
    return "Yes, there is a spot." if red else "No, it is normal."


def looking(**faults):
    return lambda spec, scratch: ScriptedBackend(sees_red, Faults(**faults))


def run(plates, folder, open_with=None, shard=None, **changes):
    return execute(plan_of(plates, shard, **changes), folder, open_with=open_with or looking())


def test_each_view_is_asked_about_in_a_request_of_its_own_and_any_finds_the_spot(plates, tmp_path):
    result = run(plates, tmp_path / "run")
    assert (result.answered, result.open) == (2 * 12 * 4, 0)  # with the forced yes/no
    views = read_views(tmp_path / "run")
    assert views["view"].tolist() == [0, 1, 2, 3] * 12
    found = views[views["verdict"] == "anomalous"]
    assert found["view"].value_counts().to_dict() == {0: 2, 1: 2, 2: 1, 3: 1} and set(found["gold"]) == {"yes"}
    frame = read_frame(tmp_path / "run")
    assert len(frame) == 12 and (frame["verdict"] == frame["gold"].map({"yes": "anomalous", "no": "normal"})).all()
    assert set(read_frame(tmp_path / "run", join="majority")["verdict"]) == {"normal"}


def test_every_rule_can_be_chosen_anew_but_not_joint_and_not_where_nothing_was_apart(plates, tmp_path):
    run(plates, tmp_path / "run", join="max")
    for rule in RULES:
        assert len(read_frame(tmp_path / "run", join=rule)) == 12
    with pytest.raises(ExperimentError, match="no rule 'joint' to join views by"):
        read_frame(tmp_path / "run", join="joint")
    run(plates, tmp_path / "whole", join="joint")
    assert len(read_frame(tmp_path / "whole")) == 12
    with pytest.raises(ExperimentError, match="in one prompt, so there is nothing to join by 'any'"):
        read_frame(tmp_path / "whole", join="any")


def test_prompts_show_one_view_with_the_same_view_of_the_reference_and_one_wording(plates):
    asks = [ask for ask in plan_of(plates, shots=[1]).asks() if ask.purpose == "answer"]
    own = [ask for ask in asks if ask.sample.id == asks[0].sample.id]
    assert [ask.question.view for ask in own] == [0, 1, 2, 3]
    for ask in own:
        assert ask.question.image_roles == ("reference", "query")
        reference, query = ask.request.prompt.views
        assert reference.recipe == query.recipe and reference.path != query.path
    assert len({ask.request.prompt.text for ask in own}) == 1
    assert len({ask.request.key for ask in own}) == 4
    joint = next(plan_of(plates, shots=[1], join="joint").asks())
    assert joint.question.view is None
    assert own[0].request.prompt.text.startswith("The first image is normal. Please determine whether the second")
    assert joint.request.prompt.text.startswith(
        "The first set of four images is normal. Please determine whether the second set of four images contains"
    )
    assert [view.identity for view in joint.request.prompt.views[4:]] == [
        ask.request.prompt.views[1].identity for ask in own
    ]


def test_repeats_rounds_probes_and_the_forced_question_are_put_to_each_view(plates, tmp_path):
    changes = {"repeats": 2, "rounds": ["look-again"], "probes": ["blank"], "yes_no": True}
    result = run(plates, tmp_path / "run", **changes)
    assert result.open == 0
    views = read_views(tmp_path / "run")
    counts = views.groupby(["cell", "round", "repeat"]).size()
    assert len(counts) == 2 * 2 + 2 and set(counts) == {48}  # a probe has no later rounds
    assert views["anomaly_score"].notna().sum() == 4 * 48  # of the question itself, not of its round
    frame = read_frame(tmp_path / "run")
    assert len(frame) == 6 * 12 and set(frame["status"]) == {"answered"}
    again = frame[frame["round"] == 1]
    assert (again["verdict"] == again["gold"].map({"yes": "anomalous", "no": "normal"})).all()


def test_a_run_that_was_cut_short_goes_on_and_shows_open_items_until_then(plates, tmp_path):
    plain = {"yes_no": False, "rounds": ["look-again"]}
    whole = run(plates, tmp_path / "whole", **plain)
    short = run(plates, tmp_path / "run", looking(unavailable_at=10), **plain)
    assert short.answered == 9
    statuses = read_frame(tmp_path / "run")
    assert statuses["status"].value_counts().to_dict()["open"] >= 10
    planned = forecast(plan_of(plates, **plain), tmp_path / "run", None).models[0]
    assert (planned.asks, planned.requests, planned.answered) == (96, 96, 9)
    assert planned.images == 48
    assert run(plates, tmp_path / "run", **plain).answered == whole.answered == 96
    assert forecast(plan_of(plates, **plain), tmp_path / "run", None).models[0].answered == 96
    assert (
        read_frame(tmp_path / "run")
        .drop(columns="latency")
        .equals(read_frame(tmp_path / "whole").drop(columns="latency"))
    )


def test_another_rule_is_no_other_plan_but_asking_jointly_is(plates, tmp_path):
    run(plates, tmp_path / "run")
    again = run(plates, tmp_path / "run", join="max")
    assert again.answered == 96
    with pytest.raises(RunFolderError, match="belongs to another prompt"):
        run(plates, tmp_path / "run", join="joint")


def test_shards_carry_the_view_and_merge_to_the_whole_run(plates, tmp_path):
    changes = {"rounds": ["look-again"], "repeats": 2}
    run(plates, tmp_path / "whole", **changes)
    shards = [tmp_path / f"shard-{index}" for index in (1, 2, 3)]
    for index, folder in enumerate(shards, start=1):
        run(plates, folder, shard=Shard(index, 3), **changes)
    merge_runs(shards, tmp_path / "merged")
    whole, merged = read_frame(tmp_path / "whole"), read_frame(tmp_path / "merged")
    order = ["sample_id", "round", "repeat"]
    whole, merged = (one.sort_values(order, ignore_index=True).drop(columns="latency") for one in (whole, merged))
    assert len(merged) == 48 and merged.equals(whole)


def test_a_baseline_compares_each_view_with_all_views_of_its_support(plates, tmp_path):
    import numpy as np

    def colours(pictures):
        return np.stack(pictures).astype(np.float32).reshape(len(pictures), 2, 112, 2, 112, 3).mean(axis=(2, 4))

    folder = tmp_path / "run"
    run(
        plates,
        folder,
        lambda spec, scratch: PatchNearestNeighbour(colours),
        models=["baseline:patch-nn"],
        support=2,
    )
    with Store(folder) as store:
        prompts = [
            store.load_prompt(form)
            for (form,) in store.connection.execute("SELECT DISTINCT prompt FROM request ORDER BY id")
        ]
    assert {tuple(view.role for view in prompt.views) for prompt in prompts} == {("query", *["reference"] * 8)}
    frame = read_frame(folder)
    assert frame["verdict"].isna().all() and frame["score_source"].eq("model").all()
    lowest = frame.loc[frame["gold"] == "yes", "anomaly_score"].min()
    assert lowest > frame.loc[frame["gold"] == "no", "anomaly_score"].max()


def test_items_of_one_picture_have_one_view_and_the_forecast_says_that_nothing_is_joined(plates, tmp_path):
    plan = plan_of(plates, views=None)
    assert {ask.question.view for ask in plan.asks()} == {0}
    notes = forecast(plan, tmp_path / "run", None).notes
    assert any("join: any changes nothing, as every item is one picture" in note for note in notes)


@pytest.mark.parametrize("join", ["any", "joint"])
def test_marks_belong_to_one_picture_and_are_refused_with_several_views(plates, join):
    """Each tile would have a mark 1 of its own, and gold marks would be those of the first tile."""
    with pytest.raises(InputError, match="several views, and marks belong to one picture"):
        plan_of(plates, marks="grid", grid={"marks": [1]}, join=join)


def test_a_rule_that_does_not_exist_names_those_that_do(plates):
    with pytest.raises(ExperimentError, match="'joint', 'any', 'max', 'mean' or 'majority'"):
        plan_of(plates, join="either")


def test_what_reads_answers_one_by_one_refuses_a_run_of_views_with_one_message(plates, tmp_path):
    run(plates, tmp_path / "run")
    (tmp_path / "labels.csv").write_text("sample_id,verdict\nplates/normal/00.png,normal\n")
    with pytest.raises(ExperimentError, match=r"views of an item one by one.*a judge who reads one answer"):
        next(stored_answers(tmp_path / "run"))
    with Store(tmp_path / "run", write=True) as store:
        with pytest.raises(ExperimentError, match="a person who reads one answer cannot say"):
            open_drawing(store, ReviewLog(store))
        with pytest.raises(ExperimentError, match="no readings of answers"):
            rescore(store, [f"human:{tmp_path / 'labels.csv'}"])


def test_the_place_of_an_anomaly_is_known_of_the_first_view_alone(plates, tmp_path):
    from vlm_eval.runs.regions import region_path

    run(plates, tmp_path / "run")
    with Store(tmp_path / "run", write=True) as store:
        region = region_path(tmp_path / "run", 2)
        region.parent.mkdir(exist_ok=True)
        Image.new("1", (32, 32), 1).save(region)
        pages = ItemReader(store).unjudged(1, "nobody", "0")
        items = [item for page in pages for _, item in page]
        second = [item for item in items if item.sample.id == items[4].sample.id]
    assert [bool(item.sample.gold.masks) for item in second] == [True, False, False, False]
    assert all(not item.sample.gold.masks for item in items[:4])


def test_answers_in_a_table_name_the_view(plates, tmp_path):
    names = [sample.id for sample in plan_of(plates).samples]
    rows = [f"{name},{'Yes.' if view == 3 else 'No.'},{view}" for name in names for view in range(4)]
    (tmp_path / "said.csv").write_text("sample_id,answer,view\n" + "\n".join(rows) + "\n")
    execute(plan_of(plates, models=[f"replay:{tmp_path / 'said.csv'}"], yes_no=False), tmp_path / "run")
    assert set(read_frame(tmp_path / "run")["verdict"]) == {"anomalous"}
    assert read_views(tmp_path / "run")["verdict"].tolist() == [*["normal"] * 3, "anomalous"] * 12
    (tmp_path / "more.csv").write_text("sample_id,answer,view\n" + "\n".join([*rows, f"{names[0]},No.,4"]) + "\n")
    with pytest.raises(ExperimentError, match=r"not planned, such as .* view 4"):
        execute(plan_of(plates, models=[f"replay:{tmp_path / 'more.csv'}"]), tmp_path / "other")
