"""One bad file is one failed item; a full disk loses nothing that was answered."""

import contextlib
import json
import sqlite3
import subprocess
import sys

import numpy as np
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


CARD = """
name: odd
title: Files as they should not be
reader: table
root: .
licence: none
modality: {modality}
views: {views}
options: {{file: items.csv}}
classes: {{thing: {{nouns: {{noun: thing, plural: things}}}}}}
"""
CLOUD = {
    "sound.xyz": ("\n".join(f"{n} {n % 7} {n % 3}" for n in range(90)), None),
    "one.xyz": ("1 2 3", None),
    "some-not-finite.xyz": ("1 2 3\nnan 1 inf\n4 5 9\n7 1 2", None),
    "not-a-corner.obj": ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3", None),
    "empty.xyz": ("", "holds no points"),
    "not-finite.xyz": ("nan nan nan\ninf 0 0", "none with finite coordinates"),
    "far.xyz": ("1e300 0 0\n-1e300 0 0", "none with finite coordinates"),
    "faces.obj": ("f 1 2 3", "has no points"),
    "liar.ply": (
        "ply\nformat ascii 1.0\nelement vertex 9\nproperty float x\nproperty float y\nproperty float z\n"
        "end_header\n1 2 3\n",
        "states 9 points and faces in its header but holds 1",
    ),
    "missing.ply": (None, "cannot be read"),
}
SERIES = {
    "sound.csv": ("t,v\n0,1\n1,3\n2,2", None),
    "one.csv": ("t,v\n0,1", None),
    "unsorted.csv": ("t,v\n3,1\n0,2\n3,5", None),
    "constant.csv": ("t,v\n0,7\n1,7\n2,7", None),
    "empty.csv": ("", "is empty"),
    "no-rows.csv": ("t,v\n", "has no rows"),
    "no-values.csv": ("t,v\n0,nan\n1,\n", "no finite value"),
    "no-times.csv": ("t,v\nnan,1\n,2\n", "no time in the column"),
    "words.csv": ("t,v\nyesterday,1\n", "neither a number nor a date"),
    "missing.csv": (None, "cannot be read"),
}
MARKED = {
    "sound.png": ("sound", None),
    "everything.png": ("everything", None),
    "nothing.png": ("nothing", "no region to mark"),
    "small.png": ("small", "is 4 x 4 pixels, the picture 40 x 40"),
    "text.png": ("text", "is not a picture"),
    "missing.png": (None, "cannot be read"),
}


def odd_run(root, modality, views, **more):
    """Ask about every file in a folder; return failure and message by file."""
    names = sorted(more.pop("names"))
    (root / "items.csv").write_text("\n".join(["image,label", *(f"{name},0" for name in names)]))
    (root / "odd.yaml").write_text(CARD.format(modality=modality, views=views))
    keys = {"dataset": "odd", "datasets": [str(root)], "models": ["scripted:no"], "yes_no": False, **more}
    execute(make_plan(parse_experiment(keys, "test"), datasets=[root]), root / "run")
    table = recorded_failures(root / "run")
    return {name: table.get(f"odd/{name}") for name in names}


def recorded_failures(folder):
    with contextlib.closing(sqlite3.connect(folder / "run.sqlite")) as store:
        rows = store.execute(
            "SELECT sample_id, kind, outcome.data FROM ask JOIN sample ON sample.id = ask.sample "
            "JOIN outcome USING (request)"
        ).fetchall()
    return {name: None if kind == "answer" else json.loads(data)["message"] for name, kind, data in rows}


@pytest.mark.parametrize(
    ("modality", "views", "files"),
    [("point-cloud", "{project: {}}", CLOUD), ("time-series", "{plot: {}}", SERIES)],
)
def test_each_odd_file_is_a_picture_or_a_failure_with_what_is_wrong(tmp_path, modality, views, files):
    pytest.importorskip("trimesh")
    for name, (content, _) in files.items():
        if content is not None:
            (tmp_path / name).write_text(content)
    found = odd_run(tmp_path, modality, views, names=files)
    for name, (_, said) in files.items():
        assert found[name] is None if said is None else said in found[name], (name, found[name])


def test_masks_that_cover_nothing_or_everything_fail_or_show_and_the_run_goes_on(tmp_path):
    (tmp_path / "m").mkdir()
    masks = {"sound": np.eye(40) > 0, "everything": np.ones((40, 40)) > 0, "nothing": np.zeros((40, 40)) > 0,
             "small": np.ones((4, 4)) > 0}  # fmt: skip
    for name, (kind, _) in MARKED.items():
        Image.new("RGB", (40, 40), (len(name), 90, 90)).save(tmp_path / name)
        if kind in masks:
            Image.fromarray(masks[kind]).save(tmp_path / "m" / name)
        elif kind == "text":
            (tmp_path / "m" / name).write_text("no picture")
    given = {"regions": "masks", "path": "m/{stem}.png"}
    found = odd_run(tmp_path, "image", "{}", names=MARKED, marks=given, grid={"marks": [1]})
    for name, (_, said) in MARKED.items():
        assert found[name] is None if said is None else said in found[name], (name, found[name])


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
