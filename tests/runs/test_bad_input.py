"""One bad file is one failed item; a full disk loses nothing that was answered."""

import subprocess
import sys

import pytest
from PIL import Image

from vlm_eval.errors import RunFolderError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute


def run(parts, folder, **more):
    keys = {"dataset": str(parts), "models": ["scripted:no"], "yes_no": False, **more}
    return execute(make_plan(parse_experiment(keys, "test")), folder)


def test_unreadable_and_odd_pictures_fail_alone_and_the_run_goes_on(parts, tmp_path):
    normal = parts / "normal"
    whole = (normal / "02.png").read_bytes()
    (normal / "00.png").write_bytes(whole[: len(whole) // 2])
    (normal / "02.png").write_bytes(b"not a picture")
    (normal / "04.png").write_bytes(b"")
    Image.new("I;16", (20, 20), 40000).save(normal / "sixteen.png")
    Image.new("RGBA", (20, 20), (9, 9, 9, 100)).save(normal / "alpha.png")
    Image.new("P", (20, 20), 3).save(normal / "palette.png")
    Image.new("CMYK", (20, 20), (9, 9, 9, 9)).save(normal / "cmyk.jpg")
    result = run(parts, tmp_path / "run")
    frame = read_frame(tmp_path / "run").set_index("sample_id")
    failed = frame[frame["status"] == "failed"]
    assert set(failed.index) == {f"parts/normal/0{index}.png" for index in (0, 2, 4)}
    assert set(failed["failure"]) == {"bad-input"}
    assert (result.failed, result.open) == (3, 0)


def test_a_picture_of_sixty_thousand_pixels_a_side_fails_alone(parts, tmp_path):
    bomb = parts / "normal" / "00.png"
    data = bytearray(bomb.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    bomb.write_bytes(data)
    run(parts, tmp_path / "run")
    frame = read_frame(tmp_path / "run").set_index("sample_id")
    assert frame.loc["parts/normal/00.png", "failure"] == "bad-input"
    assert (frame["status"] == "answered").sum() == 11


def test_a_row_that_names_a_missing_file_fails_alone(parts, tmp_path):
    table = parts / "table.csv"
    table.write_text("image,label\nnormal/00.png,normal\nnormal/nowhere.png,normal\nanomalous/01.png,anomalous\n")
    run(table, tmp_path / "run")
    frame = read_frame(tmp_path / "run")
    assert list(frame["status"]).count("answered") == 2
    assert list(frame["failure"].dropna()) == ["bad-input"]


def test_a_damaged_run_folder_is_named_with_the_remedy(parts, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.sqlite").write_bytes(b"no database")
    for use in (lambda: read_frame(folder), lambda: run(parts, folder)):
        with pytest.raises(RunFolderError, match=r"run.sqlite: file is not a database\). Restore it from a copy"):
            use()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from vlm_eval.errors import RunFolderError
from vlm_eval.flow import Answer, Capabilities
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute

class Wordy:
    capabilities = Capabilities()
    def answer(self, requests):
        for request in requests:
            yield request.key, Answer("word " * 20000)

plan = make_plan(parse_experiment({"dataset": sys.argv[1], "models": ["scripted:no"], "repeats": 4}, "test"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
try:
    execute(plan, Path(sys.argv[2]), open_with=lambda spec, scratch: Wordy())
except RunFolderError as error:
    print(error)
"""


def test_a_full_disk_is_one_message_and_keeps_what_was_answered(parts, tmp_path):
    script = subprocess.run(
        [sys.executable, "-c", FULL_DISK, parts, tmp_path / "run"], capture_output=True, text=True, check=True
    )
    assert "cannot be written" in script.stdout
    assert "What was answered is kept" in script.stdout
    assert 1 <= (read_frame(tmp_path / "run")["status"] == "answered").sum() < 48
