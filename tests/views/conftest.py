from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Saver = Callable[..., Path]


@pytest.fixture
def colours() -> Image.Image:
    """An RGB picture, 20 wide and 12 high, whose every pixel differs."""
    rows, columns = np.mgrid[0:12, 0:20]
    return Image.fromarray(np.stack([columns * 12, rows * 20, columns + 12 * rows], axis=-1).astype(np.uint8))


@pytest.fixture
def save(tmp_path: Path) -> Saver:
    def save_picture(image: Image.Image, name: str, **options: object) -> Path:
        path = tmp_path / name
        image.save(path, **options)  # type: ignore[arg-type]
        return path

    return save_picture


@pytest.fixture
def shared_data() -> Path:
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return folder
