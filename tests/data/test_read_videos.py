"""The readers of videos, each on a miniature of the real layout, down to the pictures that a model is shown."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.data.check import check_dataset
from vlm_eval.data.loading import load_dataset
from vlm_eval.data.selection import choose_references
from vlm_eval.errors import BadInputError, CardError
from vlm_eval.views.open import open_views

av = pytest.importorskip("av")


def write_video(path: Path, frames: int, rate: int = 25, codec: str = "mpeg4", grey: int = 0) -> None:
    """Write a video whose frames become brighter from `grey` on, 4 grey levels each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for number in range(frames):
            picture = np.full((32, 32, 3), (grey + number * 4) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_frames(folder: Path, frames: int, ending: str, first: int = 1, grey: int = 0) -> None:
    folder.mkdir(parents=True)
    for number in range(frames):
        Image.new("L", (32, 24), (grey + number * 4) % 256).save(folder / f"{number + first:03d}{ending}")


def frames_shown(sample) -> list[int]:
    """Return the numbers of the frames that a model is shown, by their grey; codecs miss it by one at times."""
    greys = [
        np.asarray(Image.open(io.BytesIO(view.read())).convert("L")).mean()
        for view in open_views(sample.sources[0], "query", sample.recipe)
    ]
    return [round(grey / 4) for grey in greys]


def gold(data, group: str) -> list[str]:
    return [sample.gold.anomalous for sample in data.samples if sample.group == group]


def sound(data) -> bool:
    return not [finding for finding in check_dataset(data) if finding.level == "error"]


@pytest.fixture
def ucsd(tmp_path: Path) -> Path:
    scene = tmp_path / "UCSDped1"
    write_frames(scene / "Train" / "Train001", 30, ".tif", grey=2)
    write_frames(scene / "Test" / "Test001", 60, ".tif")
    write_frames(scene / "Test" / "Test002", 40, ".tif", grey=1)
    write_frames(scene / "Test" / "Test001_gt", 60, ".bmp")
    (scene / "Test" / "._Test001").write_bytes(b"")
    (scene / "Test" / "UCSDped1.m").write_text(
        "TestVideoFile = {};\n"
        "TestVideoFile{end+1}.gt_frame = [21:35, 50:60];\nTestVideoFile{end+1}.gt_frame = [1:5];\n"
    )
    return tmp_path


def test_ucsd_labels_are_the_lines_of_the_scenes_file(ucsd) -> None:
    data = load_dataset("ucsd-pedestrian", root=ucsd)
    assert gold(data, "ucsd-pedestrian/UCSDped1/Test/Test001") == ["no", "yes", "yes"]
    assert gold(data, "ucsd-pedestrian/UCSDped1/Test/Test002") == ["unknown", "no"]
    second = data.samples[2]
    assert second.gold.intervals == ((20.0, 34.0),) and frames_shown(second) == [25, 35]
    assert [sample.split for sample in data.samples].count("train") == 1
    assert second.domain == "pedestrian" and sound(data)


def test_ucsd_with_too_few_labels_is_refused(ucsd) -> None:
    (ucsd / "UCSDped1" / "Test" / "UCSDped1.m").write_text("TestVideoFile{end+1}.gt_frame = [1:5];\n")
    with pytest.raises(CardError, match="2 test clips, but 1 labels"):
        load_dataset("ucsd-pedestrian", root=ucsd)
    with pytest.raises(CardError, match="holds no scene"):
        load_dataset("ucsd-pedestrian", root=ucsd / "UCSDped1")


@pytest.fixture
def ucf(tmp_path: Path) -> Path:
    write_video(tmp_path / "Videos" / "Abuse" / "Abuse028_x264.mp4", 60, 30)
    write_video(tmp_path / "Testing_Normal_Videos_Anomaly" / "Normal_Videos_003_x264.mp4", 30, 30, grey=2)
    (tmp_path / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text(
        "Abuse028_x264.mp4  Abuse  21  40  -1  -1  \n"
        "Arson009_x264.mp4  Arson  1  2  3  4  \n"
        "Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1  \n"
    )
    return tmp_path


def card_with(tmp_path: Path, name: str, **options) -> Path:
    """Copy a shipped card with other options, since the miniatures are short."""
    import yaml

    from vlm_eval.resources import shipped

    content = yaml.safe_load((shipped("datasets") / f"{name}.yaml").read_text())
    content["options"] = {**content.get("options", {}), **options}
    file = tmp_path / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_ucf_crime_names_the_event_of_each_window(ucf) -> None:
    data = load_dataset(card_with(ucf, "ucf-crime", length=20), root=ucf)
    assert gold(data, "ucf-crime/Videos/Abuse/Abuse028_x264.mp4") == ["no", "yes", "no"]
    assert data.samples[1].gold.defect_type == "abuse" and data.samples[1].gold.intervals == ((20.0, 39.0),)
    assert frames_shown(data.samples[1]) == pytest.approx([25, 35], abs=1)
    assert [sample.gold.anomalous for sample in data.samples[3:]] == ["no"] * (len(data.samples) - 3)
    assert "Arson009_x264.mp4 is not below" in data.notes[0] and sound(data)


def test_only_whole_normal_videos_serve_as_references(ucf) -> None:
    card = card_with(ucf, "ucf-crime", length=20)
    with pytest.raises(CardError, match="0 normal items in its test split, but 1 reference is asked for"):
        choose_references(load_dataset(card, root=ucf).samples, 1, 0)
    normal = ucf / "Videos" / "Training_Normal_Videos_Anomaly" / "Normal_Videos001_x264.mp4"
    write_video(normal, 20, 30, grey=3)
    data = load_dataset(card, root=ucf)
    assert choose_references(data.samples, 1, 0).by_class == {"surveillance video": (normal,)}
    query = next(sample for sample in data.samples if sample.gold.anomalous == "yes")
    views = open_views(normal, "reference", query.reference_recipe)
    assert [view.role for view in views] == ["reference"] * 2 and all(view.read() for view in views)


def test_a_video_that_cannot_be_read_fails_alone(ucf) -> None:
    (ucf / "Videos" / "Abuse" / "Abuse028_x264.mp4").write_bytes(b"no video")
    data = load_dataset(card_with(ucf, "ucf-crime", length=20), root=ucf)
    broken = data.samples[0]
    assert broken.gold.anomalous == "yes" and len(data.samples) > 1
    with pytest.raises(BadInputError, match="cannot be read as a video"):
        open_views(broken.sources[0], "query", broken.recipe)[0].read()


@pytest.mark.parametrize("line", ["Abuse028_x264.mp4 Abuse x y", "Abuse028_x264.mp4 Abuse 3", "Abuse028_x264.mp4"])
def test_annotations_that_do_not_fit_are_refused(ucf, line) -> None:
    (ucf / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text(line)
    with pytest.raises(CardError, match="line 1"):
        load_dataset("ucf-crime", root=ucf)


def test_avenue_labels_are_the_frames_with_something_in_their_masks(tmp_path) -> None:
    from scipy.io import savemat

    write_video(tmp_path / "Avenue Dataset" / "testing_videos" / "01.avi", 60)
    write_video(tmp_path / "Avenue Dataset" / "training_videos" / "01.avi", 20)
    masks = np.empty((1, 60), dtype=object)
    for number in range(60):
        masks[0, number] = np.zeros((32, 32), np.uint8)
        masks[0, number][3, 3] = 20 <= number < 40
    labels = tmp_path / "ground_truth_demo" / "testing_label_mask"
    labels.mkdir(parents=True)
    savemat(labels / "1_label.mat", {"volLabel": masks})
    data = load_dataset(card_with(tmp_path, "cuhk-avenue", length=20), root=tmp_path)
    assert [sample.gold.anomalous for sample in data.samples] == ["no", "no", "yes", "no"]
    assert data.samples[2].gold.intervals == ((20.0, 39.0),)
    assert frames_shown(data.samples[2]) == pytest.approx([25, 35], abs=1)
    assert data.samples[0].split == "train" and sound(data)
    (labels / "1_label.mat").write_bytes(b"no labels")
    with pytest.raises(CardError, match="cannot be read as labels"):
        load_dataset("cuhk-avenue", root=tmp_path)


def test_shanghaitech_labels_are_a_flag_a_frame(tmp_path) -> None:
    write_frames(tmp_path / "testing" / "frames" / "01_0014", 96, ".jpg", first=0)
    write_frames(tmp_path / "testing" / "frames" / "02_0001", 10, ".jpg", first=0)
    write_video(tmp_path / "training" / "videos" / "01_001.avi", 20)
    (tmp_path / "testing" / "test_frame_mask").mkdir()
    for name, flags in (("01_0014", np.arange(96) >= 50), ("02_0001", np.zeros(9))):
        np.save(tmp_path / "testing" / "test_frame_mask" / f"{name}.npy", flags.astype(np.uint8))
    data = load_dataset("shanghaitech-campus", root=tmp_path)
    assert [sample.gold.anomalous for sample in data.samples] == ["no", "no", "yes"]
    assert data.samples[2].gold.intervals == ((50.0, 95.0),) and data.samples[2].object_class == "scene 01"
    assert "02_0001 has 10 frames, but 9 labels" in data.notes[0]
    assert frames_shown(data.samples[1]) == [12, 36] and sound(data)


def test_accident_frames_of_one_video_are_one_cluster(tmp_path) -> None:
    names = (
        "test/Accident/acc1 (1)",
        "test/Accident/acc1 (2)",
        "test/Non Accident/5_13",
        "train/Non Accident/7_1",
    )
    for number, name in enumerate(f"{name}.jpg" for name in names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(tmp_path / name)
    data = load_dataset("cctv-accident", root=tmp_path)
    test = [sample for sample in data.samples if sample.split == "test"]
    assert [sample.gold.defect_type for sample in test] == [None, "accident", "accident"]
    assert [sample.group.rpartition("/")[2] for sample in test] == ["5", "acc1", "acc1"]
    assert test[0].domain == "traffic" and sound(data)
