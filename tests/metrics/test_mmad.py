import pytest

from vlm_eval.metrics.mmad import DETECTION, ChoiceAnswer, choice_table

# Counts behind the published one-shot GPT-4o table: (normal, false alarms), (anomalous, missed)
COUNTS = {
    "DS-MVTec": ((465, 116), (1226, 152)),
    "MVTec-LOCO": ((573, 167), (992, 426)),
    "VisA": ((943, 350), (1198, 360)),
    "GoodsAD": ((1261, 486), (1624, 733)),
}
PUBLISHED = {  # data set: Anomaly Detection, Recall, Precision, F1, Overkill, Miss
    "DS-MVTec": (81.32786051, 87.60195759, 90.25210084, 88.90728477, 24.94623656, 12.39804241),
    "MVTec-LOCO": (63.95579998, 57.05645161, 77.21691678, 65.62318841, 29.14485166, 42.94354839),
    "VisA": (66.41716399, 69.94991653, 70.53872054, 70.24308466, 37.11558855, 30.05008347),
    "GoodsAD": (58.16184571, 54.86453202, 64.70588235, 59.38020660, 38.54084060, 45.13546798),
    "Average": (67.46566755, 67.36821443, 75.67840513, 71.03844111, 32.43687934, 32.63178556),
}


def answers_of(dataset, normal, anomalous):
    for kind, (total, wrong) in (("good", normal), ("broken", anomalous)):
        for number in range(total):
            yield ChoiceAnswer(f"{dataset}/x/{kind}/{number}.png", DETECTION, "A", "B" if number < wrong else "A")


def test_detection_matches_the_published_table():
    answers = [one for dataset, counts in COUNTS.items() for one in answers_of(dataset, *counts)]
    rows = {row.dataset: row for row in choice_table(answers, as_published=True)}
    for dataset, published in PUBLISHED.items():
        row = rows[dataset]
        found = (row.subtasks[DETECTION], row.recall, row.precision, row.f1, row.overkill, row.miss)
        assert found == pytest.approx(published, abs=1e-6)


def test_the_average_is_taken_over_subtasks_then_over_data_sets():
    # the published row of DS-MVTec: seven subtasks, mean 84.80044166
    subtasks = (81.32786051, 77.09543569, 69.23721710, 82.60511129, 92.69709544, 99.78448276, 90.85588881)
    assert sum(subtasks) / 7 == pytest.approx(84.80044166)
    answers = [ChoiceAnswer("d/x/good/1.png", "Defect Analysis", "A", said) for said in "AB"]
    answers += [ChoiceAnswer("d/x/good/1.png", "Object Details", "A", "A")]
    answers += [ChoiceAnswer("e/x/good/1.png", "Object Structure", "A", "A")]
    first, second, average = choice_table(answers)
    assert first.subtasks == {"Defect Analysis": 50, "Object Analysis": 100}
    assert (first.average, second.average, average.average) == (75, 50, 62.5)


def test_the_published_summary_skips_what_stands_behind_a_refusal():
    answers = []
    for number in range(50):
        answers.append(ChoiceAnswer(f"d/x/good/{number}.png", "Defect Analysis", "A", None))
        answers.append(ChoiceAnswer(f"d/x/good/{number}.png", "Defect Analysis", "A", "A"))
    published, fair = (choice_table(answers, as_published=bug)[0] for bug in (True, False))
    assert (published.answered, published.subtasks["Defect Analysis"]) == (0, 0.0)
    assert (fair.answered, fair.asked, fair.subtasks["Defect Analysis"]) == (50, 100, 50.0)


def test_no_answers_give_no_table():
    assert choice_table([]) == []
