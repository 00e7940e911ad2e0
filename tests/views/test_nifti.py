import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Gold, Sample
from vlm_eval.views.gold import gold_regions
from vlm_eval.views.open import make_recipe, open_views

nibabel = pytest.importorskip("nibabel")
PLACES = {"R": (0, 1), "L": (0, 0), "A": (1, 1), "P": (1, 0), "H": (2, 1), "F": (2, 0)}  # axis, end
SHAPE = (20, 24, 28)
ORDERS = ["RAS", "LPS", "LAS", "PIR", "SRA", "ILP"]


def volume(bright: str) -> np.ndarray:
    """Return a volume in R, A, S order whose four voxels next to one side are bright."""
    values = np.zeros(SHAPE, np.float32)
    axis, end = PLACES[bright]
    place: list[slice | int] = [slice(8, 12)] * 3
    place[axis] = slice(-4, None) if end else slice(0, 4)
    values[tuple(place)] = 100
    return values


def write(path: Path, values: np.ndarray, order: str = "RAS", spacing=(1.0, 1.0, 1.0)) -> Path:
    image = nibabel.Nifti1Image(values, np.diag([*spacing, 1.0]))
    turned = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(order)
    )
    nibabel.save(image.as_reoriented(turned), path)
    return path


def show(path: Path, **steps) -> list[np.ndarray]:
    views = open_views(path, "query", make_recipe({"nifti": {"size": 56, "low": 0, "high": 100, **steps}}))
    return [np.asarray(Image.open(io.BytesIO(view.read()))) for view in views]


def side_of(picture: np.ndarray) -> str:
    """Say at which border of a picture the bright spot lies."""
    rows, columns = np.nonzero(picture > 100)
    across, down = columns.mean() / picture.shape[1] - 0.5, rows.mean() / picture.shape[0] - 0.5
    if max(abs(across), abs(down)) < 0.25:
        return "middle"
    return ("right" if across > 0 else "left") if abs(across) > abs(down) else ("bottom" if down > 0 else "top")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("plane", "sides"),
    [
        ("axial", {"A": "top", "P": "bottom", "R": "left", "L": "right"}),
        ("coronal", {"H": "top", "F": "bottom", "R": "left", "L": "right"}),
        ("sagittal", {"H": "top", "F": "bottom", "A": "left", "P": "right"}),
    ],
)
def test_the_patient_lies_as_stated_whatever_way_the_file_is_stored(tmp_path, order, plane, sides) -> None:
    for letter, side in sides.items():
        path = write(tmp_path / f"{letter}.nii.gz", volume(letter), order)
        (picture,) = show(path, plane=plane, slice=9)
        assert side_of(picture) == side
        (other,) = show(path, plane=plane, slice=9, side="neurological")
        assert side_of(other) == {"left": "right", "right": "left"}.get(side, side)


def test_slices_run_from_foot_to_head_and_are_spread_evenly(tmp_path) -> None:
    values = np.zeros(SHAPE, np.float32) + np.arange(28, dtype=np.float32)
    path = write(tmp_path / "a.nii.gz", values, "LPI")
    grey = [float(picture.mean()) / 2.55 for picture in show(path, slices=4)]
    assert grey == pytest.approx([3, 10, 17, 24], abs=0.3)
    assert len(show(path, slices=4, layout="sheet")) == 1


def test_letters_say_where_the_picture_points(tmp_path) -> None:
    path = write(tmp_path / "a.nii", volume("A"))
    plain, lettered = show(path, slice=9, size=200)[0], show(path, slice=9, size=200, letters="shown")[0]
    changed = plain != lettered
    assert all(part.any() for part in (changed[:, :30], changed[:, -30:], changed[:30], changed[-30:]))
    assert not changed[60:140, 60:140].any()


def test_the_picture_has_the_proportions_of_the_body(tmp_path) -> None:
    path = write(tmp_path / "a.nii.gz", volume("A"), "SRA", spacing=(1.0, 1.0, 3.0))
    for plane, shape in (("axial", (20, 24)), ("coronal", (20, 84)), ("sagittal", (24, 84))):
        (view,) = open_views(path, "query", make_recipe({"nifti": {"plane": plane, "size": 84}}))
        width, height = Image.open(io.BytesIO(view.read())).size
        assert view.size == (width, height)
        assert width / height == pytest.approx(shape[0] / shape[1], rel=0.03)


def test_gold_is_cut_as_the_volume_is(tmp_path) -> None:
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    path, gold = write(tmp_path / "a.nii.gz", values, "LPS"), write(tmp_path / "gold.nii.gz", volume("R"), "RAS")
    for steps in ({"slice": 9}, {"slices": 3, "layout": "sheet"}):
        sample = Sample(
            "m/a", "m", "medical", (path,), "brain", Gold("yes", masks=(gold,)), "m/a",
            recipe=make_recipe({"nifti": {"size": 56, **steps}}),
        )  # fmt: skip
        (region,) = gold_regions(sample)
        (view,) = open_views(path, "query", sample.recipe)
        assert (region.shape[1], region.shape[0]) == view.size
        if "slice" in steps:
            assert side_of(region * 255) == "left" and region.mean() == pytest.approx(16 / 480, abs=0.01)


def test_one_volume_of_several_is_shown(tmp_path) -> None:
    values = np.stack([np.full(SHAPE, 10.0), np.full(SHAPE, 90.0)], axis=3).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii.gz")
    assert [int(show(tmp_path / "a.nii.gz", volume=number)[0].mean()) for number in (0, 1)] == [26, 230]
    with pytest.raises(BadInputError, match="holds 2 volumes"):
        show(tmp_path / "a.nii.gz", volume=2)


def test_values_that_are_not_finite_are_black(tmp_path) -> None:
    values = np.full(SHAPE, 50, np.float32)
    values[:5] = np.nan
    (picture,) = show(write(tmp_path / "a.nii.gz", values))
    assert set(np.unique(picture)) >= {0, 128}


def damaged(path: Path, change) -> Path:
    write(path, volume("A"))
    path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("a.nii.gz", lambda data: data[: len(data) // 2], "cut off or damaged"),
        ("a.nii", lambda data: data[: len(data) // 2], "cannot be read as NIfTI"),
        ("a.nii", lambda data: b"", "cannot be read as NIfTI"),
        ("a.nii", lambda data: b"no volume" * 99, "cannot be read as NIfTI"),
        ("a.nii.gz", lambda data: data, "no slice 99"),
    ],
)
def test_files_that_cannot_be_shown_are_bad_input(tmp_path, name, change, said) -> None:
    with pytest.raises(BadInputError, match=said):
        show(damaged(tmp_path / name, change), slice=99 if said.startswith("no slice") else -1)


def test_a_volume_without_a_finite_value_is_bad_input(tmp_path) -> None:
    path = write(tmp_path / "a.nii", np.full(SHAPE, np.nan, np.float32))
    with pytest.raises(BadInputError, match="no finite value"):
        show(path)


def test_complex_numbers_are_bad_input_and_what_32_bits_do_not_hold_is_not_finite(tmp_path) -> None:
    with pytest.raises(BadInputError, match="complex numbers"):
        show(write(tmp_path / "a.nii", np.ones(SHAPE, np.complex64)))
    with pytest.raises(BadInputError, match="no finite value"):
        show(write(tmp_path / "b.nii", np.full(SHAPE, 1e300)))


def test_an_infinite_value_does_not_widen_the_range(tmp_path) -> None:
    values = np.tile(np.linspace(0, 100, 28, dtype=np.float32), (20, 24, 1))
    values[0, 0, 0] = np.inf
    views = open_views(write(tmp_path / "a.nii", values), "query", make_recipe({"nifti": {"slice": 27}}))
    assert np.asarray(Image.open(io.BytesIO(views[0].read()))).min() == 255


def test_nifti2_is_read_as_well(tmp_path) -> None:
    image = nibabel.Nifti2Image(volume("A"), np.eye(4))
    nibabel.save(image, tmp_path / "a.nii.gz")
    (picture,) = show(tmp_path / "a.nii.gz", slice=9)
    assert side_of(picture) == "top"
    assert open_views(tmp_path / "a.nii.gz", "query", make_recipe({"nifti": {}}))[0].size != (0, 0)
