"""Fixtures that several areas share."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path_factory):
    """Keep tests off the network, and away from the user's own cache, data roots and keys."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("VLM_EVAL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def parts(tmp_path) -> Path:
    """Two folders with six normal and six anomalous pictures, all different."""
    root = tmp_path / "parts"
    for index in range(12):
        folder = root / ("normal" if index % 2 == 0 else "anomalous")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 24), (index * 20, 90, 200 - index * 10)).save(folder / f"{index:02d}.png")
    return root
