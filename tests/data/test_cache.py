from pathlib import Path

from vlm_eval.data.cache import keep_picture
from vlm_eval.resources import cache_folder


def test_the_cache_is_where_the_variable_says(cache_in_scratch: Path) -> None:
    assert cache_folder() == cache_in_scratch


def test_without_the_variable_it_is_the_platforms_place(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("VLM_EVAL_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "vlm-eval"


def test_the_same_bytes_are_kept_once_and_other_bytes_apart() -> None:
    first, again, other = (keep_picture(data) for data in (b"\x89PNG1", b"\x89PNG1", b"\xff\xd8\xff2"))
    assert first == again != other
    assert (first.suffix, other.suffix) == (".png", ".jpg")
    assert first.read_bytes() == b"\x89PNG1"
    assert not list(cache_folder().rglob("*.part"))
