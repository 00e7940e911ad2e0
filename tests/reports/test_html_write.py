"""The page as a file: what is in it, what is escaped, and how it stays small."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vlm_eval.errors import InputError
from vlm_eval.flow import Failure
from vlm_eval.reports import html_panel, html_write
from vlm_eval.reports.html_confusion import place
from vlm_eval.reports.html_panel import read_numbers
from vlm_eval.reports.html_pictures import Pictures, draw_region
from vlm_eval.reports.html_text import breakable, island, visible
from vlm_eval.reports.html_words import summary
from vlm_eval.reports.html_write import select, write_page
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.write import write_report


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of scripts, styles and the data."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts, self._inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self._inside = dict(attributes).get("id") or tag if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


@pytest.fixture(scope="module")
def written(run_of, tmp_path_factory):
    folder = run_of()
    target = tmp_path_factory.mktemp("page") / "report.html"
    page = write_page([folder], target)
    text = target.read_text(encoding="utf-8")
    return folder, page, text, Elements(text)


def data_of(elements):
    return json.loads(elements.texts["data"])


def test_the_page_loads_nothing_from_anywhere(written):
    _, _, text, elements = written
    for tag, attributes in elements.found:
        assert tag not in ("link", "iframe", "object", "embed", "base", "img")
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text


def test_the_policy_allows_our_script_and_style_alone(written):
    _, _, _, elements = written
    (policy,) = [a["content"] for _, a in elements.found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy and "*" not in policy
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(elements.texts[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_nothing_that_was_said_becomes_an_element(written):
    _, _, text, elements = written
    assert [tag for tag, _ in elements.found].count("script") == 2
    assert not {"b", "i"} & {tag for tag, _ in elements.found}
    assert "\u202e" not in text and "\u2028" not in text
    assert "window.hacked = 1" not in re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.S)


def test_the_data_holds_every_answer_as_it_was_said(written):
    _, page, _, elements = written
    data = data_of(elements)
    texts = {data["strings"][row[data["columns"].index("text")]] for row in data["rows"]}
    assert page.answers == len(data["rows"]) == 22
    assert any(text.startswith("<script>window.hacked") for text in texts)
    assert any("\u202egnihton\u202c" in text for text in texts)
    assert any(len(text) > 200_000 for text in texts) and "" in texts
    assert all("\u202e" in sample["id"] for sample in data["samples"])


def test_evidence_is_counted_as_browsers_count(written):
    data = data_of(written[3])
    columns = {name: index for index, name in enumerate(data["columns"])}
    seen = set()
    for row in data["rows"]:
        text = data["strings"][row[columns["text"]]].encode("utf-16-le", "surrogatepass")
        for number in row[columns["judgements"]]:
            scorer, _, value, _, start, end, _, _ = data["judgements"][number]
            if scorer == "verdict" and value == "normal" and start is not None:
                seen.add(text[2 * start : 2 * end].decode("utf-16-le"))
    assert "No" in seen


def test_a_hidden_character_is_written_as_its_code_point():
    assert visible("a\u202eb\u2028c\x00d\ud800") == "a⟦U+202E⟧b⟦U+2028⟧c⟦U+0000⟧d⟦U+D800⟧"
    assert visible("line\n\ttab é 漢 👩‍🔧") == "line\n\ttab é 漢 👩‍🔧"


def test_a_long_name_can_be_broken_and_is_still_escaped():
    assert str(breakable("task+<b>/x")) == "task<wbr>+&lt;b&gt;/<wbr>x"


def test_an_island_is_ascii_that_cannot_end_its_element():
    text = str(island(["</script><!--", "\u2028é", "&amp;", "\ud800"]))
    assert text.isascii() and "<" not in text and ">" not in text
    assert json.loads(text) == ["</script><!--", "\u2028é", "&amp;", "\ud800"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        island(float("nan"))


def test_matrices_of_the_page_are_those_of_the_csv_files(frame_of, fail_asks, info, tmp_path):
    import io

    from rich.console import Console

    frame = frame_of(cells=info["cells"][:3])
    fail_asks(frame, frame.index % 17 == 0)
    frame.loc[frame.index % 13 == 0, "gold"] = "unknown"
    write_report(frame, tmp_path, info=info, console=Console(file=io.StringIO()))
    (panel,) = read_panels(frame, [])
    placed = place(panel)
    assert set(placed) == {"verdict", "defect"}
    for kind, one in placed.items():
        table = pd.read_csv(tmp_path / f"confusion_{kind}.csv")
        for cell, counts in table.groupby("cell"):
            own = one.matrix(panel.asks.index[panel.asks["cell"] == cell])
            ours = {
                (row, column): int(own.counts[i, j])
                for i, row in enumerate(own.rows)
                for j, column in enumerate(own.columns)
            }
            theirs = counts.set_index(["gold", "claimed"])["asks"].to_dict()
            assert {key: n for key, n in ours.items() if n} == {key: n for key, n in theirs.items() if n}


def test_judged_categories_get_a_matrix_with_an_unmapped_column(frame_of):
    frame = frame_of(classes=("scene",), cells=[("task", {})])
    frame["category"] = np.where(frame["verdict"] == "anomalous", "tool", None)
    frame.loc[frame.index[:10], "category"] = None
    frame["gold_category"] = np.where(frame["gold"] == "yes", "tool", None)
    (panel,) = read_panels(frame, [])
    one = place(panel)["category"]
    assert one.rows == ("tool", "normal")
    assert one.columns == ("tool", "normal", "unmapped", "unanswered")
    counts = one.matrix(panel.asks.index)
    assert counts.counts.sum() == len(frame)
    assert counts.counts[:, 2].sum() == (frame["category"].isna() & (frame["verdict"] == "anomalous")).sum()


def test_a_run_that_is_not_finished_says_so_and_shows_what_is_there(run_of, tmp_path):
    folder = run_of(lambda number: "Yes, a crack." if number < 9 else None, "open")
    page = write_page([folder], tmp_path / "page.html")
    text = page.path.read_text()
    assert "This run is not finished: 13 of 22 questions have no outcome yet" in text
    assert "13 questions have no outcome yet" in text


def test_a_run_without_any_answer_is_a_page_that_says_why(run_of, tmp_path):
    folder = run_of(lambda number: Failure("unsupported", "no <i>pictures</i>"), "failed")
    text = write_page([folder], tmp_path / "page.html").path.read_text()
    assert "Nothing can be said of its accuracy: no item has an answer." in text
    assert "22 questions failed (22 unsupported)" in text
    assert not re.search(r"\bnan\b", re.sub(r"<script.*?</script>", "", text, flags=re.S), re.I)


@pytest.mark.parametrize("gold", ["yes", "no"])
def test_one_class_of_gold_and_one_cell_are_told(frame_of, info, tmp_path, gold):
    frame = frame_of(cells=info["cells"][:1])
    (panel,) = read_panels(frame[frame["gold"] == gold].reset_index(drop=True), [])
    numbers = read_numbers(panel, info, run=0, folder=tmp_path, number=0)
    text = " ".join(words for _, words in summary(numbers))
    assert "With the prompt task it is right on" in text
    assert ("finds" in text) == (gold == "yes")
    assert "prompt scores" not in text and "None of the" not in text


def test_the_summary_counts_what_makes_no_claim_and_what_failed(frame_of, fail_asks, info, tmp_path):
    frame = frame_of(cells=info["cells"][:2])
    fail_asks(frame, frame.index < 7)
    (panel,) = read_panels(frame, [])
    text = dict(summary(read_numbers(panel, info, run=0, folder=tmp_path, number=0)))
    silent = int((frame["verdict"].isna() & (frame["status"] == "answered")).sum())
    assert f"{silent} of {len(frame) - 7} answers make no claim" in text["Unanswered"]
    assert "7 questions failed (7 timeout)" in text["Unanswered"]
    assert "a pocket model of a few megabytes" in text["Toy"]


def test_a_price_is_turned_into_a_sum(frame_of, info, tmp_path):
    frame = frame_of(cells=info["cells"][:1])
    (panel,) = read_panels(frame, [])
    priced = {**info, "prices": {panel.model: (2.0, 10.0)}}
    numbers = read_numbers(panel, priced, run=0, folder=tmp_path, number=0)
    expected = (frame["prompt_tokens"].sum() * 2 + frame["completion_tokens"].sum() * 10) / 1e6
    assert f"${expected:,.2f}" in dict(summary(numbers))["Cost"]
    (spent,) = numbers.spent.values()
    assert spent.dollars == pytest.approx(expected / len(frame))


def test_a_huge_grid_is_bounded(frame_of, monkeypatch, tmp_path):
    monkeypatch.setattr(html_panel, "MOST_ROWS", 20)
    monkeypatch.setattr(html_panel, "MOST_CHOICE", 100)
    cells = [(f"cell{number}", {"wording": number}) for number in range(300)]
    frame = frame_of(cells=cells, classes=("part",), per_class=6)
    (panel,) = read_panels(frame, [name for name, _ in cells])
    numbers = read_numbers(panel, {"cells": cells}, run=0, folder=tmp_path, number=0)
    assert len(numbers.panel.cells) == 20 and numbers.all_cells == 300
    assert numbers.effects == [] and "300 cells" in numbers.notes[0]
    assert "best of 300 on these very items, so that is too high" in dict(summary(numbers))["How sure"]
    kept = {result.cell: result.measures["accuracy_pooled"].value for result in numbers.results}
    right = (
        (frame["verdict"] == frame["gold"].map({"yes": "anomalous", "no": "normal"})).groupby(frame["cell"]).mean()
    )
    assert min(kept.values()) >= right.drop(list(kept)).max() - 1e-9


def test_a_full_page_keeps_whole_items(monkeypatch, frame_of, info):
    monkeypatch.setattr(html_write, "MOST_ASKS", 100)
    frame = frame_of(cells=info["cells"][:4])
    (keep,) = select([frame])
    assert 90 <= keep.sum() <= 100
    assert set(frame[keep].groupby("sample_id").size()) == {4}


def noisy(path, side=256, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG", quality=85)
    return path


def test_pictures_shrink_until_they_fit_and_then_stay_out(tmp_path):
    paths = [noisy(tmp_path / f"{number}.jpg", seed=number) for number in range(30)]
    pictures = Pictures()
    assert [pictures.add(path) for path in paths] == list(range(30))
    assert pictures.add(paths[3]) == 3 and pictures.add(tmp_path / "absent") == -1
    whole = sum(path.stat().st_size for path in paths) * 4 / 3
    for share in (1.1, 0.5, 0.2):
        found = pictures.inline(int(whole * share))
        assert all(found) and sum(map(len, found)) <= whole * share
    few = pictures.inline(20_000)
    assert any(few) and None in few and sum(len(one) for one in few if one) <= 20_000


def test_a_damaged_picture_is_left_out_where_it_must_be_read(tmp_path):
    pictures = Pictures()
    (tmp_path / "bad").write_bytes(b"no picture" * 10_000)
    pictures.add(tmp_path / "bad")
    pictures.add(noisy(tmp_path / "good.jpg"))
    assert [one is None for one in pictures.inline(20_000)] == [True, False]


def test_a_region_becomes_a_see_through_picture(tmp_path):
    region = np.zeros((600, 800), dtype=bool)
    region[100:110, 200:400] = True
    Image.fromarray(region).save(tmp_path / "1.png")
    pictures = Pictures()
    pictures.add(tmp_path / "1.png", draw_region)
    (url,) = pictures.inline(10_000)
    (tmp_path / "out.png").write_bytes(base64.b64decode(url.split(",")[1]))
    with Image.open(tmp_path / "out.png") as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    assert alpha.shape == (192, 256) and set(np.unique(alpha)) == {0, 255}
    rows, columns = np.nonzero(alpha)
    assert abs(rows.mean() / 192 - 105 / 600) < 0.02 and abs(columns.mean() / 256 - 300 / 800) < 0.02


def test_a_folder_holds_the_pictures_beside_the_page(run_of, tmp_path):
    folder = run_of(lambda number: "Yes.", "lazy")
    page = write_page([folder], tmp_path / "site", lazy=True)
    data = data_of(Elements(page.path.read_text()))
    assert page.path == tmp_path / "site" / "index.html"
    assert len(data["pictures"]) == 12
    for name in data["pictures"]:
        with Image.open(tmp_path / "site" / name) as picture:
            assert picture.size == (64, 48)


def test_the_run_folder_alone_is_enough(written, tmp_path):
    folder, page, _, _ = written
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "media")
    again = write_page([tmp_path / "copy"], tmp_path / "page.html")
    assert again.answers == page.answers
    assert data_of(Elements(again.path.read_text()))["pictures"] == []


def test_a_place_that_cannot_be_written_is_one_message(written, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written to .* Choose another place"):
        write_page([written[0]], tmp_path / "file" / "page.html")
