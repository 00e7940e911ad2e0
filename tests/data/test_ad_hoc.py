"""A folder that brings its own card is read by that card."""

import pytest
from PIL import Image

from vlm_eval.data.ad_hoc import own_card
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError

CARD = "name: {name}\ntitle: x\nreader: table\nroot: .\nlicence: CC0-1.0\noptions: {{file: items.csv}}\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "made").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "made" / "a.png")
    (tmp_path / "made" / "items.csv").write_text("image,label\na.png,1\n")
    (tmp_path / "made" / "mine.yaml").write_text(CARD.format(name="mine"))
    return tmp_path / "made"


def test_the_card_in_a_folder_says_how_the_folder_is_read(folder):
    dataset = load_dataset(folder)
    assert dataset.card.name == "mine" and dataset.samples[0].gold.anomalous == "yes"


def test_a_yaml_file_that_is_no_card_or_no_yaml_changes_nothing(folder):
    (folder / "notes.yaml").write_text("colour: red\n")
    (folder / "broken.yaml").write_text("a: [\n")
    assert own_card(folder) == folder / "mine.yaml"
    (folder / "mine.yaml").unlink()
    assert own_card(folder) is None
    assert load_dataset(folder).samples[0].gold.anomalous == "unknown"  # loose pictures, as before


def test_two_cards_are_refused(folder):
    (folder / "other.yaml").write_text(CARD.format(name="other"))
    with pytest.raises(CardError, match=r"two cards, mine\.yaml and other\.yaml; name one of them"):
        load_dataset(folder)
    assert load_dataset(folder / "other.yaml").card.name == "other"
