"""Dividing a run and joining it again, as a user types it."""

from typer.testing import CliRunner

from vlm_eval.cli.main import app


def call(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


def test_two_shards_are_run_merged_and_reported(parts, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for index, folder in enumerate(folders, 1):
        result = call("run", "-d", parts, "-m", "scripted:coin", "--shard", f"{index}/2", "--out", folder)
        assert result.exit_code == 0, result.output
    result = call("merge", *folders, "--out", tmp_path / "merged")
    assert result.exit_code == 0, result.output
    assert "(24 answered)" in result.output.replace("\n", "")
    assert "recall" in call("report", tmp_path / "merged").output


def test_a_merge_of_some_shards_says_which_are_missing_and_how_to_go_on(parts, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for index, folder in enumerate(folders, 1):
        call("run", "-d", parts, "-m", "scripted:coin", "--shard", f"{index}/3", "--out", folder)
    merged = tmp_path / "merged"
    result = call("merge", *folders, "--out", merged)
    assert result.exit_code == 3
    assert "The shards 3/3 are not among the merged runs." in result.output
    assert f"vlm-eval run {merged / 'experiment.yaml'} --out {merged}" in result.output
    assert call("run", merged / "experiment.yaml", "--out", merged).exit_code == 0


def test_a_dry_run_of_a_shard_counts_its_share_alone(parts, tmp_path):
    counts = []
    for shard in ("1/2", "2/2"):
        result = call("run", "-d", parts, "-m", "scripted:coin", "--shard", shard, "--dry-run")
        counts.append(int(result.output.split("scripted:coin: ")[1].split()[0]))
    assert sum(counts) == 24
    assert all(counts)


def test_a_share_that_does_not_exist_is_bad_input(parts, tmp_path):
    result = call("run", "-d", parts, "-m", "scripted:coin", "--shard", "0/2", "--out", tmp_path / "run")
    assert "i from 1 to n" in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_an_executor_that_does_not_exist_is_bad_input(parts, tmp_path):
    result = call("run", "-d", parts, "-m", "scripted:coin", "--executor", "spark", "--out", tmp_path / "run")
    assert "no executor 'spark'" in str(result.exception)


def test_ray_that_is_not_installed_is_said_with_the_command_that_installs_it(parts, tmp_path, monkeypatch):
    monkeypatch.setattr("vlm_eval.cli.run_work.find_spec", lambda name: None)
    result = call("run", "-d", parts, "-m", "scripted:coin", "--executor", "ray", "--out", tmp_path / "run")
    assert "pip install 'vlm-eval[ray]'" in str(result.exception)
