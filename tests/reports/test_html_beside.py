"""What a page tells beside the ablation: probes, a baseline with its score maps, cost, people, failures."""

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console, Group
from rich.text import Text

from vlm_eval.backends.patch_nn import PatchNearestNeighbour
from vlm_eval.backends.registry import open_backend
from vlm_eval.flow import Failure
from vlm_eval.reports import kinds, write
from vlm_eval.reports.bounds import best_cells
from vlm_eval.reports.exports import export
from vlm_eval.reports.html_maps import draw_map, read_maps
from vlm_eval.reports.html_panel import read_numbers
from vlm_eval.reports.html_plain import panel_tables, plain_tables
from vlm_eval.reports.html_text import minus
from vlm_eval.reports.html_words import summary
from vlm_eval.reports.html_write import write_page
from vlm_eval.reports.measures import measure
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.run_info import read_info
from vlm_eval.reports.scored_tables import show_scored
from vlm_eval.reports.tables import heading_text, plain_table
from vlm_eval.reports.write import write_report
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.review_desk import Desk
from vlm_eval.runs.review_draw import open_drawing
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store

SIZE = 56
EACH = 12


def blocks(pictures):
    stack = np.stack(pictures).astype(np.float32)
    return stack.reshape(len(pictures), 14, 16, 14, 16, 3).mean(axis=(2, 4))


class Looks:
    """Says yes where a picture has a dark square, unless it cannot see it."""

    capabilities = None

    def __init__(self, backend):
        self.backend, self.capabilities = backend, backend.capabilities

    def answer(self, requests):
        for request in requests:
            ((_, outcome),) = list(self.backend.answer([request]))
            pixels = np.asarray(Image.open(io.BytesIO(request.prompt.views[-1].read())).convert("L"))
            text = "Yes, it is broken." if (pixels < 50).mean() > 0.02 else "No."
            yield request.key, type(outcome)(**{name: getattr(outcome, name) for name in outcome.__slots__} | {
                "text": text})  # fmt: skip


def open_with(spec, scratch):
    return PatchNearestNeighbour(blocks) if spec.model.family == "baseline" else Looks(open_backend(spec, scratch))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Bottles with a dark square and its mask, read by a model that looks and by a baseline; two probes."""
    place = tmp_path_factory.mktemp("beside")
    root = place / "mvtec" / "bottle"
    generator = np.random.default_rng(0)
    for split, kind, count in (("train", "good", 3), ("test", "good", EACH), ("test", "broken_large", EACH)):
        for number in range(count):
            pixels = generator.integers(90, 160, (SIZE, SIZE, 3)).astype(np.uint8)
            if kind != "good":
                mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
                mask[3 * number : 3 * number + 12, 20:34] = 255
                pixels[mask > 0] = 5
                save(root / "ground_truth" / kind / f"{number}_mask.png", mask)
            save(root / split / kind / f"{number}.png", pixels)
    experiment = {
        "dataset": "mvtec-ad",
        "roots": {"mvtec-ad": str(place / "mvtec")},
        "models": ["scripted:no", "baseline:patch-nn"],
        "grid": {"class": [0, 1]},
        "support": "train",
        "probes": ["blank", "size"],
        "yes_no": False,
    }
    execute(make_plan(parse_experiment(experiment, "test")), place / "run", open_with=open_with)
    return place / "run"


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    return write_page([folder], tmp_path_factory.mktemp("page") / "page.html").path.read_text(encoding="utf-8")


def words_of(page):
    """Return what a reader sees of a page, its items apart, with single blanks."""
    bare = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S).replace("<wbr>", "")
    text = re.sub(r"<[^>]+>", " ", bare).replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")
    return " ".join(text.split())


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


def test_every_table_of_the_terminal_stands_on_the_page(folder, page, tmp_path):
    console = Console(file=io.StringIO(), width=300)
    write_report(read_frame(folder), tmp_path, info=read_info(folder), console=console)
    show_scored(folder, tmp_path, console)
    shown = words_of(page)
    lines = [minus(" ".join(line.split())) for line in console.file.getvalue().splitlines()]
    rows = [line for line in lines if re.match(r"(\d cells\b|bottle|blank:|size:|task[+ ]).*\d", line)]
    assert len(rows) >= 8
    for row in rows:
        numbers = re.findall(r"[+−]?\d+(?:\.\d+)?(?: \[[^]]+\])?", row)
        for number in numbers:
            assert number in shown, (row, number)
    assert "What it scores blindly: without the picture accuracy" in shown
    assert "Pixels: baseline:patch-nn on mvtec-ad" in shown and "AUPRO" in shown


def test_probes_are_told_with_words_and_with_the_answers_that_changed(folder, page):
    shown = words_of(page)
    assert "looks: 50 points worse without the picture" in shown
    frame = read_frame(folder)
    frame = frame[frame["model"] == "scripted:no"].set_index("sample_id")
    base, probe = (frame.loc[frame["cell"] == cell, "verdict"] for cell in ("task+class", "task+class ~ blank"))
    changed = int((base.loc[probe.index] != probe).sum())
    found = re.search(r'data-probe="task\+class ~ blank"[^>]*data-count="(\d+)"', page)
    assert int(found[1]) == changed == EACH
    assert f"{EACH} of {2 * EACH} answers change under blank" in page
    assert "0 of 24" in shown  # under half the size nothing changes


def test_the_summary_names_what_controls_have_shown(folder, page):
    assert "It looks: 50 points worse without the picture (blank)." in words_of(page)


def test_a_baseline_is_not_told_as_a_model_that_never_claims(page):
    part = page.split('id="panel-1"')[1].split('id="items"')[0]
    shown = words_of(part)
    assert "How well its scores rank the items" in shown
    assert "What each ingredient adds" not in shown and "Confusion of the verdict" not in shown
    assert "counted as wrong" not in words_of(page)
    assert "those with the same scores are shown once" in shown
    assert "No calibration: " in shown and "no probabilities" in shown
    data = data_of(page)
    columns = {name: index for index, name in enumerate(data["columns"])}
    own = [row for row in data["rows"] if row[columns["panel"]] == 1]
    assert len(own) == 2 * EACH
    assert {row[columns["right"]] for row in own} == {None}


def test_a_score_map_lies_over_the_picture_that_it_is_about_in_every_model(folder, page):
    data = data_of(page)
    columns = {name: index for index, name in enumerate(data["columns"])}
    hot = 0
    for row in data["rows"]:
        found = row[columns["map"]]
        cell = data["strings"][row[columns["cell"]]]
        assert (found is None) == ("~" in cell), cell  # a disturbed picture is not the one that was mapped
        if found is None:
            continue
        picture, view, model = found
        assert data["strings"][model] == "baseline:patch-nn"
        assert view in [part[1] for _, parts in row[columns["prompt"]] for part in parts if isinstance(part, list)]
        sample = data["samples"][row[columns["sample"]]]
        if sample["gold"] == "yes":
            alpha = opacity(data["pictures"][picture])
            region = opacity(data["pictures"][sample["region"]]) > 0
            seen = np.asarray(Image.fromarray(alpha).resize(region.shape[::-1], 2), dtype=float)
            hot += seen[region].mean() > 4 * seen[~region].mean()
    assert hot == 3 * EACH  # two cells of the model, and the baseline's own one


def opacity(url):
    with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as picture:
        return np.asarray(picture.convert("RGBA"))[..., 3]


def test_the_colours_of_a_map_go_from_low_to_high(tmp_path):
    (tmp_path / "maps").mkdir()
    path = tmp_path / "maps" / "digest"
    with path.open("wb") as file:
        np.save(file, np.array([[0.0, 1.0], [2.0, np.nan], [3.0, 9.0]], dtype=np.float32))
    with Image.open(io.BytesIO(draw_map(path, 1.0, 3.0))) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (3, 2, 4)
    assert pixels[..., 3].tolist() == [[0, 0], [108, 0], [215, 215]]
    assert tuple(pixels[2, 1, :3]) == (205, 0, 0)


def test_a_damaged_or_lost_map_leaves_the_page_whole(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "run")
    first, second, *_ = sorted((tmp_path / "run" / "maps").iterdir())
    first.write_bytes(b"no array")
    second.unlink()
    with Store(tmp_path / "run") as store:
        assert len(read_maps(store).of_sample) == 2 * EACH
    assert draw_map(first, 0.0, 1.0) is None


def test_a_table_of_the_terminal_becomes_one_of_the_page():
    table = plain_table()
    table.add_column("cell")
    table.add_column("d'", justify="right")
    table.add_row(Text("task+class\n +standard"), "-0.25 [-1.0, level-2]")
    table.add_row("task", "-")
    group = Group(heading_text("Title"), table, Text("Note.", style="dim"), Text(""), heading_text("Next"))
    first, second = plain_tables([None, group])
    assert (first.title, first.headings, first.numeric) == ("Title", ("cell", "d'"), (False, True))
    assert first.rows == (("task+class+standard", "−0.25 [−1.0, level-2]"), ("task", "–"))
    assert first.notes == ("Note.",)
    assert (second.title, second.rows) == ("Next", ())


def test_types_of_anomaly_stand_on_the_page_as_in_their_file(frame_of, info):
    (panel,) = read_panels(frame_of(cells=info["cells"][:2], per_class=5), [])
    results = [measure(panel, cell) for cell in panel.cells]
    (table,) = [one for one in panel_tables(panel, results, info) if one.title == "By type of anomaly"]
    filed = [row for row in kinds.type_rows(panel)]
    assert [row[:3] for row in table.rows] == [
        (row["cell"], row["defect_type"], str(row["items"])) for row in filed
    ]
    assert table.headings[3] == "recall [95 %]"
    assert table.rows[0][3].startswith(f"{100 * filed[0]['recall']:.0f} [")


def test_cost_is_told_by_cell_as_numpy_counts_quantiles(frame_of, fail_asks, info):
    frame = frame_of(cells=info["cells"][:2], per_class=5)
    frame["latency"] = np.linspace(0.5, 7, len(frame))
    fail_asks(frame, frame.index < 4)
    (panel,) = read_panels(frame, [])
    priced = {**info, "prices": {panel.model: (2.0, 10.0)}}
    results = [measure(panel, cell) for cell in panel.cells]
    (table,) = [one for one in panel_tables(panel, results, priced) if one.title == "What an answer takes"]
    whole = dict(zip(table.headings, table.rows[0], strict=True))
    seconds = frame["latency"][4:]
    assert whole["cell"] == "all cells" and whole["failed"] == "4"
    assert float(whole["s, p50"]) == pytest.approx(np.quantile(seconds, 0.5), rel=0.01)
    assert float(whole["s, p95"]) == pytest.approx(np.quantile(seconds, 0.95), rel=0.01)
    assert whole["$ / 1,000"] == "0.17"  # 40 tokens at 2 dollars and 9 at 10 dollars a million
    assert [row[0] for row in table.rows[1:]] == list(panel.cells)


def test_the_summary_says_whether_a_constant_answer_is_beaten(frame_of, info, tmp_path):
    frame = frame_of(cells=info["cells"][-1:])
    for claims, words in (
        ("as it was", "beats that of always saying yes, 50 %"),
        ("anomalous", "is not shown to"),
    ):
        asked = frame if claims == "as it was" else frame.assign(verdict=claims)
        (panel,) = read_panels(asked, [])
        told = dict(summary(read_numbers(panel, info, run=0, folder=tmp_path, number=0)))
        assert words in told["How sure"]
        assert "120 items" in told["How sure"]


def test_reviewers_and_failures_are_told(run_of, tmp_path):
    reply = lambda number: Failure("timeout", "no <b>reply</b> in 5 s") if number > 17 else "Yes."  # noqa: E731
    folder = run_of(reply, "told")
    with Store(folder, write=True) as store:
        log = ReviewLog(store)
        drawing = open_drawing(store, log)
        for name in ("ann", "bob"):
            desk = Desk(store, log, drawing, name)
            place = desk.place()
            while place.ask is not None and place.read < 6:
                place = desk.say(place.ask, "no" if name == "bob" and place.read == 0 else "yes")
    shown = words_of(write_page([folder], tmp_path / "page.html").path.read_text(encoding="utf-8"))
    assert "Do the reviewers agree?" in shown and "ann, bob" in shown
    assert "no &lt;b&gt;reply&lt;/b&gt; in 5 s (4 requests)" in shown


def test_the_number_of_a_probe_opens_on_the_answers_that_changed(folder, page, open_page, tmp_path):
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    opened = open_page(tmp_path / "page.html")
    buttons = opened.locator("[data-probe]").all()
    assert buttons
    for button in buttons:
        button.click()
        assert opened.locator("#count").inner_text().split()[0] == button.get_attribute("data-count")
        assert set(opened.locator("#gallery .snippet").all_inner_texts()) == {"No."}
    opened.locator("#leave-matrix").click()
    assert opened.locator("[aria-pressed]").count() == 0


def test_a_score_map_is_shown_and_hidden_like_the_gold_region(folder, page, open_page, tmp_path):
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    opened = open_page(tmp_path / "page.html")
    opened.locator("#filter-gold").select_option(index=1)
    opened.locator("#gallery a").first.click()
    shown = opened.locator("dialog img.map")
    assert shown.count() == 1 and not shown.is_visible()
    opened.keyboard.press("h")
    assert shown.is_visible() and opened.locator("#map").is_checked()
    picture = opened.locator("dialog .frame img").first
    assert shown.bounding_box() == picture.bounding_box()
    assert "score map of baseline:patch-nn" in opened.locator("figcaption").first.inner_text()
    opened.locator("#map").click()
    assert not shown.is_visible()
    opened.keyboard.press("Escape")
    opened.locator("#filter-gold").select_option(index=0)
    opened.locator("#filter-cell").select_option("task+class ~ blank")
    opened.locator("#gallery a").first.click()
    opened.keyboard.press("h")  # without a map it does nothing
    assert opened.locator("#map-label").is_hidden() and not opened.locator("#map").is_checked()


def test_a_huge_grid_is_printed_and_drawn_in_part_and_written_in_full(frame_of, tmp_path, monkeypatch):
    cells = [(f"cell-{number}", {}) for number in range(120)]
    frame = frame_of(cells=cells, classes=("part",), per_class=4)
    console = Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(write, "MOST_PRINTED", 5)
    write_report(frame, tmp_path, info={"cells": cells}, console=console)
    printed = console.file.getvalue()
    assert "The 5 most accurate of 120 cells are shown; ablation.csv has all." in printed
    assert "The first 100 of 120 cells; outcomes.csv has all." in printed
    assert len({line.split()[0] for line in printed.splitlines() if line.startswith("cell-")}) <= 5 + 100
    assert len((tmp_path / "ablation.csv").read_text().splitlines()) == 121
    with Image.open(tmp_path / "ablation.png") as picture:
        assert picture.height < 60 * 0.4 * 150  # of 60 cells, at 150 dots an inch
    kept = best_cells(read_panels(frame, [])[0], 5)
    right = (frame["verdict"] == frame["gold"].map({"yes": "anomalous", "no": "normal"})).groupby(frame["cell"])
    assert right.mean()[kept].min() >= right.mean().drop(kept).max()


def test_latex_and_markdown_tables_escape_what_would_break_them(run_of, tmp_path):
    hostile = "100 % of a_b & c | $x$ {y} #1 <b>"
    pd.DataFrame({"cell_name": [hostile, "plain"], "accuracy": [0.5, None]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    export(run_of(lambda number: "Yes.", "latex"), tmp_path, ["latex", "md"])
    text = (tmp_path / "t.tex").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("100")]
    assert r"100 \% of a\_b \& c | \$x\$ \{y\} \#1" in line and len(re.findall(r"(?<!\\)&", line)) == 1
    assert r"cell\_name & accuracy" in text and r"\toprule" in text and r"\bottomrule" in text
    rows = [line for line in (tmp_path / "t.md").read_text(encoding="utf-8").splitlines() if line]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}
