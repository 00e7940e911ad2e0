from vlm_eval.flow import Label
from vlm_eval.scoring.registry import open_scorer

DEFECTS = (Label("scratch"), Label("stain"), Label("missing piece"), Label("crack"), Label("surface crack"))
RETINA = (
    Label("normal"),
    Label("drusen"),
    Label("diabetic macular edema", ("DME",)),
    Label("choroidal neovascularization", ("CNV",)),
)


def judge(item, text, labels=DEFECTS, **more):
    judgement = open_scorer("labels").judge([item(text, labels=labels, **more)])[0]
    return judgement.value, judgement.reason


def test_the_one_name_that_is_asserted_is_the_label(item):
    assert judge(item, "Yes. There is a scratch at the top left.") == ("scratch", None)
    assert judge(item, "No stain, but there is a scratch.") == ("scratch", None)
    assert judge(item, "A piece is missing at the bottom.") == ("missing piece", None)


def test_the_longer_of_two_nested_names_is_the_label(item):
    assert judge(item, "There is a surface crack.") == ("surface crack", None)


def test_a_normal_verdict_is_the_label_normal(item):
    assert judge(item, "No. There are no anomalies or defects.") == ("normal", None)
    assert judge(item, "No scratch, no stain.") == ("normal", None)


def test_several_names_or_none_give_an_abstention(item):
    assert judge(item, "There are scratches and stains.") == (None, "several")
    assert judge(item, "Yes, there is something wrong.") == (None, "none")


def test_an_answer_without_a_claim_keeps_the_reason_of_its_verdict(item):
    assert judge(item, "It could be a scratch or a shadow.") == (None, "hedged")
    assert judge(item, "I'm sorry, I can't help with that.") == (None, "refused")
    assert judge(item, "", finish="content-filter") == (None, "refused")


def test_a_diagnosis_is_chosen_from_a_closed_list(item):
    text = "Among normal, drusen, diabetic macular edema and CNV, the image is best classified as drusen."
    assert judge(item, "The image shows DME rather than CNV.", RETINA) == ("diabetic macular edema", None)
    assert judge(item, "It should be classified as normal.", RETINA) == ("normal", None)
    assert judge(item, text, RETINA)[0] in ("drusen", None)


def test_a_hedge_between_two_names_is_kept_as_such(item):
    asked = item("It may be drusen or CNV.", labels=RETINA)
    judgement = open_scorer("labels").judge([asked])[0]
    assert judgement.reason == "hedged"
    assert judgement.details["names"] == "drusen|choroidal neovascularization"
