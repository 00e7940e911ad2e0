import hashlib
import io

import pytest
from PIL import Image

from vlm_eval.flow import View
from vlm_eval.runs.media import MediaWriter
from vlm_eval.views.image import image_view


@pytest.fixture
def sent(tmp_path) -> tuple[View, str]:
    path = tmp_path / "part.png"
    Image.new("RGB", (40, 30), (200, 10, 10)).save(path)
    return image_view(path, "query"), hashlib.sha256(path.read_bytes()).hexdigest()


def written(tmp_path, view: View, digest: str) -> list[str]:
    writer = MediaWriter(tmp_path / "run")
    writer.add(view, digest)
    writer.close()
    return [path.name for path in (tmp_path / "run" / "media").iterdir()]


def test_the_thumbnail_of_a_picture_is_named_by_what_was_sent(tmp_path, sent):
    assert written(tmp_path, *sent) == [sent[1]]
    small = Image.open(io.BytesIO((tmp_path / "run" / "media" / sent[1]).read_bytes()))
    assert small.size == (40, 30) and small.getpixel((5, 5))[0] > 190


def test_a_file_that_changed_after_it_was_sent_gets_no_thumbnail(tmp_path, sent):
    Image.new("RGB", (40, 30), (0, 200, 0)).save(sent[0].path)
    assert written(tmp_path, *sent) == []


def test_a_file_that_went_away_after_it_was_sent_gets_no_thumbnail(tmp_path, sent):
    sent[0].path.unlink()
    assert written(tmp_path, *sent) == []


def test_a_picture_that_is_rendered_is_rendered_for_its_thumbnail(tmp_path):
    path = tmp_path / "part.bmp"
    Image.new("RGB", (40, 30), (0, 0, 200)).save(path)
    view = image_view(path, "query")
    assert view.recipe
    assert written(tmp_path, view, hashlib.sha256(view.read()).hexdigest()) == [
        hashlib.sha256(view.read()).hexdigest()
    ]


def test_a_disk_error_is_not_swallowed(tmp_path, sent):
    writer = MediaWriter(tmp_path / "run")
    (tmp_path / "run" / "media").rmdir()
    writer.add(*sent)
    with pytest.raises(FileNotFoundError):
        writer.close()
