"""The page in a real browser: Debian's Chromium without a window."""

from itertools import pairwise
from pathlib import Path

import pytest

from vlm_eval.reports.compare import compare, parse_address
from vlm_eval.reports.html_compare import write_comparison
from vlm_eval.reports.html_read import read_run
from vlm_eval.reports.html_write import write_page

LAPTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def page_file(run_of, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("page") / "report.html"
    write_page([run_of()], target)
    return target


def count_of(page):
    return int(page.locator("#count").inner_text().split()[0].replace(",", ""))


def shown_cards(page):
    while page.locator("#more").is_visible():
        page.locator("#more").click()
    return page.locator("#gallery a").count()


def test_every_number_of_every_matrix_opens_on_that_many_items(open_page, page_file):
    page = open_page(page_file)
    choice = page.locator(".cell-choice")
    tried = 0
    for cell in range(choice.locator("option").count()):
        choice.select_option(str(cell))
        for tile in page.locator(".tile:visible").all():
            wanted = int(tile.get_attribute("data-count"))
            tile.click()
            assert count_of(page) == wanted == shown_cards(page)
            tried += 1
    assert tried >= 8
    page.locator("#leave-matrix").click()
    assert count_of(page) == 22


def test_a_number_opens_by_the_enter_key_and_the_focus_follows(open_page, page_file):
    page = open_page(page_file)
    tile = page.locator(".tile:visible").first
    tile.focus()
    page.keyboard.press("Enter")
    assert count_of(page) == int(tile.get_attribute("data-count"))
    assert page.evaluate("document.activeElement.id") == "items"
    assert tile.get_attribute("aria-pressed") == "true"


def test_filters_and_search_narrow_the_gallery(open_page, page_file):
    page = open_page(page_file)
    for name in ("cell", "gold", "right", "outcome"):
        box = page.locator(f"#filter-{name}")
        for option in box.locator("option").all()[1:]:
            box.select_option(
                value=option.get_attribute("value") or page.evaluate("o => o.value", option.element_handle())
            )
            expected = int(option.inner_text().rsplit("(", 1)[1].rstrip(")"))
            assert count_of(page) == expected == shown_cards(page)
        page.locator("#clear").click()
    page.keyboard.press("/")
    page.keyboard.type("cannot HELP")
    page.locator("#count", has_text=" of ").wait_for()
    texts = page.locator("#gallery .snippet").all_inner_texts()
    assert texts and all("cannot help" in text for text in texts)


def test_a_deep_link_opens_its_item_and_the_arrow_keys_go_on(open_page, page_file):
    address = open_page(page_file).locator("#gallery a").nth(4).get_attribute("href")
    page = open_page(page_file, address)
    assert page.locator("dialog[open]").count() == 1
    assert page.locator("#place").inner_text() == "5 of 22"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#place").inner_text() == "6 of 22"
    assert page.evaluate("location.hash") != address
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.wait_for_url("**#items")


def test_the_arrow_keys_stay_within_what_is_listed(open_page, page_file):
    page = open_page(page_file)
    tile = page.locator(".tile:visible").first
    tile.click()
    count = int(tile.get_attribute("data-count"))
    page.locator("#gallery a").first.click()
    page.locator("dialog[open]").wait_for()
    for _ in range(count + 3):
        page.keyboard.press("ArrowRight")
    assert page.locator("#place").inner_text() == f"{count} of {count}"
    assert page.locator("#next").is_disabled()


def test_what_a_model_says_is_shown_as_text_and_runs_nowhere(open_page, page_file):
    page = open_page(page_file)
    texts = set()
    page.locator("#gallery a").first.click()
    for _ in range(22):
        texts.add(page.locator(".answer").inner_text())
        assert "<b onclick=" in page.locator("#item-title").inner_text()
        assert "⟦U+202E⟧" in page.locator("#item-title").inner_text()
        page.keyboard.press("ArrowRight")
    said = "\n".join(texts)
    assert "<script>window.hacked = 1</script>" in said
    assert '<img src=x onerror="window.hacked = 1">' in said
    assert "(javascript:window.hacked=1) ⟦U+2028⟧" in said
    assert "⟦U+202E⟧gnihton⟦U+202C⟧" in said
    assert "an empty answer" in said
    assert max(map(len, texts)) > 200_000
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('dialog script, dialog b, dialog i').length") == 0


def test_the_deciding_words_are_marked(open_page, page_file):
    page = open_page(page_file)
    marks = set()
    page.locator("#gallery a").first.click()
    for _ in range(22):
        marks.update(page.locator(".answer mark").all_inner_texts())
        page.keyboard.press("ArrowRight")
    assert {"Yes", "No"} <= marks


def test_pictures_come_in_the_order_in_which_they_were_sent(open_page, page_file):
    page = open_page(page_file)
    page.locator("#filter-cell").select_option(label="task+reference (11)")
    page.locator("#gallery a").first.click()
    captions = page.locator(".pictures figcaption").all_inner_texts()
    assert [caption.split(" · ")[1] for caption in captions] == ["reference", "query"]
    widths = page.locator(".pictures img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert widths == [64, 64]


def test_light_and_dark_follow_the_system_and_the_button(open_page, page_file):
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = open_page(page_file), open_page(page_file, scheme="dark")
    assert light.evaluate(colour) == "rgb(255, 255, 255)"
    assert dark.evaluate(colour) != light.evaluate(colour)
    dark.locator("#theme").click()
    assert dark.evaluate(colour) == "rgb(255, 255, 255)"
    dark.reload()
    assert dark.evaluate(colour) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(open_page, page_file, scheme):
    page = open_page(page_file, scheme=scheme)
    ratios = page.evaluate(
        CONTRASTS, [".note", "tbody th", ".tiles dt", ".badge", ".tile", "nav a", ".limits", "summary"]
    )
    assert ratios and min(ratio for _, ratio in ratios) >= 4.5, sorted(ratios, key=lambda pair: pair[1])[:5]


CONTRASTS = """selectors => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => { for (; one; one = one.parentElement) {
    const colour = rgb(getComputedStyle(one).backgroundColor); if (colour[3] === 255) return colour; } };
  return selectors.flatMap((selector) => [...document.querySelectorAll(selector)].slice(0, 80).map((one) => {
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    return [`${selector} ${one.className}`, (a + 0.05) / (b + 0.05)]; }));
}"""


def test_nothing_is_wider_than_a_phone(open_page, page_file):
    page = open_page(page_file, size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#gallery a").nth(5).click()
    assert page.evaluate("document.getElementById('item').scrollWidth") <= PHONE["width"]


NAMELESS = """() => [...document.querySelectorAll('button, select, input, a[href], svg[role=img], dialog')]
  .filter((one) => !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby') && !one.labels?.length
    && !one.textContent.trim()).map((one) => one.outerHTML.slice(0, 120))"""


def test_a_screen_reader_finds_names_for_everything_that_can_be_used(open_page, page_file):
    page = open_page(page_file)
    page.locator("#gallery a").first.click()
    nameless = page.evaluate(NAMELESS)
    assert nameless == []
    levels = page.evaluate(
        "[...document.querySelectorAll('main :is(h2, h3, h4)')].map((one) => Number(one.tagName[1]))"
    )
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("img:not([alt])").count() == 0


def test_a_page_as_a_folder_loads_its_pictures_when_they_are_seen(run_of, open_page, tmp_path):
    write_page([run_of(lambda number: "Yes.", "lazy")], tmp_path / "site", lazy=True)
    page = open_page(tmp_path / "site" / "index.html")
    page.locator("#items").scroll_into_view_if_needed()
    width = page.locator("#gallery img").first.evaluate("one => one.decode().then(() => one.naturalWidth)")
    assert width == 64


@pytest.mark.parametrize("reply", [lambda number: None, lambda number: "Yes." if number < 3 else None])
def test_a_run_that_has_hardly_begun_is_a_page(run_of, open_page, tmp_path, reply):
    write_page([run_of(reply, "begun")], tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    assert "This run is not finished" in page.locator(".warning").first.inner_text()
    page.locator("#gallery a").last.click()
    assert page.locator(".answer").inner_text() == "Not asked yet."


def test_a_comparison_shows_both_answers_side_by_side(run_of, open_page, tmp_path):
    folders = run_of(lambda number: "Yes.", "one"), run_of(lambda number: "No." if number % 2 else "Yes.", "other")
    addresses = tuple(parse_address(f"{folder}::::task") for folder in folders)
    runs = tuple(read_run(folder) for folder in folders)
    found = compare(runs[0].frame, runs[1].frame, *addresses)
    page = open_page(write_comparison(found, runs, addresses, tmp_path / "page.html"))
    for button in page.locator("[data-pair]").all():
        button.click()
        assert count_of(page) == int(button.inner_text()) == shown_cards(page)
    page.locator("#clear").click()
    page.locator("#gallery a").first.click()
    assert page.locator(".side").count() == 2
    assert page.locator(".side .answer").all_inner_texts()[0] == "Yes."
    lefts = [box["x"] for box in (side.bounding_box() for side in page.locator(".side").all())]
    assert lefts[1] > lefts[0] + 300


def test_two_runs_share_a_page_and_their_items_keep_apart(run_of, open_page, tmp_path):
    folders = [run_of(lambda number: "Yes.", "one"), run_of(lambda number: "No.", "two")]
    write_page(folders, tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    tiles = page.locator("#panel-1 .tile:visible").all()
    assert tiles
    for tile in tiles:
        tile.click()
        assert count_of(page) == int(tile.get_attribute("data-count"))
        assert set(page.locator("#gallery .snippet").all_inner_texts()) == {"No."}
