"""The nine tasks of arXiv:2311.02782, each from shipped cards to the report, on miniatures of the real layouts."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app

STUDY = Path(__file__).parents[2].parent / "shared" / "data" / "gpt4v_prompts.jsonl"
SLIPS = {"fig33-1", "fig34-1"}  # "contains" of frames, and "outliner" for outlier
LEVELS = {"levels": ["naive", "class", "expert"], "shots": [0, 1]}
MARKS = {"grid": {"marks": [1]}, "marks": "grid"}
NUMBERS = np.random.default_rng(0)


def paint(path: Path, size: tuple[int, int] = (96, 96)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(NUMBERS.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)).save(path)


def paint_mask(path: Path, size: tuple[int, int] = (96, 96)) -> None:
    mask = np.zeros(size[::-1], np.uint8)
    mask[20:60, 30:70] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def industrial(root: Path) -> dict[str, Path]:
    for name, defect in (("bottle", "broken_large"), ("hazelnut", "hole")):
        for kind in ("train/good", "test/good", f"test/{defect}"):
            for number in range(2):
                paint(root / "mvtec" / name / kind / f"{number:03d}.png")
        for number in range(2):
            paint_mask(root / "mvtec" / name / "ground_truth" / defect / f"{number:03d}_mask.png")
    rows = ["object,split,label,image,mask"]
    for number, name in enumerate(("candle", "pcb2", "capsules") * 2):
        for kind, split in (("Normal", "train"), ("Normal", "test"), ("Anomaly", "test")):
            image = f"{name}/Data/Images/{kind}/{number}{split}.JPG"
            paint(root / "visa" / image)
            mask = f"{name}/Data/Masks/Anomaly/{number}.png" if kind == "Anomaly" else ""
            if mask:
                paint_mask(root / "visa" / mask)
            rows.append(f"{name},{split},{kind.lower()},{image},{mask}")
    (root / "visa" / "split_csv").mkdir()
    (root / "visa" / "split_csv" / "1cls.csv").write_text("\n".join(rows) + "\n")
    return {"mvtec-ad": root / "mvtec", "visa": root / "visa"}


def clouds(root: Path) -> dict[str, Path]:
    tifffile = pytest.importorskip("tifffile")
    across, down = np.meshgrid(np.linspace(-0.05, 0.05, 60), np.linspace(-0.05, 0.05, 60))
    for name in ("bagel", "peach"):
        for kind in ("train/good", "test/good", "test/hole"):
            away = 0.5 - 0.03 * np.exp(-(across**2 + down**2) / 4e-4) + NUMBERS.normal(0, 1e-4, across.shape)
            path = root / name / kind / "xyz" / "000.tiff"
            path.parent.mkdir(parents=True)
            tifffile.imwrite(path, np.stack([across, down, away], axis=2).astype(np.float32), photometric="rgb")
        paint_mask(root / name / "test" / "hole" / "gt" / "000.png", (60, 60))
    return {"mvtec-3d-ad": root}


def logical(root: Path) -> dict[str, Path]:
    for name in ("breakfast_box", "juice_bottle", "screw_bag", "splicing_connectors"):
        for kind in ("train/good", "test/good", "test/logical_anomalies", "test/structural_anomalies"):
            paint(root / name / kind / "000.png")
    return {"mvtec-loco": root}


def medical(root: Path) -> dict[str, Path]:
    layout = {
        "chest-xray": ("train/NORMAL", "test/NORMAL", "test/PNEUMONIA"),
        "retinal-oct": ("train/NORMAL", "test/NORMAL", "test/CNV", "test/DME", "test/DRUSEN"),
        "head-mri": ("no", "yes"),
        "head-ct": ("head_ct/head_ct",),
    }
    for card, folders in layout.items():
        for folder in folders:
            for number in range(4):
                paint(root / card / folder / f"{number:03d}.png")
    labels = "".join(f"{number},{number % 2}\n" for number in range(4))
    (root / "head-ct" / "labels.csv").write_text(f"id, hemorrhage\n{labels}")
    return {card: root / card for card in layout}


def medical_regions(root: Path) -> dict[str, Path]:
    nibabel = pytest.importorskip("nibabel")
    label = np.zeros((32, 32, 32), np.float32)
    label[4:10, 4:10, 16:24] = 1
    for part in ("brain", "abdom"):
        for name, values in (
            (f"{part}_train/00000", NUMBERS.random((32, 32, 32))),
            ("toy/toy_0", NUMBERS.random((32, 32, 32)) + 5 * label),
            ("toy_label/pixel/toy_0", label),
        ):
            path = root / "mood" / part / f"{name}.nii.gz"
            path.parent.mkdir(parents=True)
            nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.diag([-1, -1, 1, 1])), path)
    isic = root / "isic"
    for number in range(2):
        paint(isic / "ISBI2016_ISIC_Part3_Test_Data" / f"ISIC_000000{number}.jpg")
        paint_mask(isic / "ISBI2016_ISIC_Part1_Test_GroundTruth" / f"ISIC_000000{number}_Segmentation.png")
    (isic / "ISBI2016_ISIC_Part3_Test_GroundTruth.csv").write_text("ISIC_0000000,0.0\nISIC_0000001,1.0\n")
    kvasir, lower = root / "kvasir", "labeled-images/lower-gi-tract"
    for folder in ("anatomical-landmarks/cecum", "anatomical-landmarks/retroflex-rectum",
                   "pathological-findings/hemorrhoids", "pathological-findings/ulcerative-colitis-grade-1",
                   "pathological-findings/ulcerative-colitis-grade-2",
                   "pathological-findings/ulcerative-colitis-grade-3"):  # fmt: skip
        paint(kvasir / lower / folder / "a.jpg")
    paint(kvasir / "segmented-images" / "images" / "p.jpg")
    paint_mask(kvasir / "segmented-images" / "masks" / "p.jpg")
    return {"mood": root / "mood", "isic": isic, "hyper-kvasir": kvasir}


def videos(root: Path) -> dict[str, Path]:
    av = pytest.importorskip("av")
    root.mkdir(parents=True)
    lines = []
    clips = {"Assault010_x264.mp4": "Assault 250 470 -1 -1", "Normal_Videos_003_x264.mp4": "Normal -1 -1 -1 -1"}
    for name, spans in clips.items():
        with av.open(str(root / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=30)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            for number in range(480):
                picture = np.full((64, 64, 3), number // 2, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        lines.append(f"{name}  {spans}")
    (root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text("\n".join(lines) + "\n")
    return {"ucf-crime": root}


def traffic(root: Path) -> dict[str, Path]:
    for folder in ("train/Non Accident", "test/Non Accident", "test/Accident"):
        for number in range(2):
            paint(root / folder / f"acc{number} (1).jpg")
    return {"cctv-accident": root}


def series(root: Path) -> dict[str, Path]:
    months = [f"{year}-{month:02d}-01" for year in range(1996, 2001) for month in range(1, 13)]
    rows = [f"{month},{20000 + 3000 * np.sin(place):.0f}" for place, month in enumerate(months)]
    (root / "catfish").mkdir(parents=True)
    for name, changed in (("catfish", rows), ("catfish_anomaly", [*rows[:30], f"{months[30]},10000", *rows[31:]])):
        (root / "catfish" / f"{name}.csv").write_text("Date,Total\n" + "\n".join(changed) + "\n")
    labels = {"catfish.csv": [], "catfish_anomaly.csv": [[months[30], months[30]]]}
    (root / "catfish" / "labels.json").write_text(json.dumps(labels))
    (root / "scatter").mkdir()
    points = [f"{x / 10},{x / 5}" for x in range(50)]
    (root / "scatter" / "a.csv").write_text("x,y\n" + "\n".join([*points, "2.05,99"]) + "\n")
    (root / "scatter" / "b.csv").write_text("x,y\n" + "\n".join(points) + "\n")
    (root / "scatter" / "labels.json").write_text(json.dumps({"a.csv": [[2.04, 2.06]], "b.csv": []}))
    return {"catfish-sales": root / "catfish", "outlier-scatter": root / "scatter"}


Task = tuple[Callable[[Path], dict[str, Path]], dict[str, object]]
TASKS: dict[str, Task] = {
    "industrial-AD": (industrial, LEVELS),
    "industrial-AL": (industrial, MARKS),
    "point-cloud-AD": (clouds, LEVELS),
    "logical-AD": (logical, {"levels": ["rules"], "shots": [0, 1]}),
    "medical-AD": (medical, LEVELS),
    "medical-AL": (medical_regions, MARKS),
    "pedestrian-AD": (videos, {"levels": ["naive"]}),
    "traffic-AD": (traffic, {"levels": ["naive"]}),
    "time-series-AD": (series, {"levels": ["naive"]}),
}


def plain(prompt: str) -> str:
    """Leave out the study's slips in final stops."""
    return " ".join(prompt.split()).rstrip(". ")


def studied(task: str) -> set[str]:
    cases = [json.loads(line) for line in STUDY.read_text().splitlines()] if STUDY.exists() else []
    return {plain(case["prompt"]) for case in cases if case["task"] == task and case["id"] not in SLIPS}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_of_the_study_runs_from_card_to_report_in_the_studys_words(task: str, tmp_path: Path) -> None:
    lay_out, grid = TASKS[task]
    roots = {card: str(root) for card, root in lay_out(tmp_path / "data").items()}
    settings = {"dataset": list(roots), "roots": roots, "models": ["scripted:coin"], "yes_no": False, **grid}
    settings["scorers"] = ["verdict", "words", "labels", *(["marks"] if task.endswith("AL") else [])]
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(settings))
    out = tmp_path / "run"
    result = CliRunner().invoke(app, ["run", str(tmp_path / "experiment.yaml"), "--out", str(out)])
    assert result.exit_code == 0, (result.output, result.exception)
    with sqlite3.connect(out / "run.sqlite") as store:
        said = {plain(text) for (text,) in store.execute("SELECT text FROM text")}
        kinds = dict(store.execute("SELECT kind, count(*) FROM outcome GROUP BY kind").fetchall())
        marked = store.execute("SELECT count(*) FROM request WHERE prompt LIKE '%marked%'").fetchone()[0]
    assert set(kinds) == {"answer"}
    assert studied(task) <= said
    assert bool(marked) == task.endswith("AL")
    table = pd.read_csv(out / "report" / "ablation.csv")
    assert set(table["dataset"]) >= set(roots)
    assert (table["items"] > 0).all()
    assert set(pd.read_csv(out / "report" / "classes.csv")["dataset"]) == set(roots)
    if task == "logical-AD":
        kinds = pd.read_csv(out / "report" / "by_defect_type.csv")
        assert set(kinds["defect_type"]) == {"logical anomaly", "structural anomaly"}


def test_these_are_the_tasks_of_the_studys_prompts() -> None:
    assert len(TASKS) == 9
    if STUDY.exists():
        assert {json.loads(line)["task"] for line in STUDY.read_text().splitlines()} == set(TASKS)
