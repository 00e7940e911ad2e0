import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from PIL import Image

pytest.importorskip("cv2", reason="needs the extra synth")

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError, ExperimentError
from vlm_eval.synthetic.acceptance import acceptance_rate, filter_quality, tally
from vlm_eval.synthetic.look import difference_look
from vlm_eval.synthetic.seams import Fillers, Verdict
from vlm_eval.synthetic.street import read_street
from vlm_eval.synthetic.summary import Summary, shortfalls
from vlm_eval.synthetic.synthesise import Opened, synthesise


def paint(crop, hole, target, seed):
    filled = crop.copy()
    filled[hole] = 250
    return filled


def keep(crop, hole, target, seed):
    return crop.copy()


PAINTER = Fillers("painter", paint, keep, keep, ("stain", "car"))


def test_a_generated_folder_is_a_data_set_with_gold_masks_controls_and_groups(plates, settings, tmp_path):
    made = synthesise(settings(), tmp_path, tmp_path / "out")
    dataset = load_dataset(tmp_path / "out")
    assert dataset.card.name == "made" and load_dataset(made.card).samples == dataset.samples
    kinds = [sample.metadata["kind"] for sample in dataset.samples]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "anomaly": 12,
        "normal-patch": 6,
        "paste-back": 6,
        "untouched": 6,
    }
    for sample in dataset.samples:
        anomalous = sample.metadata["kind"] == "anomaly"
        assert sample.gold.anomalous == ("yes" if anomalous else "no")
        assert bool(sample.gold.masks) == anomalous
        picture = np.asarray(Image.open(sample.sources[0]))
        scene = np.asarray(Image.open(plates / "good" / f"{sample.metadata['scene'].split('-')[1]}.png"))
        if anomalous:
            mask = np.asarray(Image.open(sample.gold.masks[0])) > 0
            assert mask.shape == picture.shape[:2] and mask.any()
            assert sample.gold.accepted == ("dark spot", "black spot")
            assert np.abs(picture.astype(int) - scene)[mask].mean() > 20
        if sample.metadata["kind"] in ("untouched", "paste-back"):
            assert np.array_equal(picture, scene)
    assert len({sample.group for sample in dataset.samples}) == 6
    assert dataset.samples[0].nouns["noun"] == "plate"


def test_the_same_seed_makes_the_same_bytes_and_another_one_others(plates, settings, tmp_path):
    pictures = {}
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        synthesise(settings(seed=seed), tmp_path, tmp_path / name)
        pictures[name] = {file.name: file.read_bytes() for file in (tmp_path / name / "images").iterdir()}
    assert pictures["first"] == pictures["again"]
    assert pictures["first"] != pictures["other"]


def test_more_scenes_leave_the_items_of_the_first_ones_as_they_are(plates, settings, tmp_path):
    few = settings(scenes={"dataset": "plates/plates.yaml", "limit": 2})
    synthesise(few, tmp_path, tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out" / "images").iterdir()}
    assert len(load_dataset(tmp_path / "out").samples) == 10
    synthesise(settings(), tmp_path, tmp_path / "out")
    assert len(load_dataset(tmp_path / "out").samples) == 30
    assert all((tmp_path / "out" / "images" / name).read_bytes() == data for name, data in before.items())
    synthesise(settings(), tmp_path, tmp_path / "whole")
    assert (tmp_path / "whole" / "items.jsonl").read_text() == (tmp_path / "out" / "items.jsonl").read_text()


def test_an_interrupted_generation_is_a_usable_data_set_and_goes_on(plates, settings, tmp_path):
    calls = []

    def stop(done, of):
        calls.append((done, of))
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(settings(), tmp_path, tmp_path / "out", stop)
    assert len(load_dataset(tmp_path / "out").samples) == 7
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out" / "images").iterdir()}
    synthesise(settings(), tmp_path, tmp_path / "out", lambda done, of: calls.append((done, of)))
    assert calls[7] == (8, 30) and calls[-1] == (30, 30)
    assert all((tmp_path / "out" / "images" / name).stat().st_mtime_ns == time for name, time in kept.items())
    synthesise(settings(), tmp_path, tmp_path / "whole")
    assert (tmp_path / "whole" / "log.jsonl").read_text() == (tmp_path / "out" / "log.jsonl").read_text()


def test_a_file_that_was_half_written_is_done_anew(plates, settings, tmp_path):
    synthesise(settings(), tmp_path, tmp_path / "out")
    record = next((tmp_path / "out" / "records").glob("*.json"))
    record.write_text(record.read_text()[:40])
    with pytest.raises(ExperimentError, match="is damaged"):
        synthesise(settings(), tmp_path, tmp_path / "out")
    record.unlink()
    assert len(synthesise(settings(), tmp_path, tmp_path / "out").records) == 30


def test_other_settings_and_foreign_folders_are_refused(plates, settings, tmp_path):
    synthesise(settings(), tmp_path, tmp_path / "out")
    with pytest.raises(ExperimentError, match="was begun with variants 2, and now it is 3"):
        synthesise(settings(variants=3), tmp_path, tmp_path / "out")
    with pytest.raises(ExperimentError, match="was not made by synthesize"):
        synthesise(settings(), tmp_path, plates)


def test_a_setting_inside_another_that_changed_is_named_alone(plates, settings, tmp_path):
    synthesise(settings(), tmp_path, tmp_path / "out")
    fewer = settings(scenes={"dataset": "plates/plates.yaml", "each": 2})
    with pytest.raises(ExperimentError, match=r"with scenes\.each None, and now it is 2\. Only scenes\.limit"):
        synthesise(fewer, tmp_path, tmp_path / "out")


def test_the_card_states_the_licence_of_the_cut_outs_too(plates, settings, tmp_path):
    card = yaml.safe_load((plates / "plates.yaml").read_text())
    (plates / "pieces.yaml").write_text(yaml.safe_dump({**card, "name": "pieces", "licence": "not for sale"}))
    made = synthesise(settings(cut_outs={"dataset": "plates/pieces.yaml"}), tmp_path, tmp_path / "others")
    assert "anomalous items of pieces" in made.notes[0]
    synthesise(settings(), tmp_path, tmp_path / "own")
    licences = [load_dataset(tmp_path / name).card.licence for name in ("others", "own")]
    assert licences == [
        "that of the scenes, plates: CC0-1.0; and that of the cut-outs, pieces: not for sale",
        "that of the scenes, plates: CC0-1.0",
    ]


def test_a_filter_that_rejects_everything_says_so_and_keeps_log_and_candidates(plates, settings, tmp_path):
    def never(before, after, hole, target):
        return Verdict(False, "not what was wanted", np.zeros_like(hole), {"similarity": 0.1})

    made = synthesise(settings(candidates=2), tmp_path, tmp_path / "out", None, Opened(PAINTER, never))
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert len(log) == 24 and not any(line["accepted"] for line in log)
    assert log[0]["reason"] == "not what was wanted" and log[0]["scores"] == {"similarity": 0.1}
    assert all((tmp_path / "out" / line["picture"]).is_file() for line in log)
    assert acceptance_rate(made.records).value == 0
    said = shortfalls(Summary(tally(made.records), acceptance_rate(made.records)))
    assert any("Every one of the 24 candidates (anomaly) was rejected" in line for line in said)
    assert {sample.gold.anomalous for sample in load_dataset(tmp_path / "out").samples} == {"no"}


def test_inserted_normal_classes_are_gold_normal(plates, settings, tmp_path):
    both = settings(normal_objects=["car"], targets=["stain"])
    synthesise(both, tmp_path, tmp_path / "out", None, Opened(PAINTER, difference_look()))
    samples = load_dataset(tmp_path / "out").samples
    inserted = [sample for sample in samples if sample.metadata["kind"] == "normal-object"]
    assert inserted and all(one.gold.anomalous == "no" and one.metadata["target"] == "car" for one in inserted)
    with pytest.raises(CardError, match="'car' is named as an anomaly and as a normal object"):
        twice = settings(normal_objects=["car"], targets=["car"])
        synthesise(twice, tmp_path, tmp_path / "x", None, Opened(PAINTER, difference_look()))
    with pytest.raises(CardError, match="cannot make 'zebra'; it can make car, stain"):
        synthesise(settings(targets=["zebra"]), tmp_path, tmp_path / "x", None, Opened(PAINTER, difference_look()))


def test_an_anomaly_stays_in_the_valid_region_and_a_scene_without_one_fails_alone(plates, settings, tmp_path):
    regions = tmp_path / "regions"
    regions.mkdir()
    for number in range(6):
        valid = np.zeros((80, 96), dtype=np.uint8)
        if number != 3:
            valid[40:, 48:] = 255
        Image.fromarray(valid).save(regions / f"{number}.png")
    scenes = {"dataset": "plates/plates.yaml", "regions": "regions"}
    made = synthesise(settings(scenes=scenes), tmp_path, tmp_path / "out")
    failed = [record for record in made.records if record.failed]
    assert {record.scene for record in failed} == {"good-3-png"} and len(failed) == 4
    assert "no hole of" in failed[0].failed and "0% of the picture" in failed[0].failed
    for sample in load_dataset(tmp_path / "out").samples:
        if sample.gold.masks:
            mask = np.asarray(Image.open(sample.gold.masks[0])) > 0
            assert not mask[:40].any() and not mask[:, :48].any()
    Image.fromarray(np.full((10, 10), 255, np.uint8)).save(regions / "0.png")
    made = synthesise(settings(scenes=scenes, seed=5), tmp_path, tmp_path / "other")
    assert any("lies outside its picture of 96x80" in (record.failed or "") for record in made.records)


def context(tmp_path, rows, **changes):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (80, 96, 3), dtype=np.uint8)).save(tmp_path / "bath.png")
    Image.fromarray(rng.integers(0, 255, (80, 96, 3), dtype=np.uint8)).save(tmp_path / "hall.png")
    (tmp_path / "scenes.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    table = {
        "scenes": ["bathroom", "hall"],
        "objects": {
            "cow": {"description": "an animal", "size": "small", "scenes": "all", "synonyms": ["cattle"]},
            "bus": {"description": "a vehicle", "size": "large", "scenes": ["bathroom"]},
            "soap": {"description": "a bar", "size": "small", "scenes": None},
        },
    }
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(table))
    from vlm_eval.synthetic.settings import Synthesis

    return Synthesis.model_validate(
        {
            "name": "made",
            "generator": "context",
            "inpainter": "texture",
            "scenes": {"table": "scenes.jsonl"},
            "table": "table.yaml",
            "candidates": 4,
            **changes,
        }
    )


def row(image, scene, size, left=20, right=50):
    return {"image": image, "scene": scene, "size": size, "left": left, "top": 20, "right": right, "bottom": 50}


def test_context_puts_objects_of_the_holes_size_that_are_out_of_place_and_keeps_every_good_candidate(tmp_path):
    rows = [
        row("bath.png", "bathroom", "small"),
        row("bath.png", "bathroom", "large"),
        row("hall.png", "hall", "large"),
    ]

    def every_other(before, after, hole, target):
        every_other.count += 1
        return Verdict(every_other.count % 2 == 0, "odd", hole, {})

    every_other.count = 0
    opened = Opened(replace(PAINTER, targets=()), every_other)
    made = synthesise(context(tmp_path, rows), tmp_path, tmp_path / "out", None, opened)
    anomalies = [record for record in made.records if record.kind == "anomaly"]
    assert [(one.scene, one.target, len(one.items), len(one.attempts)) for one in anomalies] == [
        ("bath-png", "cow", 2, 4),
        ("bath-png", "bus", 2, 4),
    ]  # nothing large is out of place in the hall
    assert made.notes == (
        "The object table does not say of 1 of 3 objects where they are out of place; they were not used",
    )
    samples = load_dataset(tmp_path / "out").samples
    cow = next(sample for sample in samples if sample.gold.defect_type == "cow")
    assert cow.domain == "context" and cow.gold.accepted == ("cow", "cattle") and cow.object_class == "bathroom"
    assert {one.metadata["kind"] for one in samples} == {"anomaly", "normal-patch", "paste-back", "untouched"}


def test_context_without_an_object_that_fits_names_the_open_questions(tmp_path):
    with pytest.raises(CardError, match=r"Of 1 of its 3 objects the table does not say"):
        synthesise(
            context(tmp_path, [row("hall.png", "hall", "large")]),
            tmp_path,
            tmp_path / "out",
            None,
            Opened(replace(PAINTER, targets=()), difference_look()),
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "huge"}, "the size is 'huge'; allowed are small, medium, large"),
        ({"right": "wide"}, "must be numbers of pixels"),
        ({"right": "nan"}, "must be numbers of pixels"),
        ({"right": "inf"}, "must be numbers of pixels"),
        ({"left": None}, "'left' is missing"),
        ({"image": "../secret.png"}, "leads out of"),
        ({"scene": ""}, "'scene' is missing"),
    ],
)
def test_a_row_of_scenes_that_is_wrong_is_named(tmp_path, change, message):
    with pytest.raises(CardError, match=message):
        synthesise(context(tmp_path, [row("bath.png", "bathroom", "small") | change]), tmp_path, tmp_path / "out")


def test_a_box_outside_its_picture_or_as_large_as_it_fails_that_hole_alone(tmp_path):
    rows = [row("bath.png", "bathroom", "small", right=200), row("hall.png", "hall", "small")]
    opened = Opened(replace(PAINTER, targets=()), difference_look())
    made = synthesise(context(tmp_path, rows), tmp_path, tmp_path / "out", None, opened)
    assert {record.scene for record in made.records if record.failed} == {"bath-png"}
    assert any(record.items for record in made.records if record.kind == "anomaly")
    assert "outside its picture of 96x80" in (tmp_path / "out" / "log.jsonl").read_text()


def test_a_failed_job_is_done_anew_when_its_scene_was_put_right(tmp_path):
    rows = [row("bath.png", "bathroom", "small", right=200), row("hall.png", "hall", "small")]
    opened = Opened(replace(PAINTER, targets=()), difference_look())
    synthesise(context(tmp_path, rows), tmp_path, tmp_path / "out", None, opened)
    right = context(tmp_path, [row("bath.png", "bathroom", "small"), rows[1]])
    made = synthesise(right, tmp_path, tmp_path / "out", None, opened)
    assert not any(record.failed for record in made.records)
    assert (tmp_path / "out" / "log.jsonl").read_text().count("failed") == 0


def test_an_inpainter_that_makes_nothing_of_the_table_is_named(tmp_path):
    scenes = context(tmp_path, [row("bath.png", "bathroom", "small")])
    with pytest.raises(CardError, match="The inpainter painter makes car, stain, and the object table has none"):
        synthesise(scenes, tmp_path, tmp_path / "out", None, Opened(PAINTER, difference_look()))


def test_the_filters_precision_is_told_on_labelled_candidates(plates, settings, tmp_path):
    def bright_only(before, after, hole, target):
        return Verdict(bool(hole.sum() % 2 == 0), "odd", hole, {})

    made = synthesise(settings(), tmp_path, tmp_path / "out", None, Opened(PAINTER, bright_only))
    attempts = [attempt for record in made.records for attempt in record.attempts]
    accepted = [one.candidate for one in attempts if one.accepted]
    rejected = [one.candidate for one in attempts if not one.accepted]
    labels = {name: at % 4 > 0 for at, name in enumerate(accepted[:8])} | {rejected[0]: True}
    quality = filter_quality(made.records, labels)
    assert (
        quality.precision.value == pytest.approx(6 / 8) and quality.precision.low < 0.75 < quality.precision.high
    )
    assert quality.recall.value == pytest.approx(6 / 7)
    with pytest.raises(CardError, match="no candidate 'nobody'"):
        filter_quality(made.records, {"nobody": True})


def test_street_scenes_get_the_25_anomalies_and_the_six_classes_that_belong_there(plates, settings, tmp_path):
    lists = read_street()
    assert len(lists.anomalies) == len(set(lists.anomalies)) == 25
    assert lists.normal_objects == ("rider", "bicycle", "motorcycle", "bus", "person", "car")
    street = settings(street=True, variants=12)
    opened = Opened(replace(PAINTER, targets=()), difference_look())
    synthesise(street, tmp_path, tmp_path / "out", None, opened)
    inserted = {
        sample.metadata["target"]: sample.gold.anomalous
        for sample in load_dataset(tmp_path / "out").samples
        if sample.metadata["kind"] in ("anomaly", "normal-object")
    }
    assert set(inserted) <= {*lists.anomalies, *lists.normal_objects} and len(inserted) > 20
    assert all(gold == ("no" if name in lists.normal_objects else "yes") for name, gold in inserted.items())


def test_the_location_is_asked_for_by_words_and_a_bird_may_be_anywhere(plates, settings, tmp_path):
    asked = []

    def locate(picture, words):
        asked.append(words)
        road = np.zeros(picture.shape[:2], dtype=bool)
        road[60:] = True
        return road

    opened = Opened(replace(PAINTER, targets=("bird", "cat")), difference_look(), locate)
    placed = settings(
        targets=["bird", "cat"], anywhere=["bird"], location="the road", grounding=["d", "s"], variants=6
    )
    synthesise(placed, tmp_path, tmp_path / "out", None, opened)
    above = {"bird": 0, "cat": 0}
    for sample in load_dataset(tmp_path / "out").samples:
        if sample.gold.masks:
            mask = np.asarray(Image.open(sample.gold.masks[0])) > 0
            above[sample.metadata["target"]] += bool(mask[:60].any())
    assert set(asked) == {"the road"} and above["cat"] == 0 and above["bird"] > 5


def test_controls_share_the_hole_of_the_candidate_that_was_accepted_after_an_interruption_too(
    plates, settings, tmp_path
):
    seen = []

    def third(before, after, hole, target):
        seen.append(1)
        return Verdict(len(seen) % 3 == 0, "not yet", hole, {})

    def stop(done, of):
        if done == 1:
            raise KeyboardInterrupt

    opened = Opened(PAINTER, third)
    with pytest.raises(KeyboardInterrupt):
        synthesise(settings(), tmp_path, tmp_path / "out", stop, opened)
    made = synthesise(settings(), tmp_path, tmp_path / "out", None, opened)
    by_job = {record.job: record for record in made.records}
    assert len(by_job["good-0-png-0-anomaly"].attempts) == 3
    for scene in range(6):
        windows = {
            by_job[f"good-{scene}-png-0-{kind}"].window for kind in ("anomaly", "normal-patch", "paste-back")
        }
        assert len(windows) == 1
