import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="needs the extra synth")
pytest.importorskip("onnxruntime", reason="needs the extra baseline")

from vlm_eval.metrics.estimate import Estimate, undefined
from vlm_eval.synthetic.control_probe import Probe, linear_probe, probe_controls
from vlm_eval.synthetic.edit_features import detail_features, network_features
from vlm_eval.synthetic.records import Item, Record
from vlm_eval.synthetic.summary import verdict


def test_a_feature_that_every_edit_raises_is_found_and_noise_is_not():
    rng = np.random.default_rng(0)
    gold, groups = np.repeat([1, 0], 30), [f"scene {at}" for at in range(30)] * 2
    noise = rng.standard_normal((60, 5))
    found = linear_probe(np.column_stack([noise, gold + 0.2 * rng.standard_normal(60)]), gold, groups)
    assert found.value > 0.95 and found.low > 0.8
    assert abs(linear_probe(noise, gold, groups).value - 0.5) < 0.2


def test_a_scene_is_never_in_training_and_test_at_once():
    """Features that name the scene, with a label that is the scene's own, are perfect only for a leaking probe."""
    rng = np.random.default_rng(1)
    scenes = np.arange(24)
    groups = [str(scene) for scene in scenes] * 2
    gold = np.concatenate([scenes % 2, scenes % 2])
    named = rng.standard_normal((24, 60))
    assert linear_probe(np.concatenate([named, named]), gold, groups).value < 0.8


def test_too_few_scenes_give_no_probe():
    found = linear_probe(np.zeros((6, 2)), np.repeat([1, 0], 3), ["a", "b", "c"] * 2)
    assert found.value is None and "3 scenes are too few" in found.reason


def test_the_detail_features_see_a_blur_and_the_network_sees_a_picture():
    from scipy import ndimage

    sharp = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    blurred = ndimage.gaussian_filter(sharp, (1, 1, 0))
    first, second = detail_features([sharp, blurred])
    assert first[0] > second[0] + 1 and np.isfinite([first, second]).all()
    assert np.isfinite(detail_features([np.full((32, 32, 3), 9, np.uint8)])).all()
    assert network_features([sharp, blurred, sharp]).shape == (3, 224)


def records(folder, trace):
    for scene in range(8):
        rng = np.random.default_rng(scene)
        picture = rng.integers(90, 160, (64, 64, 3), dtype=np.uint8)
        edited = picture.copy()
        if trace:
            edited[16:48, 16:48] = 0
        for kind, array in (("untouched", picture), ("paste-back", edited)):
            name = f"{scene}-{kind}"
            Image.fromarray(array).save(folder / f"{name}.png")
            window = None if kind == "untouched" else (8, 8, 56, 56)
            item = Item(name, f"{name}.png")
            yield Record(name, kind, str(scene), str(scene), "plate", "spot", 0, window, (item,))


@pytest.mark.parametrize(("trace", "over"), [(True, True), (False, None)])
def test_edits_that_leave_a_trace_are_found_and_others_are_not(tmp_path, trace, over):
    probes = probe_controls(tmp_path, list(records(tmp_path, trace)))
    assert [(probe.area, probe.features) for probe in probes] == [
        ("picture", "network"),
        ("picture", "fine detail"),
        ("crop", "network"),
        ("crop", "fine detail"),
    ]
    assert {probe.over for probe in probes} == {over}  # None: nothing to probe
    assert {(probe.pairs, probe.changed) for probe in probes} == {(8, 8 if trace else 0)}
    said = "The edit is the cue" if over else "Every control equals its scene to the byte"
    assert verdict(probes).startswith(said)


def test_the_verdict_says_when_there_are_too_few_scenes_or_no_probe():
    unsure = Probe("paste-back", "crop", "network", Estimate(0.55, 0.3, 0.8, 8, 4), 4, 4)
    assert "too few scenes to be sure" in verdict([unsure])
    assert "nobody knows" in verdict([Probe("paste-back", "crop", "network", undefined("x"), 3, 3)])
    sure = Probe("paste-back", "crop", "network", Estimate(0.5, 0.42, 0.58, 300, 150), 150, 150)
    assert verdict([sure]) == (
        "No probe tells edits from untouched pictures (AUROC 0.50 [0.42, 0.58] on network of the crop, control "
        "paste-back)."
    )
