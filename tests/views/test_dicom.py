import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.views.dicom import WINDOWS, through_window
from vlm_eval.views.open import check_recipe, make_recipe, open_views

pydicom = pytest.importorskip("pydicom")
RAMP = np.arange(-512, 512, dtype=np.int16).reshape(32, 32)


@pytest.fixture(scope="module")
def shipped() -> Path:
    return Path(pydicom.__file__).parent / "data" / "test_files"


def write(path: Path, pixels: np.ndarray, **attributes) -> Path:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = CTImageStorage, "1.2.3", "CT"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 1
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.PixelData = pixels.astype("<i2").tobytes()
    for name, value in attributes.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def show(path: Path, **steps) -> list[np.ndarray]:
    views = open_views(path, "query", make_recipe({"dicom": {"size": 32, **steps}}))
    return [np.asarray(Image.open(io.BytesIO(view.read()))) for view in views]


@pytest.mark.parametrize("window", sorted(WINDOWS))
def test_windows_of_a_ct_are_those_of_the_standard(tmp_path, window) -> None:
    from pydicom.pixels import apply_windowing

    path = write(tmp_path / "a.dcm", RAMP, RescaleSlope=2, RescaleIntercept=-100)
    data = pydicom.dcmread(path)
    data.WindowCenter, data.WindowWidth = WINDOWS[window]
    lows, highs = -32768 * 2 - 100, 32767 * 2 - 100
    oracle = (apply_windowing(RAMP * 2.0 - 100, data) - lows) / (highs - lows) * 255
    assert np.abs(show(path, window=window)[0] - oracle).max() <= 0.51


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_files_own_window_is_taken_with_its_function(tmp_path, function) -> None:
    from pydicom.pixels import apply_windowing

    path = write(tmp_path / "a.dcm", RAMP, WindowCenter=[20, 500], WindowWidth=[300, 9], VOILUTFunction=function)
    oracle = (apply_windowing(RAMP, pydicom.dcmread(path)) + 32768) / 65535 * 255
    assert np.abs(show(path)[0] - oracle).max() <= 0.51
    stated = show(path, center=-100, width=50)[0]
    assert stated.ravel()[512 - 126] == 0 and stated.ravel()[512 - 75] == 255


def test_low_values_of_monochrome1_are_bright(tmp_path) -> None:
    plain = show(write(tmp_path / "a.dcm", RAMP))[0]
    inverted = show(write(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1"))[0]
    assert plain[0, 0] == 0 and plain[-1, -1] == 255
    assert np.array_equal(inverted, 255 - plain)


def test_padding_takes_no_part_in_the_range_of_all_values(tmp_path) -> None:
    padded = RAMP.copy()
    padded[0] = -32000
    (picture,) = show(write(tmp_path / "a.dcm", padded, PixelPaddingValue=-32000))
    assert picture[0].max() == 0 and picture[1, 0] == 0 and 120 < picture[16, 16] < 140


def test_frames_are_slices_in_their_order(tmp_path) -> None:
    stack = np.stack([np.full((32, 32), number * 10) for number in range(8)])
    path = write(tmp_path / "a.dcm", stack, WindowCenter=127.5, WindowWidth=255, VOILUTFunction="LINEAR_EXACT")
    assert [int(one[5, 5]) for one in show(path, slices=4)] == [10, 30, 50, 70]
    assert [int(one[5, 5]) for one in show(path, slice=7)] == [70]
    sheet = open_views(path, "query", make_recipe({"dicom": {"slices": 3, "layout": "sheet", "size": 64}}))
    assert len(sheet) == 1 and Image.open(io.BytesIO(sheet[0].read())).size == sheet[0].size
    with pytest.raises(BadInputError, match=r"has 8 slices.*no slice 8"):
        show(path, slice=8)


def test_the_picture_has_the_proportions_of_the_body(tmp_path) -> None:
    path = write(tmp_path / "a.dcm", RAMP, PixelSpacing=[2, 1])
    (view,) = open_views(path, "query", make_recipe({"dicom": {"size": 100}}))
    assert view.size == (50, 100) == Image.open(io.BytesIO(view.read())).size


def test_windows_in_hounsfield_units_are_for_ct_alone(tmp_path) -> None:
    with pytest.raises(BadInputError, match="is no CT but MR"):
        show(write(tmp_path / "a.dcm", RAMP, Modality="MR"), window="brain")


@pytest.mark.parametrize(
    "name", ["examples_rgb_color", "examples_palette", "SC_rgb_rle_16bit", "examples_ybr_color"]
)
def test_colour_files_stay_in_colour(shipped, name) -> None:
    (picture,) = show(shipped / f"{name}.dcm", size=200)
    assert picture.ndim == 3 and np.ptp(picture.astype(int), axis=2).max() > 50


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MR_truncated", "number of bytes of pixel data is less than expected"),
        ("test-SR", "holds no picture: it is Comprehensive SR Storage"),
        ("waveform_ecg", "holds no picture"),
        ("no_meta", "lacks the DICM prefix"),
        ("badVR", "cannot be read as DICOM"),
        ("JPEGLSNearLossless_16", "JPEG-LS Lossy.*install a decoder"),
    ],
)
def test_files_that_cannot_be_shown_are_bad_input_that_says_why(shipped, name, said) -> None:
    with pytest.raises(BadInputError, match=said):
        show(shipped / f"{name}.dcm")


def test_shipped_scans_are_drawn_at_the_size_that_was_planned(shipped) -> None:
    for name in ("CT_small", "MR_small", "examples_overlay", "rtdose", "image_dfl"):
        (view,) = open_views(shipped / f"{name}.dcm", "query", make_recipe({"dicom": {}}))
        picture = Image.open(io.BytesIO(view.read()))
        assert picture.size == view.size and max(view.size) == 448
        assert picture.getextrema()[1] == 255


def test_a_window_without_width_is_refused() -> None:
    with pytest.raises(BadInputError, match="width 0"):
        through_window(np.zeros(3), 0, 0)
    with pytest.raises(InputError, match="allowed are"):
        check_recipe(make_recipe({"dicom": {"window": "liver"}}))
