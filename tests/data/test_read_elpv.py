import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.data.selection import select
from vlm_eval.errors import CardError, MissingExtraError

installed = pytest.mark.skipif(importlib.util.find_spec("elpv_dataset") is None, reason="needs vlm-eval[elpv]")


def test_sure_labels_become_gold_and_graded_ones_are_left_out(tmp_path: Path) -> None:
    lines = ["images/a.png  1.0   mono", "images/b.png 0.0 poly", "images/c.png 0.3333333333333333 poly"]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    dataset = load_dataset("elpv", root=tmp_path)
    defective, functional = dataset.samples
    assert (defective.id, defective.object_class) == ("elpv/images/a.png", "mono")
    assert (defective.gold.anomalous, defective.gold.defect_type) == ("yes", "defective cell")
    assert (functional.gold.anomalous, functional.metadata) == ("no", {"cell": "poly"})
    assert dataset.notes == ("1 cells with a graded label (probability 1/3 or 2/3) are left out",)


@installed
def test_the_package_holds_the_published_number_of_cells() -> None:
    samples = load_dataset("elpv").samples
    counts = Counter((sample.object_class, sample.gold.anomalous) for sample in samples)
    assert counts == {("mono", "no"): 588, ("mono", "yes"): 313, ("poly", "no"): 920, ("poly", "yes"): 402}
    assert samples[0].sources[0].is_file()


@installed
def test_200_cells_are_balanced_over_kind_and_gold() -> None:
    chosen = select(load_dataset("elpv").samples, 200, seed=0)
    assert set(Counter((sample.object_class, sample.gold.anomalous) for sample in chosen).values()) == {50}


def test_without_the_package_the_pip_command_is_told(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vlm-eval\[elpv\]'"):
        load_dataset("elpv")


def test_a_broken_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"labels\.csv is missing"):
        load_dataset("elpv", root=tmp_path)
    (tmp_path / "labels.csv").write_text("images/a.png mono\n", encoding="utf-8")
    with pytest.raises(CardError, match=r"labels\.csv, line 1: .* is no entry"):
        load_dataset("elpv", root=tmp_path)
