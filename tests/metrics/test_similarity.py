"""The similarity functions of context-dependent anomalies, against matrices worked out by hand."""

import numpy as np
import pytest

from vlm_eval.metrics.similarity import (
    choose_functions,
    combine_similarities,
    image_region_similarity,
    least_similar,
    nearest_classes,
    region_region_similarity,
)

# Three regions: two along the first axis and its neighbour (0.6, 0.8), one along the second axis.
REGIONS = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])


def test_irv_is_the_product_with_the_whole_picture():
    np.testing.assert_allclose(image_region_similarity(np.array([0.8, 0.6]), REGIONS), [0.8, 0.96, 0.6])


def test_rrv_is_the_mean_product_with_all_regions_itself_among_them_as_printed():
    # Products: 1 0.6 0 / 0.6 1 0.8 / 0 0.8 1.
    np.testing.assert_allclose(region_region_similarity(REGIONS), [1.6 / 3, 2.4 / 3, 1.8 / 3])


def test_rrv_without_itself_is_the_mean_over_the_others():
    np.testing.assert_allclose(region_region_similarity(REGIONS, itself=False), [0.3, 0.7, 0.4])


def test_comparing_a_region_with_itself_never_changes_the_order():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(9, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    orders = [least_similar(region_region_similarity(vectors, itself=one), 9) for one in (True, False)]
    np.testing.assert_array_equal(*orders)


def test_a_single_region_has_no_others():
    assert region_region_similarity(REGIONS[:1]).tolist() == [1.0]
    assert region_region_similarity(REGIONS[:1], itself=False).tolist() == [0.0]


def test_the_nearest_classes_stand_in_the_order_of_their_products_and_ties_in_their_own():
    classes = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert nearest_classes(REGIONS, classes, 3).tolist() == [[1, 0, 2], [0, 2, 1], [0, 2, 1]]


def test_kb_compares_the_descriptions_of_the_nearest_classes():
    # f(d) of the three regions: two share a text, the third is at right angles to it.
    texts = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(region_region_similarity(texts), [2 / 3, 2 / 3, 1 / 3])
    assert least_similar(region_region_similarity(texts)).tolist() == [2]


def test_the_sets_hold_the_functions_that_the_study_names():
    irv, rrv, kb = np.array([1.0]), np.array([2.0]), np.array([3.0])
    assert [float(one[0]) for one in choose_functions(irv, rrv, kb, "all")] == [1, 2, 3]
    assert [float(one[0]) for one in choose_functions(irv, rrv, kb, "visual")] == [1, 2]
    assert [float(one[0]) for one in choose_functions(irv, rrv, kb, "knowledge")] == [3]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", [0.75, 0.8, 0.55]),
        # Deviations sqrt(2/3) * 0.2 of both: (0, 1, -1) and (1, -1, 0) times sqrt(3/2), halved.
        ("standardised", [0.5 * 1.5**0.5, 0.0, -0.5 * 1.5**0.5]),
        ("rank", [2.5, 2.0, 1.5]),
    ],
)
def test_the_functions_are_combined_as_asked(how, expected):
    functions = [np.array([0.8, 1.0, 0.6]), np.array([0.7, 0.3, 0.5])]
    if how == "mean":
        functions[1] = np.array([0.7, 0.6, 0.5])
    np.testing.assert_allclose(combine_similarities(functions, how), expected, atol=1e-12)


def test_a_function_that_tells_no_region_apart_counts_as_nought():
    found = combine_similarities([np.array([0.4, 0.4]), np.array([0.1, 0.3])], "standardised")
    np.testing.assert_allclose(found, [-0.5, 0.5])


def test_the_least_similar_regions_come_lowest_first_and_equal_ones_in_their_order():
    assert least_similar(np.array([0.3, 0.1, 0.2, 0.1]), 3).tolist() == [1, 3, 2]
