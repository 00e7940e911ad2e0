import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.data.check import check_dataset
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError
from vlm_eval.views.gold import gold_regions
from vlm_eval.views.open import open_views

nibabel = pytest.importorskip("nibabel")


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.diag([-1, -1, 1, 1])), path)  # stored as LPS


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    label = np.zeros((32, 32, 32))
    label[4:10, 4:10, 16:24] = 1
    write(tmp_path / "brain" / "brain_train" / "00000.nii.gz", rng.random((32, 32, 32)))
    write(tmp_path / "brain" / "toy" / "toy_0.nii.gz", rng.random((32, 32, 32)) + 5 * label)
    write(tmp_path / "brain" / "toy_label" / "pixel" / "toy_0.nii.gz", label)
    return tmp_path


def test_slices_are_anomalous_where_the_label_volume_is(tree: Path) -> None:
    data = load_dataset("mood", root=tree)
    test = [sample for sample in data.samples if sample.split == "test"]
    assert [sample.id.rpartition("#")[2] for sample in test] == ["004", "012", "020", "028"]
    assert [sample.gold.anomalous for sample in test] == ["no", "no", "yes", "no"]
    assert test[0].nouns["this"] == "brain MRI image" and test[0].domain == "medical"
    assert not [finding for finding in check_dataset(data) if finding.level == "error"]


def test_the_gold_region_lies_on_the_bright_spot_of_the_picture(tree: Path) -> None:
    (sample,) = [one for one in load_dataset("mood", root=tree).samples if one.gold.anomalous == "yes"]
    (view,) = open_views(sample.sources[0], "query", sample.recipe)
    picture = np.asarray(Image.open(io.BytesIO(view.read()))).astype(float)
    (region,) = gold_regions(sample)
    assert picture[region].mean() > 3 * picture[~region].mean()
    assert region.mean() == pytest.approx(36 / 1024, rel=0.1)


def test_labels_that_are_not_there_are_refused(tree: Path) -> None:
    (tree / "brain" / "toy_label" / "pixel" / "toy_0.nii.gz").unlink()
    with pytest.raises(CardError, match=r"toy_0.nii.gz cannot be read as the labels"):
        load_dataset("mood", root=tree)
    with pytest.raises(CardError, match="holds no region"):
        load_dataset("mood", root=tree / "brain")
