import contextlib
import io
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from vlm_eval.errors import BadInputError
from vlm_eval.views.image import image_view


def bomb(path: Path) -> Path:
    """A PNG of a few hundred bytes whose header states 60,000 x 60,000 pixels."""
    Image.new("L", (1, 1)).save(path)
    data = path.read_bytes()
    side = (60_000).to_bytes(4, "big")
    path.write_bytes(data[:16] + side + side + data[24:])
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_plain_picture_is_sent_as_it_is(save, colours, name) -> None:
    path = save(colours, name)
    view = image_view(path, "query")
    assert (view.recipe, view.size) == ((), (20, 12))
    assert view.read() == path.read_bytes()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"progressive": True}),
        ("b.jpg", {"subsampling": 0, "restart_marker_blocks": 1}),
        ("a.png", {"compress_level": 0}),
        ("a.webp", {"lossless": True}),
    ],
)
def test_every_plain_flavour_is_sent_as_it_is(save, colours, mode, name, options) -> None:
    view = image_view(save(colours.convert(mode), name, **options), "query")
    assert (view.recipe, view.size) == ((), (20, 12))


def test_planning_never_decodes(save, colours, monkeypatch) -> None:
    paths = [save(colours, "a.jpg"), save(colours.convert("RGBA"), "b.png"), save(colours, "c.tiff")]

    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    Image.init()  # one of the plugins draws while it is imported
    monkeypatch.setattr(Image.Image, "load", refuse)
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    assert [image_view(path, "query").size for path in paths] == [(20, 12)] * 3


def test_the_same_file_has_one_identity_in_every_role_and_place(save, colours) -> None:
    first = image_view(save(colours, "a.png"), "query")
    second = image_view(save(colours, "b.png"), "reference")
    assert first.identity == second.identity
    assert len(first.identity) == 64


def test_a_view_survives_pickling(save, colours) -> None:
    view = image_view(save(colours, "a.png"), "query")
    assert pickle.loads(pickle.dumps(view)).read() == view.read()


def test_a_changed_file_is_looked_at_again(save, colours) -> None:
    before = image_view(save(colours, "a.png"), "query")
    after = image_view(save(colours.resize((40, 24)), "a.png"), "query")
    assert (before.size, after.size) == ((20, 12), (40, 24))
    assert before.identity != after.identity


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    picture = Image.effect_noise((64, 64), 50)
    files = {name: folder / name for name in ("empty.png", "text.jpg", "folder.png", "half.tiff")}
    files["empty.png"].write_bytes(b"")
    files["text.jpg"].write_text("this is no picture")
    files["folder.png"].mkdir()
    picture.save(files["half.tiff"])
    files["half.tiff"].write_bytes(files["half.tiff"].read_bytes()[:2000])
    for name in ("cut.jpg", "cut.png", "cut.webp"):
        files[name] = folder / name
        picture.save(files[name])
        files[name].write_bytes(files[name].read_bytes()[:-20])
    said = {"empty.png": "is empty", "text.jpg": "not a picture", "folder.png": "cannot be read"}
    said |= {
        "half.tiff": "cannot be",
        "bomb.png": "60000 x 60000 pixels; at most 120,000,000",
        "gone.png": "No such file",
    }
    files |= {"bomb.png": bomb(folder / "bomb.png"), "gone.png": folder / "gone.png"}
    return {name: (path, said.get(name, "cut off")) for name, path in files.items()}


BAD = [
    "empty.png",
    "text.jpg",
    "folder.png",
    "half.tiff",
    "cut.jpg",
    "cut.png",
    "cut.webp",
    "bomb.png",
    "gone.png",
]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gives_a_view_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    path, said = bad_files(tmp_path)[name]
    view = image_view(path, "query")
    assert view.identity == image_view(path, "query").identity
    with pytest.raises(BadInputError) as caught:
        view.read()
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert str(caught.value).count(".") >= 2  # a sentence with the fault, another with the remedy


def test_bad_files_have_no_size_and_differ(tmp_path: Path) -> None:
    views = [image_view(path, "query") for name, (path, _) in bad_files(tmp_path).items() if name != "half.tiff"]
    assert {view.size for view in views} == {(0, 0)}
    assert len({view.identity for view in views}) == len(views)


def test_a_missing_file_that_appears_is_seen(save, colours, tmp_path: Path) -> None:
    missing = image_view(tmp_path / "a.png", "query")
    save(colours, "a.png")
    assert image_view(tmp_path / "a.png", "query").identity != missing.identity


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_file_cut_anywhere_is_seen_when_planning(save, colours, tmp_path: Path, name: str) -> None:
    whole = save(colours, name, icc_profile=b"profile", exif=Image.Exif()).read_bytes()
    for cut in range(len(whole)):
        path = tmp_path / f"{cut}-{name}"
        path.write_bytes(whole[:cut])
        assert image_view(path, "query").size == (0, 0), cut


@pytest.mark.parametrize("name", ["a.gif", "a.bmp", "a.tiff", "a.jp2", "a.ppm"])
def test_another_format_cut_anywhere_never_breaks_planning(save, colours, tmp_path: Path, name: str) -> None:
    whole = save(colours.quantize(16) if name == "a.gif" else colours, name).read_bytes()
    for cut in range(0, len(whole), 5):
        path = tmp_path / f"{cut}-{name}"
        path.write_bytes(whole[:cut])
        assert image_view(path, "query").size in ((0, 0), (20, 12))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_noise_in_a_file_never_breaks_planning(save, colours, tmp_path: Path, name: str) -> None:
    whole = save(colours, name, icc_profile=b"profile", exif=Image.Exif()).read_bytes()
    chance = random.Random(0)
    for trial in range(300):
        data = bytearray(whole)
        for _ in range(3):
            data[chance.randrange(12, len(data))] = chance.randrange(256)
        path = tmp_path / f"{trial}-{name}"
        path.write_bytes(data)
        view = image_view(path, "query")
        assert len(view.identity) == 64
        with contextlib.suppress(BadInputError):
            assert view.read()


def test_real_pictures_pass_or_are_stripped_and_show_the_same_pixels(shared_data: Path) -> None:
    paths = sorted([*shared_data.glob("seed_cases/**/*.png"), *shared_data.glob("deeppcb/*.jpg")])
    assert len(paths) > 50
    for path in paths:
        view = image_view(path, "query")
        with Image.open(path) as image, Image.open(io.BytesIO(view.read())) as sent:
            assert view.size == sent.size == image.size
            assert [step.operation for step in view.recipe] in ([], ["strip-metadata"])
            assert np.array_equal(np.asarray(sent), np.asarray(image))


def test_an_unchanged_file_is_read_once_a_process(save, colours, monkeypatch) -> None:
    path = save(colours, "a.png")
    identity = image_view(path, "query").identity
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    assert image_view(path, "reference").identity == identity


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"iCCP"])
def test_a_png_with_a_damaged_chunk_is_seen_without_decoding(save, colours, kind: bytes) -> None:
    path = save(colours, "a.png", icc_profile=b"profile")
    data = bytearray(path.read_bytes())
    data[data.index(kind) + 4 + 12] ^= 1  # IHDR has 13 bytes
    path.write_bytes(data)
    view = image_view(path, "query")
    assert view.size == (0, 0)
    with pytest.raises(BadInputError, match=f"a\\.png has a damaged {kind.decode()} chunk.*Replace the file"):
        view.read()


def test_a_damaged_chunk_that_is_taken_out_does_no_harm(save, colours) -> None:
    text = PngInfo()
    text.add_text("Comment", "taken with a camera")
    path = save(colours, "a.png", pnginfo=text)
    path.write_bytes(path.read_bytes().replace(b"camera", b"camero"))
    assert b"camero" not in image_view(path, "query").read()


def test_a_picture_with_too_long_a_side_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (30_001, 1)).save(path)
    view = image_view(path, "query")
    assert view.size == (0, 0)
    with pytest.raises(BadInputError, match="30001 x 1 pixels; at most 30,000 a side"):
        view.read()
    Image.new("L", (30_000, 1)).save(path)
    assert image_view(path, "query").size == (30_000, 1)
