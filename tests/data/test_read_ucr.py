from pathlib import Path

import numpy as np
import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError

NAME = "001_UCR_Anomaly_DISTORTED1sddb40_350_520_526.txt"


def write(folder: Path, name: str = NAME, readings: int = 750, one_line: bool = False) -> None:
    values = np.sin(np.arange(readings) / 5)
    (folder / name).write_text((" " if one_line else "\n").join(f"  {value:.7e}" for value in values))


@pytest.mark.parametrize("one_line", [False, True])
def test_one_window_in_eight_holds_the_anomaly_of_the_files_name(tmp_path: Path, one_line: bool) -> None:
    write(tmp_path, one_line=one_line)
    samples = load_dataset("ucr-anomaly", root=tmp_path).samples
    assert [sample.gold.anomalous for sample in samples] == ["no"] * 3 + ["yes"] + ["no"] * 4
    assert samples[3].gold.intervals == ((520.0, 526.0),)
    assert samples[3].recipe != samples[3].reference_recipe
    assert dict(samples[0].reference_recipe[0].parameters) == {"start": "0", "end": "350"}
    assert {sample.group for sample in samples} == {f"ucr-anomaly/{NAME}"}
    assert not any("520" in str(value) for sample in samples for value in sample.nouns.values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("002_UCR_Anomaly_x.txt", "does not end in"),
        ("002_UCR_Anomaly_x_350_520_900.txt", "but 750 readings"),
        ("002_UCR_Anomaly_x_600_520_530.txt", "training to 600"),
        ("readme.txt", "holds no file such as 001_UCR"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path: Path, name: str, said: str) -> None:
    write(tmp_path, name)
    with pytest.raises(CardError, match=said):
        load_dataset("ucr-anomaly", root=tmp_path)
