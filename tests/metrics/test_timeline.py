"""Scores along time, against scikit-learn on every frame of the same clip."""

import numpy as np
import pytest

from vlm_eval.metrics.timeline import make_timeline, weighted_auroc, weighted_average_precision

sklearn = pytest.importorskip("sklearn.metrics")


def rates(line):
    parts = line.gold, line.score, line.weight
    return weighted_auroc(*parts), weighted_average_precision(*parts)


@pytest.mark.parametrize("seed", range(8))
def test_frames_of_overlapping_windows_score_as_scikit_learn_says(seed):
    draw = np.random.default_rng(seed)
    frames = 200
    starts = sorted({0, *draw.integers(0, 180, 9).tolist()})
    spans = [(float(start), float(min(frames, start + draw.integers(15, 60)))) for start in starts]
    scores = draw.integers(0, 5, len(spans)) / 4
    gold = [(float(a), float(a + draw.integers(1, 30))) for a in draw.integers(0, 190, 3)]
    moments = np.arange(frames) + 0.5
    covers = np.array([(moments > start) & (moments < end) for start, end in spans])
    known = covers.any(axis=0)
    score = (covers * scores[:, None]).sum(axis=0)[known] / covers.sum(axis=0)[known]
    truth = np.any([(moments > start) & (moments < end) for start, end in gold], axis=0)[known]
    line = make_timeline(spans, scores.tolist(), gold)
    assert line.weight.sum() == pytest.approx(known.sum())
    assert rates(line) == pytest.approx(
        (sklearn.roc_auc_score(truth, score), sklearn.average_precision_score(truth, score))
    )


def test_uneven_stretches_are_weighted_by_their_length():
    line = make_timeline([(0.0, 1.5), (1.5, 2.0), (4.0, 7.25)], [0.2, 0.9, 0.2], [(1.0, 2.0), (6.0, 9.0)])
    truth, score = line.gold, line.score
    assert line.weight.sum() == pytest.approx(5.25)
    assert (line.weight * truth).sum() == pytest.approx(1 + 1.25)
    expected = (
        sklearn.roc_auc_score(truth, score, sample_weight=line.weight),
        sklearn.average_precision_score(truth, score, sample_weight=line.weight),
    )
    assert rates(line) == pytest.approx(expected)


def test_without_normal_or_without_anomalous_time_nothing_is_ranked():
    assert rates(make_timeline([(0.0, 2.0)], [0.5], [])) == (None, None)
    assert rates(make_timeline([(0.0, 2.0)], [0.5], [(0.0, 5.0)])) == (None, None)
    assert rates(make_timeline([], [], [(0.0, 5.0)])) == (None, None)


def test_a_stretch_without_a_score_or_without_length_is_refused():
    with pytest.raises(ValueError, match="finite score"):
        make_timeline([(0.0, 1.0)], [float("nan")], [])
    with pytest.raises(ValueError, match="is empty"):
        make_timeline([(1.0, 1.0)], [0.5], [])
