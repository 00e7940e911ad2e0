"""The review page in a real browser: Debian's Chromium without a window."""

import threading

import pytest

from vlm_eval.reports.review_server import ReviewServer
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.review_desk import Desk
from vlm_eval.runs.review_draw import open_drawing
from vlm_eval.runs.store import Store

LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture
def serve(run_of):
    """Return a function that serves a run's review; the servers end with the test."""
    opened = []

    def start(**run):
        store = Store(run_of(**run), write=True)
        log = ReviewLog(store)
        server = ReviewServer(Desk(store, log, open_drawing(store, log), "ann"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        opened.append((server, thread, store))
        return server

    yield start
    for server, thread, store in opened:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


@pytest.fixture
def open_page(browser):
    """Open a review and, in the end, insist on a console without a word and on no request elsewhere."""
    said, contexts = [], []

    def open_it(server, size=LAPTOP, scheme="light"):
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        own = (f"{server.address}/", "data:,")
        page.on("request", lambda request: None if request.url.startswith(own) else said.append(request.url))
        page.goto(server.link)
        wait_until_it_takes_keys(page)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert said == []


def wait_until_it_takes_keys(page):
    """Wait for the first answer, and for two frames: before it has painted, Chromium throws keystrokes away."""
    page.wait_for_selector("#desk:not([hidden])")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def press(page, key):
    before = page.locator("#progress").inner_text()
    page.keyboard.press(key)
    page.wait_for_function("before => document.getElementById('progress').innerText !== before", arg=before)


def readings_of(server):
    rows = server.desk.store.connection.execute(
        "SELECT action FROM review WHERE reviewer = 'ann' AND action <> 'show' ORDER BY id"
    )
    return [action for (action,) in rows]


def test_every_key_is_saved_before_the_next_answer_is_seen(serve, open_page):
    server = serve()
    page = open_page(server)
    for key, action in (("y", "yes"), ("n", "no"), ("h", "hedged"), ("s", "skip"), ("Y", "yes")):
        press(page, key)
        assert readings_of(server)[-1] == action
    assert page.locator("#progress").inner_text().startswith("ann · 5 of ")
    assert page.locator("#saved").inner_text() == "Saved: yes"


def test_undo_by_key_and_backspace_shows_the_answer_again(serve, open_page):
    server = serve()
    page = open_page(server)
    assert page.locator("#undo").is_disabled()
    answers = [page.locator("#answer").inner_text()]
    press(page, "y")
    answers.append(page.locator("#answer").inner_text())
    press(page, "n")
    press(page, "u")
    assert page.locator("#answer").inner_text() == answers[1]
    press(page, "Backspace")
    assert page.locator("#answer").inner_text() == answers[0]
    assert readings_of(server) == ["yes", "no", "undo", "undo"]
    assert page.locator("#saved").inner_text() == "Taken back"


def test_the_buttons_do_what_the_keys_do(serve, open_page):
    server = serve()
    page = open_page(server)
    for reading in ("yes", "no", "hedged", "skip"):
        before = page.locator("#progress").inner_text()
        page.locator(f"[data-reading={reading}]").click()
        page.wait_for_function("before => document.getElementById('progress').innerText !== before", arg=before)
    page.locator("#undo").click()
    page.wait_for_function("() => document.getElementById('progress').innerText.startsWith('ann · 3 of')")
    assert readings_of(server) == ["yes", "no", "hedged", "skip", "undo"]


def test_keys_with_modifiers_and_held_keys_judge_nothing(serve, open_page):
    server = serve()
    page = open_page(server)
    for key in ("Control+y", "Alt+n", "Meta+s", "x", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.down("y")
    page.keyboard.down("y")
    page.keyboard.up("y")
    page.wait_for_function("() => document.getElementById('progress').innerText.startsWith('ann · 1 of')")
    assert readings_of(server) == ["yes"]


def test_a_reload_goes_on_where_the_reader_was_and_the_link_shows_no_token(serve, open_page):
    server = serve()
    page = open_page(server)
    press(page, "y")
    answer = page.locator("#answer").inner_text()
    assert page.url == f"{server.address}/"
    page.reload()
    wait_until_it_takes_keys(page)
    assert page.locator("#answer").inner_text() == answer
    assert page.evaluate("document.cookie") == ""


def test_pictures_come_in_the_order_in_which_the_model_saw_them(serve, open_page):
    page = open_page(serve(grid={"reference": [1]}, reply=lambda number: "Yes."))
    captions = page.locator(".pictures figcaption").all_inner_texts()
    assert [caption.split(" · ")[1] for caption in captions] == ["reference", "query"]
    page.wait_for_function("() => [...document.images].every((one) => one.complete && one.naturalWidth)")
    assert page.locator(".pictures img").evaluate_all("all => all.map((one) => one.naturalWidth)") == [64, 64]


def test_what_a_model_says_is_shown_as_text_and_runs_nowhere(serve, open_page):
    server = serve()
    page = open_page(server)
    texts = []
    while page.locator("#desk").is_visible():
        texts.append(page.locator("#answer").inner_text())
        assert page.evaluate("document.documentElement.scrollWidth") <= LAPTOP["width"]
        press(page, "y")
    said = "\n".join(texts)
    assert "<script>window.hacked = 1</script>" in said
    assert '<img src=x onerror="window.hacked = 1">' in said
    assert "(javascript:window.hacked=1) ⟦U+2028⟧" in said
    assert "⟦U+202E⟧gnihton⟦U+202C⟧" in said
    assert "an empty answer" in said
    assert max(map(len, texts)) > 200_000
    assert page.evaluate("window.hacked") is None
    assert "Nothing is left to read for ann" in page.locator("#nothing").inner_text()
    assert len(readings_of(server)) == len(texts)


def test_when_the_command_has_ended_the_page_says_that_nothing_is_saved(serve, browser):
    server = serve()
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.link)
    wait_until_it_takes_keys(page)
    page.route("**/say", lambda route: route.abort())
    page.locator("[data-reading=yes]").click()
    page.wait_for_selector("#problem:not([hidden])")
    assert "Not saved" in page.locator("#problem").inner_text()
    assert page.locator("#saved").inner_text() == ""
    page.unroute("**/say")
    press(page, "y")
    assert page.locator("#problem").is_hidden()
    assert readings_of(server) == ["yes"]
    context.close()


def test_a_page_from_elsewhere_can_neither_read_nor_write_even_with_the_cookie(
    serve, open_page, browser, tmp_path
):
    server = serve()
    page = open_page(server)
    other = page.context.new_page()
    (tmp_path / "evil.html").write_text("<!doctype html><title>evil</title>")
    other.goto((tmp_path / "evil.html").as_uri())
    tries = """async (address) => {
      const results = [];
      const saying = { method: "POST", body: '{"ask":1,"reading":"no"}' };
      for (const [path, options] of [["item", {}], ["say", saying], ["undo", saying]]) {
        for (const mode of ["cors", "no-cors"]) {
          try {
            const reply = await fetch(`${address}/${path}`, { ...options, mode, credentials: "include" });
            results.push(reply.type === "opaque" ? "" : await reply.text());
          } catch { results.push(""); }
        }
      }
      return results;
    }"""
    assert other.evaluate(tries, server.address) == [""] * 6
    assert readings_of(server) == []
    press(page, "y")
    assert readings_of(server) == ["yes"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_the_answer_and_all_buttons_are_in_view_on_laptop_and_phone(serve, open_page, size, scheme):
    page = open_page(
        serve(grid={"reference": [1]}, reply=lambda number: "No. The part is as it should be."), size, scheme
    )
    page.wait_for_function("() => [...document.images].every((one) => one.complete)")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for selector in ("#answer", "[data-reading=yes]", "[data-reading=skip]", "#undo"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"], selector
        assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"], selector
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_a_screen_reader_finds_names_and_keys_for_everything(serve, open_page):
    page = open_page(serve())
    nameless = """() => [...document.querySelectorAll('button, progress, summary')]
      .filter((one) => !one.textContent.trim() && !one.getAttribute('aria-label')).length"""
    assert page.evaluate(nameless) == 0
    assert page.locator("img:not([alt])").count() == 0
    keys = page.locator("button").evaluate_all("all => all.map((one) => one.getAttribute('aria-keyshortcuts'))")
    assert keys == ["y", "n", "h", "s", "u Backspace"]
