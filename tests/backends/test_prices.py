"""Prices and token counts."""

import pytest

from vlm_eval.backends.prices import Price, estimate_tokens, picture_tokens, read_prices, upper_cost
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Generation, Model


@pytest.mark.parametrize(
    ("size", "tokens"),
    # The three examples of OpenAI's page on vision, then one tile, and two whole ones that must not be enlarged.
    [((1024, 1024), 765), ((2048, 4096), 1105), ((512, 512), 255), ((448, 448), 255), ((1024, 512), 425)],
)
def test_pictures_cost_what_the_published_rule_says(size, tokens):
    assert picture_tokens(*size) == tokens
    assert picture_tokens(*size, "low") == 85


def test_text_counts_four_characters_a_token(make):
    short = estimate_tokens(make.request("a" * 40).prompt)
    assert estimate_tokens(make.request("a" * 80).prompt) - short == 10
    assert estimate_tokens(make.request("a" * 40, make.picture(1)).prompt) - short == 255


def test_the_most_that_a_request_can_cost_counts_every_token_it_may_write(make):
    prompt = make.request("a" * 40).prompt
    cost = upper_cost(Price(input=0, output=10), prompt, Generation(max_tokens=200, beams=1))
    assert cost == pytest.approx(200 * 10 / 1e6)
    assert upper_cost(Price(input=0, output=10), prompt, Generation(yes_no=True)) == pytest.approx(10 / 1e6)
    assert upper_cost(Price(input=2, output=0), prompt, Generation()) == estimate_tokens(prompt) * 2 / 1e6


def test_a_price_is_found_by_model_or_checkpoint(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text("gpt-4o: {input: 2.5, output: 10}\n'openai:local': {input: 0, output: 0}\n")
    prices = read_prices(path)
    assert prices.of(Model("openai", "gpt-4o")) == Price(input=2.5, output=10)
    assert prices.of(Model("openai", "local")) == Price(input=0, output=0)
    assert prices.of(Model("openai", "o3")) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("gpt-4o: {input: 2.5}", "gpt-4o.output: Field required"),
        ("gpt-4o: {input: -1, output: 1}", "gpt-4o.input"),
        ("gpt-4o: {input: 1, output: 1, cached: 1}", "gpt-4o.cached"),
        ("[1]", "the file"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_price_is_named_with_an_example(tmp_path, text, named):
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(ExperimentError, match=named) as caught:
        read_prices(path)
    assert "{input: 2.5, output: 10}" in str(caught.value)
