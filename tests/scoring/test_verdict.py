import json
import time
from collections import Counter
from pathlib import Path

import pytest

from vlm_eval.flow import ReplyField
from vlm_eval.scoring.verdict import Verdict, read_verdict

ANSWERS = Path(__file__).parent / "verdict_answers.jsonl"
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "gpt4v_answers_dev.jsonl"
ONE_SHOT = ("reference", "query")
SET_OF_MARK = ("query", "marked")


def read_row(row: dict) -> Verdict:
    fields = tuple(
        ReplyField(one["name"], one["meaning"], tuple(one.get("anomalous", ())), tuple(one.get("normal", ())))
        for one in row.get("reply_fields", ())
    )
    return read_verdict(
        row["text"],
        yes_means=row.get("yes_means", "anomalous"),
        reply_fields=fields,
        finish=row.get("finish", "stop"),
        image_roles=tuple(row.get("image_roles", ())),
    )


def rows(part: str) -> list[dict]:
    read = [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
    return [row for row in read if row["part"] == part]


def test_the_corpus_is_as_broad_as_promised():
    read = rows("dev") + rows("held")
    counts = Counter(row["claim"] or row["reason"] for row in read)
    assert len(read) >= 400
    assert counts["normal"] >= 150
    assert counts["hedged"] >= 60
    assert counts["refused"] >= 40


@pytest.mark.parametrize(
    ("part", "right", "flipped"),
    [("dev", 0.98, 0.01), ("held", 0.95, 0.03), ("blind", 0.85, 0.09), ("typical", 0.97, 0.02)],
)
def test_answers_are_read_as_the_annotation_guide_reads_them(part, right, flipped):
    read = [(read_row(row).claim, row["claim"]) for row in rows(part)]
    assert sum(said == gold for said, gold in read) / len(read) >= right
    assert sum({said, gold} == {"anomalous", "normal"} for said, gold in read) / len(read) <= flipped


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded answers lie beside the checkout, not in it")
def test_recorded_answers_are_read_as_a_careful_person_read_them():
    wrong = []
    for line in SHARED.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        roles = ONE_SHOT if row["shot"] == "one" else ("query",)
        claim = {"yes": "anomalous", "no": "normal", "hedged": None}[row["human_says_anomalous_in_answer"]]
        if read_verdict(row["answer"], image_roles=roles).claim != claim:
            wrong.append(row["id"])
    assert wrong == []


@pytest.mark.parametrize(
    "wrapping", ["{}", "{}.", "**{}**", " {}\n", '"{}"', "{}!", "`{}`", "Answer: {}", "*{}*.", "({})"]
)
@pytest.mark.parametrize(("word", "claim"), [("yes", "anomalous"), ("no", "normal")])
def test_a_plain_yes_or_no_is_read_in_any_case_and_markdown(wrapping, word, claim):
    for said in (word, word.upper(), word.title()):
        assert read_verdict(wrapping.format(said)).claim == claim
        other = "normal" if claim == "anomalous" else "anomalous"
        assert read_verdict(wrapping.format(said), yes_means="normal").claim == other
        assert read_verdict(wrapping.format(said), yes_means=None).claim is None


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("USER: Are there any defects? Answer yes or no. ASSISTANT: Yes", "anomalous"),
        ("Yes, there is a crack; no other defects", "anomalous"),
        ("No defect is visible, A clean bottle", "normal"),
        ("<think>There is a crack. Or not?</think>No", "normal"),
        ("Question: Is it broken? Short answer: no", "normal"),
    ],
)
def test_answers_on_which_other_parsers_fail(text, claim):
    assert read_verdict(text).claim == claim


@pytest.mark.parametrize(
    ("text", "claim", "reason"),
    [
        ("There are no cracks, dents or stains on the surface.", "normal", None),
        ("No cracks on the left, but the right edge is dented.", "anomalous", None),
        ("There are no defects other than a chip at the rim.", "anomalous", None),
        ("The rim isn't intact.", "anomalous", None),
        ("The image fails to show any scratches.", "normal", None),
        ("The coating fails to cover the corner.", "anomalous", None),
        ("It is not free of scratches.", "anomalous", None),
        ("There are three washers instead of the required two.", "anomalous", None),
        ("The findings are consistent with pneumonia rather than normal.", "anomalous", None),
        ("There seem to be irregularities.", "anomalous", None),
        ("There are scratches. This could be considered a defect depending on the use.", None, "hedged"),
        ("There are light variations, which are normal for wood.", "normal", None),
        ("A slight mark is visible. Therefore, the part has no defects.", "normal", None),
        ("Overall, the part is normal. However, the rim is chipped.", "anomalous", None),
        ("I'm sorry, I can't help with medical images.", None, "refused"),
        ("I'm not a doctor, but there is a mass in the left lung.", "anomalous", None),
        ("a close up of a bottle", None, "off-topic"),
        ("Yes, the bottle is normal and has no defects.", None, "contradictory"),
        ("", None, "empty"),
        ("...", None, "empty"),
    ],
)
def test_each_rule_of_the_guide(text, claim, reason):
    verdict = read_verdict(text)
    assert (verdict.claim, verdict.reason) == (claim, reason)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("A crack would show as a dark jagged line.", None),
        ("A crack would show as a dark jagged line, and there is one at the rim.", None),
        ("A crack would show as a dark line. There is a crack at the rim.", "anomalous"),
        ("Broken bottles usually have a jagged highlight. The bottle meets all of the rules.", "normal"),
        ("The shell can crack and the print can be smeared.", None),
        ("I looked for holes, folds and cuts, with no success.", "normal"),
        ("I examined the hide for cuts and folds and could not find any.", "normal"),
        ("I looked for cuts. There is a cut at the left.", "anomalous"),
        ("It can be seen that the rim is cracked.", "anomalous"),
    ],
)
def test_what_is_supposed_sought_or_true_in_general_is_no_finding(text, claim):
    assert read_verdict(text).claim == claim


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("- **Bent shank:** It runs straight.\n- **Scratched head:** no\n", "normal"),
        ("- **Bent shank:** It runs straight.\n- **Scratched head:** There is a deep scratch.\n", "anomalous"),
        (
            "## What would count as a defect\n\n- cracked finish\n- chipped lip\n\n## Result\nIt passes all.",
            "normal",
        ),
        ("| Check | Result |\n| Cracks | not observed |\n| Chips | none |", "normal"),
        ("Cracks: 0\nDents: 0", "normal"),
        ("The plot has 0 outliers.", "normal"),
        ("Defects: []", "normal"),
        ("Defects: a crack", "anomalous"),
    ],
)
def test_a_label_or_a_heading_is_no_finding_but_names_what_its_lines_are_about(text, claim):
    assert read_verdict(text).claim == claim


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("A thin line crosses the tablet, a scratch at first sight. It is just the score line.", "normal"),
        ("Some fibres are frayed. That is to be expected of a woven tape.", "normal"),
        ("There is a scratch near the rim. It is not a reflection.", "anomalous"),
        ("A stain is visible. I wouldn't read too much into it.", "normal"),
        ("The carpet has a small bend in one row. The carpet is as described.", "normal"),
        ("One tooth is bent. Apart from that, the zipper is as described.", "anomalous"),
        ("The rim is chipped. The label is straight.", "anomalous"),
        ("The label is straight and the cap is closed. However, the fluid ends halfway up.", "anomalous"),
    ],
)
def test_a_feature_explained_as_harmless_is_cleared_and_the_last_word_on_the_whole_item_counts(text, claim):
    assert read_verdict(text).claim == claim


def test_a_verdict_field_that_cannot_tell_is_hedged_unless_the_reasoning_finds_something():
    assert (
        read_verdict('{"reasoning": "clean", "defective": "cannot determine"}', reply_fields=FIELDS).reason
        == "hedged"
    )
    said = read_verdict('{"reasoning": "There is a crack.", "defective": "unknown"}', reply_fields=FIELDS)
    assert said.claim == "anomalous"


def test_what_is_said_of_the_reference_is_no_claim_on_the_query():
    text = "The first image has a scratch. The second image is clean."
    assert read_verdict(text, image_roles=ONE_SHOT).claim == "normal"
    assert read_verdict(text, image_roles=SET_OF_MARK).claim == "anomalous"


def test_what_the_reference_lacks_is_a_finding():
    text = "The second image shows a braided element which is not present in the first image."
    assert read_verdict(text, image_roles=ONE_SHOT).claim == "anomalous"


@pytest.mark.parametrize("text", ["n/a", "N/A", "N/A.", "N/A - the image is blank"])
def test_not_applicable_is_no_claim(text):
    assert read_verdict(text).claim is None
    assert read_verdict("Defects: n/a").claim == "normal"


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("It is not the case that there is no defect.", "anomalous"),
        ("It is not true that there are no defects, because a crack is visible.", "anomalous"),
        ("It is not the case that there is a defect.", "normal"),
        ("It isn't true that the part is defective.", "normal"),
        ("It would be wrong to say that there are no defects.", "anomalous"),
    ],
)
def test_a_denial_of_a_whole_statement_turns_it_round(text, claim):
    assert read_verdict(text).claim == claim


@pytest.mark.parametrize(
    ("text", "claim", "reason"),
    [
        ("There are few, if any, defects.", None, "hedged"),
        ("There is little, if any, damage.", None, "hedged"),
        ("There are no defects, if any.", "normal", None),
    ],
)
def test_defects_if_any_are_not_asserted(text, claim, reason):
    verdict = read_verdict(text)
    assert (verdict.claim, verdict.reason) == (claim, reason)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("The reference image has no scratch, but the query shows one.", "anomalous"),
        ("The first image has no scratch, but the second does.", "anomalous"),
        ("The reference image has no scratch. The test image has one.", "anomalous"),
        ("There is no scratch in the reference image, but there is one in the query image.", "anomalous"),
        ("The reference has a scratch; the query doesn't.", "normal"),
        ("There is a scratch in the reference image but not in the query image.", "normal"),
        ("The reference image has no scratch, and neither does the inspected image.", "normal"),
        ("There is a dent in the query image that is not in the reference image.", "anomalous"),
        ("Based on the reference image, the part is scratched.", "anomalous"),
        ("The reference image has a cap without scratches. The query image has a label on it.", None),
        ("The reference images have a scratch. The inspected picture is clean.", "normal"),
    ],
)
def test_what_was_named_of_the_reference_is_meant_where_the_query_has_it_or_not(text, claim):
    assert read_verdict(text, image_roles=ONE_SHOT).claim == claim


@pytest.mark.parametrize(
    ("text", "claims"),  # with two references, with three
    [
        ("The third image has a scratch.", ("anomalous", None)),
        ("The fourth image has a scratch.", ("anomalous", "anomalous")),
        ("Image 3 has a scratch. Image 4 is clean.", ("anomalous", "normal")),
        ("The first three images are normal, but the fourth is cracked.", ("anomalous", "anomalous")),
        ("The last image has a scratch.", ("anomalous", "anomalous")),
        ("The third pin in the image is bent.", ("anomalous", "anomalous")),
    ],
)
def test_any_number_of_references_is_told_from_the_query(text, claims):
    for shots, claim in zip((2, 3), claims, strict=True):
        assert read_verdict(text, image_roles=("reference",) * shots + ("query",)).claim == claim


@pytest.mark.parametrize(
    ("finish", "reason"), [("refusal", "refused"), ("content-filter", "refused"), ("length", "truncated")]
)
def test_the_finish_reason_explains_an_answer_without_a_claim(finish, reason):
    verdict = read_verdict("The image shows a metal part whose edge", finish=finish)
    assert (verdict.claim, verdict.reason) == (None, reason)


def test_an_answer_cut_off_after_its_claim_keeps_it():
    assert read_verdict("Yes, there is a crack at the", finish="length").claim == "anomalous"


def test_the_evidence_is_the_sentence_that_carries_the_claim():
    text = "The image shows a nut. Its thread is stripped. The rest is fine."
    verdict = read_verdict(text)
    assert verdict.evidence == "Its thread is stripped"
    assert verdict.span is not None
    assert text[slice(*verdict.span)] == verdict.evidence


def test_letters_that_grow_in_lower_case_do_not_shift_the_evidence():
    text = "İİİ ok. The rim is cracked."
    assert read_verdict(text).evidence == "The rim is cracked"


FIELDS = (
    ReplyField("reasoning", "reasoning"),
    ReplyField("defective", "verdict", anomalous=(True, "yes"), normal=(False, "no")),
)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ('{"reasoning": "clean", "defective": false}', "normal"),
        ('```json\n{"reasoning": "a crack", "defective": true,}\n```', "anomalous"),
        ("{'reasoning': 'isn\\'t clean', 'defective': 'Yes'}", "anomalous"),
        ('Here you are: {"defective": "NO"} I hope this helps.', "normal"),
        ('{"reasoning": "a crack", "defective": tr', "anomalous"),  # cut off: the reasoning is read as prose
        ("There is a crack.", "anomalous"),
    ],
)
def test_json_replies_are_read_by_their_declared_fields(text, claim):
    assert read_verdict(text, reply_fields=FIELDS).claim == claim


def test_the_polarity_of_a_field_is_the_declared_one():
    normal_is_one = (ReplyField("label", "verdict", anomalous=(0,), normal=(1,)),)
    assert read_verdict('{"label": 1}', reply_fields=normal_is_one).claim == "normal"
    assert read_verdict('{"label": 0}', reply_fields=normal_is_one).claim == "anomalous"
    assert read_verdict('{"label": 7}', reply_fields=normal_is_one).claim is None


HOSTILE = [
    "The surface is smooth, and there is no crack. ",
    "no ",
    ", ",
    "a",
    "it-",
    "'",
    "user: ",
    "assistant: ",
    "scratch may be a scratch ",
    "this could be normal depending on ",
    '{"defective": "\\',
    "not visible. these may be ",
    "\n",
    "and, ",
    "the first image ",
    "the reference image has no scratch, but the query shows one. ",
    "but the query while the third image ",
    "there is a dent in the reference image and ",
    "not true that ",
    "looked for cracks and found none. ",
    "a crack would look like ",
    "- cracks: 0\n",
    "# heading\n\n",
    "this is to be expected. ",
    "[]",
    "İ",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_the_length_of_the_answer(unit):
    def seconds(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        start = time.process_time()
        read_verdict(text, reply_fields=FIELDS)
        return time.process_time() - start

    seconds(10_000)
    short, long = min(seconds(25_000) for _ in range(3)), min(seconds(200_000) for _ in range(2))
    assert long < max(0.05, 20 * short)  # linear: 8; quadratic: 64


def test_a_megabyte_is_read_in_a_moment():
    text = "The rim of part 7 is smooth, and there is no crack in it. " * 17_300
    start = time.process_time()
    assert read_verdict(text).claim == "normal"
    assert time.process_time() - start < 2  # about 0.5 s; the margin is for a busy machine
