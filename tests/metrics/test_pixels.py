import numpy as np
import pytest
from scipy import integrate, ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from vlm_eval.metrics.pixels import per_region_overlap, pixel_metrics


def draw(seed: int, digits: int = 2) -> tuple[list, list]:
    generator = np.random.default_rng(seed)
    masks = [np.zeros((20, 24), dtype=bool) for _ in range(3)]
    masks[0][2:6, 3:8], masks[0][12:15, 12:20], masks[1][5:15, 5:9] = True, True, True
    return [np.round(generator.normal(size=mask.shape) + 1.5 * mask, digits) for mask in masks], masks


@pytest.mark.parametrize("digits", [1, 6])
def test_pooled_pixels_agree_with_scikit_learn(digits: int) -> None:
    maps, masks = draw(0, digits)
    found = pixel_metrics(maps, masks)
    score, gold = np.concatenate(maps).ravel(), np.concatenate(masks).ravel()
    precision, recall, _ = precision_recall_curve(gold, score)
    false, true, _ = roc_curve(gold, score, drop_intermediate=False)
    assert found.auprc == pytest.approx(average_precision_score(gold, score))
    assert found.f1_max == pytest.approx((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max())
    assert found.false_positive_rate_at_95 == pytest.approx(false[np.flatnonzero(true >= 0.95)[0]])
    assert (found.pixels, found.anomalous, found.regions) == (score.size, int(gold.sum()), 3)


def aupro_by_thresholds(maps: list, masks: list, ignored: list, limit: float = 0.3) -> float:
    """Follow the definition threshold by threshold, with SciPy's trapezoids under the curve up to the limit."""
    points = [(0.0, 0.0)]
    for cut in np.unique(np.concatenate(maps))[::-1]:
        overlaps, alarms, normal = [], 0, 0
        for score, mask, ignore in zip(maps, masks, ignored, strict=True):
            regions, count = ndimage.label(mask & ~ignore, structure=np.ones((3, 3)))
            overlaps += [np.mean(score[regions == number] >= cut) for number in range(1, count + 1)]
            alarms += np.sum((score >= cut) & ~mask & ~ignore)
            normal += np.sum(~mask & ~ignore)
        points.append((alarms / normal, np.mean(overlaps)))
    inside = [point for point in points if point[0] <= limit]
    (low, before), (high, after) = inside[-1], points[len(inside)]
    end = before + (after - before) * (limit - low) / (high - low)
    rates, overlap = np.array([*inside, (limit, end)]).T
    return float(integrate.trapezoid(overlap, rates)) / limit


@pytest.mark.parametrize("digits", [1, 2, 6])
@pytest.mark.parametrize("ignoring", [False, True])
def test_aupro_follows_the_definition(digits: int, ignoring: bool) -> None:
    maps, masks = draw(1, digits)
    ignored = [np.zeros(mask.shape, dtype=bool) for mask in masks]
    if ignoring:
        ignored[0][:, 14:] = ignored[1][3:8] = True
    assert pixel_metrics(maps, masks, ignored).aupro == pytest.approx(aupro_by_thresholds(maps, masks, ignored))


def test_a_perfect_map_scores_one_and_a_constant_one_by_chance() -> None:
    _, masks = draw(0)
    perfect = pixel_metrics([mask.astype(float) for mask in masks], masks)
    found = (perfect.auprc, perfect.aupro, perfect.f1_max, perfect.false_positive_rate_at_95)
    assert found == pytest.approx((1, 1, 1, 0))
    flat = pixel_metrics([np.zeros(mask.shape) for mask in masks], masks)
    assert flat.auprc == pytest.approx(np.mean(np.array(masks)))
    assert flat.aupro == pytest.approx(0.15)
    assert flat.false_positive_rate_at_95 == 1


def test_small_regions_weigh_as_much_as_large_ones() -> None:
    region = np.array([1] * 90 + [2] * 10 + [0] * 100)
    score = np.array([0.9] * 90 + [0.1] * 10 + [0.5] * 100)
    assert per_region_overlap(score, region) == pytest.approx(0.5)


def test_ignored_pixels_count_for_nothing() -> None:
    maps, masks = draw(2)
    ignored = [np.zeros(mask.shape, dtype=bool) for mask in masks]
    ignored[0][:10] = True
    found = pixel_metrics(maps, masks, ignored)
    keep = ~np.concatenate(ignored).ravel()
    score, gold = np.concatenate(maps).ravel()[keep], np.concatenate(masks).ravel()[keep]
    assert found.auprc == pytest.approx(average_precision_score(gold, score))
    assert found.regions == 2


def test_one_class_no_pictures_and_nan_scores_say_so() -> None:
    score, mask = np.zeros((4, 4)), np.zeros((4, 4), dtype=bool)
    assert pixel_metrics([score], [mask]).reason == "no anomalous pixels"
    assert pixel_metrics([score], [~mask]).aupro is None
    assert pixel_metrics([], []).reason == "no pictures"
    assert "not finite" in (pixel_metrics([score + np.nan], [mask]).reason or "")


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="picture 0"):
        pixel_metrics([np.zeros((2, 3))], [np.zeros((3, 2), dtype=bool)])
    with pytest.raises(ValueError, match="one each"):
        pixel_metrics([np.zeros((2, 3))], [])


def test_masks_of_0_and_255_are_refused() -> None:
    score, mask = np.zeros((2, 2)), np.zeros((2, 2), dtype=bool)
    with pytest.raises(ValueError, match="make it boolean"):
        pixel_metrics([score], [mask.astype(np.uint8) * 255])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="make it boolean"):
        pixel_metrics([score], [mask], [mask.astype(np.uint8)])  # type: ignore[list-item]
