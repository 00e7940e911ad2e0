"""A validation set from normal pictures alone: its parts, its card, going on, and bad support sets."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError, ExperimentError
from vlm_eval.synthetic.interpolate import interpolate
from vlm_eval.synthetic.settings import read_synthesis


class Blend:
    """Stands in for the model: mixes pixels, and counts what it inverts."""

    def __init__(self, stop_after=None):
        self.inverted, self.mixed, self.stop_after = 0, 0, stop_after

    def invert(self, picture):
        self.inverted += 1
        return picture

    def mix(self, style, content, gamma):
        if self.mixed == self.stop_after:
            raise KeyboardInterrupt
        self.mixed += 1
        return ((1 - gamma) * style + gamma * content).astype(np.uint8)

    def reconstruct(self, style):
        return self.mix(style, style, 0.0)


@pytest.fixture
def support(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(9):
        folder = tmp_path / "parts" / "normal"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 255, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (tmp_path / "parts" / "anomalous").mkdir()
    Image.new("RGB", (24, 20)).save(tmp_path / "parts" / "anomalous" / "0.png")
    return tmp_path


def write(folder, **changes):
    settings = {
        "name": "mixed",
        "generator": "interpolation",
        "scenes": {"dataset": "parts"},
        "checkpoint": "none",
        "style": 3,
        "content": 2,
    } | changes
    file = folder / "mixed.yaml"
    file.write_text(yaml.safe_dump(settings))
    return read_synthesis(file)


def test_all_pairs_are_made_and_normals_are_held_out_untouched_and_reconstructed(support):
    made = interpolate(write(support), support, support / "out", opened=Blend)
    kinds = [record.kind for record in made.records]
    assert (kinds.count("anomaly"), kinds.count("untouched"), kinds.count("paste-back")) == (6, 4, 4)
    samples = load_dataset(str(support / "out")).samples
    assert sum(sample.gold.anomalous == "yes" for sample in samples) == 6
    mixed = {record.scene for record in made.records if record.kind == "anomaly"}
    assert mixed.isdisjoint(record.scene for record in made.records if record.kind == "untouched")


def test_each_picture_is_inverted_once_and_the_mix_is_the_stated_one(support):
    model = Blend()
    interpolate(write(support, gamma=1.0), support, support / "out", opened=lambda: model)
    assert model.inverted == 3 + 2 + 4
    names = [json.loads(line)["id"] for line in (support / "out" / "items.jsonl").read_text().splitlines()]
    contents = {name.split("-with-")[1] for name in names if "-with-" in name}
    for name in (name for name in names if "-with-" in name):
        made = np.asarray(Image.open(support / "out" / "images" / f"{name}.png"))
        same = [np.array_equal(made, np.asarray(Image.open(path))) for path in (support / "parts").rglob("*.png")]
        assert sum(same) == 1  # gamma 1: the content itself
    assert len(contents) == 2


def test_an_interrupted_set_is_a_smaller_one_and_goes_on_to_the_same(support):
    settings = write(support)
    with pytest.raises(KeyboardInterrupt):
        interpolate(settings, support, support / "out", opened=lambda: Blend(stop_after=3))
    assert len(load_dataset(str(support / "out")).samples) == 3
    again = Blend()
    interpolate(settings, support, support / "out", opened=lambda: again)
    assert again.mixed == 6 - 3 + 4
    whole = interpolate(settings, support, support / "whole", opened=Blend)
    for record in whole.records:
        name = record.items[0].image
        assert (support / "out" / name).read_bytes() == (support / "whole" / name).read_bytes()


def test_a_support_set_that_leaves_nothing_held_out_is_refused(support):
    with pytest.raises(CardError, match=r"holds 9 normal pictures; 10 as style, 10 as content .* make 21"):
        interpolate(write(support, style=10, content=10), support, support / "out", opened=Blend)


def test_a_picture_that_cannot_be_read_fails_alone_and_is_in_the_log(support):
    (support / "parts" / "normal" / "0.png").write_bytes(b"no picture")
    made = interpolate(write(support), support, support / "out", opened=Blend)
    assert any(record.failed for record in made.records) and any(record.items for record in made.records)
    assert "failed" in (support / "out" / "log.jsonl").read_text()


def test_the_command_makes_a_set_that_can_be_run(support):
    pytest.importorskip("diffusers", reason="needs vlm-eval[synth]")
    import torch
    from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel

    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = UNet2DModel(16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, **blocks)
    DDPMPipeline(unet, DDIMScheduler(num_train_timesteps=10)).save_pretrained(support / "unet")
    write(support, checkpoint=str(support / "unet"), steps=2)
    arguments = ["synthesize", str(support / "mixed.yaml"), "--out", str(support / "out")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "anomaly" in result.output and "vlm-eval run --dataset" in result.output
    run = ["run", "--dataset", str(support / "out"), "--model", "scripted:coin", "--out", str(support / "run")]
    assert CliRunner().invoke(app, run).exit_code == 0


def test_a_support_set_that_grows_is_refused_as_such(support):
    settings = write(support, scenes={"dataset": "parts", "limit": 8})
    interpolate(settings, support, support / "out", opened=Blend)
    more = write(support, scenes={"dataset": "parts", "limit": 9})
    with pytest.raises(ExperimentError, match=r"begun with scenes\.limit 8, and now it is 9\. Nothing may change"):
        interpolate(more, support, support / "out", opened=Blend)
