"""`vlm-eval review`, as a user types it, up to the corrected accuracy in the report."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar

import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.errors import InputError


def call(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


@pytest.fixture
def run(parts, tmp_path):
    out = tmp_path / "run"
    assert call("run", "--dataset", parts, "--model", "scripted:yes", "--out", out).exit_code == 0
    return out


class Page:
    """The command in a process of its own, and a browser's requests to it."""

    def __init__(self, run, *flags):
        # A shell that starts the tests in the background lets them ignore Ctrl-C.
        listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        program = f"{listen}; from vlm_eval.cli.main import main; main()"
        command = [sys.executable, "-c", program, "review", str(run), "--no-open", *map(str, flags)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        )
        lines = iter(self.process.stdout.readline, "")
        self.link = next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
        self.origin = self.link.partition("/?")[0]
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.browser.open(self.link, timeout=10).read()

    def get(self, path):
        return json.load(self.browser.open(f"{self.origin}{path}", timeout=10))

    def post(self, path, body):
        headers = {"Origin": self.origin, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.origin}{path}", json.dumps(body).encode(), headers)
        return json.load(self.browser.open(request, timeout=10))

    def read_all(self, reading):
        state = self.get("/item")
        while state["item"] is not None:
            state = self.post("/say", {"ask": state["item"]["ask"], "reading": reading(state["item"])})

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=20)
        return self.process.returncode, rest


def test_a_review_ends_as_the_accuracy_that_people_find(run, tmp_path):
    """The scorer reads yes everywhere, right on half of the items; people read what is right."""
    page = Page(run, "--reviewer", "ann", "--show-gold")
    page.read_all(lambda item: "no" if "anomalous: no" in item["gold"] else "yes")
    code, said = page.end()
    assert code == 0
    assert "12 of 12 answers are drawn: 12 are read" in said
    result = call("report", run, "--human", "review", "--out", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert "As people read the answers" in result.output
    with (tmp_path / "report" / "human_accuracy.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (float(row["accuracy_by_scorer"]), float(row["accuracy_by_people"])) == (0.5, 1.0)
    assert (row["labels"], row["readers"]) == ("12", "1")


def test_the_export_is_read_by_report_and_by_the_human_scorer(run, tmp_path):
    page = Page(run, "--reviewer", "ann")
    page.read_all(lambda item: "no")
    page.end()
    result = call("review", run, "--export", tmp_path / "human.csv")
    assert "12 verdicts, 12 with a drawing probability" in result.output
    result = call("report", run, "--human", tmp_path / "human.csv", "--out", tmp_path / "report")
    assert "12 of 12" in result.output
    result = call("score", run, "--scorer", f"human:{tmp_path / 'human.csv'}")
    assert "12 new judgements; 0 of 12 answers abstained" in result.output


def test_what_was_said_outlives_a_killed_command(run):
    page = Page(run, "--reviewer", "ann")
    state = page.get("/item")
    page.post("/say", {"ask": state["item"]["ask"], "reading": "hedged"})
    page.end(signal.SIGKILL)
    result = call("review", run, "--status")
    assert result.exit_code == 0, result.output
    assert re.search(r"ann\s+1\s+0\s+0\s+1\s+0", result.output)


def test_two_reviewers_at_once_agree_as_far_as_the_status_says(run):
    ann, bob = Page(run, "--reviewer", "ann"), Page(run, "--reviewer", "bob")
    ann.read_all(lambda item: "yes")
    bob.read_all(lambda item: "no")
    ann.end()
    _, said = bob.end()
    assert re.search(r"ann, bob\s+12\s+0\s+0\.00\s+-0\.33", said)  # AC1 over the three labels: -0.25 / 0.75
    result = call("review", run, "--status")
    assert "12 of the first 12 were read by two" in " ".join(result.output.split())
    assert max(map(len, result.output.splitlines())) <= 80


def test_what_cannot_be_reviewed_is_one_message(run, tmp_path):
    assert "is not a run folder" in str(call("review", tmp_path / "absent").exception)
    assert not (tmp_path / "absent").exists()
    assert isinstance(call("review", run, "--status").exception, InputError)
    assert "No review of" in str(call("report", run, "--human", "review").exception)
    assert "printable name" in str(call("review", run, "--reviewer", "a\u202eb").exception)
