from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vlm_eval.data.cards import check_card
from vlm_eval.data.schema import Card

PictureMaker = Callable[..., Path]
CardMaker = Callable[..., Card]


@pytest.fixture
def picture() -> PictureMaker:
    """Write a small grey picture and the folders above it; the shade tells pictures apart."""

    def make(path: Path, shade: int = 128, size: tuple[int, int] = (8, 6)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, shade).save(path)
        return path

    return make


@pytest.fixture
def card() -> CardMaker:
    """Make a card in memory."""

    def make(reader: str, **more: Any) -> Card:
        return check_card(
            {"name": "mine", "title": "Mine", "reader": reader, "licence": "MIT", **more}, "mine.yaml"
        )

    return make


@pytest.fixture(autouse=True)
def cache_in_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLM_EVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def shared_data() -> Path:
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data that the project is built against is not on this machine")
    return folder
