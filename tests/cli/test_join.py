"""`--join`, as a user types it."""

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app


def call(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    place = tmp_path_factory.mktemp("joined")
    for index in range(6):
        folder = place / "parts" / ("normal" if index % 2 else "anomalous")
        folder.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((24, 24), 10 + index).save(folder / f"{index}.png")
    (place / "run.yaml").write_text(
        f"dataset: {place / 'parts'}\nmodels: scripted:coin\nviews: {{tile: {{k: 2}}}}\njoin: any\nyes_no: false\n"
    )
    return place


@pytest.fixture(scope="module")
def run(root):
    asked = call("run", root / "run.yaml", "--out", root / "run")
    assert asked.exit_code == 0, asked.output
    return root / "run", " ".join(asked.output.split())


def test_a_dry_run_counts_a_request_for_each_view_and_the_flag_goes_before_the_file(root):
    dry = " ".join(call("run", root / "run.yaml", "--out", root / "dry", "--dry-run").output.split())
    assert "24 requests" in dry and "24 pictures" in dry
    joint = " ".join(
        call("run", root / "run.yaml", "--join", "joint", "--out", root / "dry", "--dry-run").output.split()
    )
    assert "6 requests" in joint and "24 pictures" in joint


def test_a_run_reports_items_by_its_rule_and_can_be_read_by_another(run, root):
    folder, said = run
    assert "joined by the rule 'any'" in said and "Outcomes of 6 asks" in said and "1 of 4" in said
    items = pd.read_csv(folder / "report" / "items.csv")
    assert len(items) == 6 and items["text"].str.startswith("view 1: ").all()
    again = call("report", folder, "--join", "majority", "--out", root / "again", "--html", root / "page.html")
    assert again.exit_code == 0, again.output
    tables = call("report", folder, "--join", "majority", "--out", root / "again")
    assert "joined by the rule 'majority'" in " ".join(tables.output.split())
    assert set(pd.read_csv(root / "again" / "views.csv")["rule"]) == {"majority"}
    wrong = call("report", folder, "--join", "joint")
    assert wrong.exit_code == 1 and "Allowed: any, max, mean, majority" in str(wrong.exception)


def test_what_judges_single_answers_refuses_the_run(run):
    folder, _ = run
    for command in (("judge", folder, "-m", "scripted:yes"), ("review", folder, "--no-open")):
        refused = call(*command)
        assert refused.exit_code == 1 and "views of an item one by one" in str(refused.exception)
