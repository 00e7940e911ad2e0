import numpy as np
import pytest

from vlm_eval.metrics.sampling import sampling, variance


def test_clusters_are_groups_and_classes_are_strata() -> None:
    drawn = sampling(["a", "a", "b", "c"], ["x", "x", "y", "y"])
    assert drawn.clusters == 3
    assert drawn.cluster_of_item.tolist() == [0, 0, 1, 2]
    assert drawn.stratum_of_cluster.tolist() == [0, 1, 1]


def test_clusters_that_span_classes_leave_one_stratum() -> None:
    drawn = sampling(["a", "a", "b"], ["x", "y", "y"])
    assert drawn.stratum_of_cluster.tolist() == [0, 0]
    assert drawn.degrees_of_freedom == 1


@pytest.mark.parametrize(
    ("groups", "classes", "expected"),
    [
        (list("abcd"), list("xxyy"), 2),
        (list("abc"), list("xxy"), 2),  # the lonely cluster of y is centred on all, not on itself
        (list("aa"), list("xx"), 0),
        (list("ab"), list("xy"), 1),
    ],
)
def test_degrees_of_freedom_are_clusters_minus_strata(groups: list, classes: list, expected: int) -> None:
    assert sampling(groups, classes).degrees_of_freedom == expected


def test_the_variance_of_a_mean_of_single_items_is_the_textbook_one() -> None:
    values = np.random.default_rng(0).normal(size=40)
    drawn = sampling([str(number) for number in range(40)], ["x"] * 40)
    assert variance((values - values.mean()) / 40, drawn) == pytest.approx(values.var(ddof=1) / 40)


def test_the_variance_of_strata_is_the_sum_of_theirs() -> None:
    values = np.random.default_rng(1).normal(size=30)
    classes = np.repeat(["x", "y", "z"], 10)
    drawn = sampling([str(number) for number in range(30)], list(classes))
    influence = np.concatenate([(part - part.mean()) / 30 for part in values.reshape(3, 10)])
    expected = sum(part.var(ddof=1) / 10 for part in values.reshape(3, 10)) / 9
    assert variance(influence, drawn) == pytest.approx(expected)


def test_items_left_out_take_their_empty_clusters_along() -> None:
    drawn = sampling(list("abca"), list("xxyx")).subset(np.array([True, False, True, True]))
    assert drawn.clusters == 2
    assert drawn.cluster_of_item.tolist() == [0, 1, 0]
    assert drawn.stratum_of_cluster.tolist() == [0, 1]
