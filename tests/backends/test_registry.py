"""Names of models, and what can be known of them before anything is loaded or sent."""

import json
import subprocess
import sys

import pytest

from vlm_eval.backends import checkpoints
from vlm_eval.backends.checkpoints import checkpoint_path, shipped_models, weights_revision
from vlm_eval.backends.endpoint import receiving_host
from vlm_eval.backends.registry import capabilities, check, list_families, open_backend, parse_model
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Model


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of shipped models with one small LLaVA."""
    folder = tmp_path / "models" / "pocket-llava"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llava"}))
    (folder / "model.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(checkpoints, "shipped", lambda kind: tmp_path / kind)
    return folder


def test_a_model_is_a_family_and_whatever_stands_after_the_first_colon():
    assert parse_model("openai:llava:13b").model == Model("openai", "llava:13b")
    local = parse_model("llava:llava-hf/llava-1.5-7b-hf", revision="abc", dtype="float16", quantization="8bit")
    assert local.model == Model("llava", "llava-hf/llava-1.5-7b-hf", "abc", "float16", "8bit")


def test_one_set_of_flags_serves_several_families():
    flags = {"dtype": "float16", "batch_size": 4, "concurrency": 9, "base_url": None}
    remote, local = parse_model("openai:gpt-4o", **flags), parse_model("blip2:org/name", **flags)
    assert (remote.model.dtype, dict(remote.options)) == (None, {"concurrency": 9})
    assert (local.model.dtype, dict(local.options)) == ("float16", {"batch_size": 4})


@pytest.mark.parametrize("text", ["gpt-4o", "vicuna:7b", "openai:", "", ":gpt"])
def test_an_unknown_model_is_told_which_families_there_are(text):
    with pytest.raises(ExperimentError, match="openai"):
        parse_model(text)


def test_an_unknown_option_is_refused_and_a_key_is_never_an_option():
    with pytest.raises(ExperimentError, match=r"Unknown model option concurency. Known: .*concurrency"):
        parse_model("openai:gpt-4o", concurency=4)
    with pytest.raises(ExperimentError, match="OPENAI_API_KEY") as caught:
        parse_model("openai:gpt-4o", api_key="sk-secret")
    assert "sk-secret" not in str(caught.value)


def test_a_shipped_model_goes_by_its_name_and_its_key_holds_no_path(models):
    spec = parse_model("pocket-llava", batch_size=8)
    assert spec.name == "pocket-llava (toy)"
    assert spec.model == Model("llava", "pocket-llava", weights_revision(models), "float32")
    assert dict(spec.options) == {"threads": 1, "batch_size": 8}
    assert checkpoint_path("pocket-llava") == str(models)
    assert checkpoint_path("org/name") == "org/name"
    assert parse_model("llava:pocket-llava").model.revision == spec.model.revision


def test_other_weights_under_the_same_name_are_another_model(models):
    before = parse_model("pocket-llava").model
    (models / "model.safetensors").write_bytes(b"trained further")
    assert parse_model("pocket-llava").model != before


def test_every_shipped_model_is_found():
    for name in shipped_models():
        assert parse_model(name).model.revision


def test_a_file_of_answers_that_changes_is_another_model(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text("{}")
    before = parse_model(f"replay:{file}").model
    file.write_text("{ }")
    assert parse_model(f"replay:{file}").model != before


def test_each_family_says_what_it_can_do(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    by_name = {family.name: capabilities(parse_model(family.example)) for family in list_families()}
    assert set(by_name) == {"openai", "llava", "blip2", "auto", "scripted", "replay", "baseline"}
    assert (by_name["blip2"].max_images, by_name["blip2"].conversation) == (1, False)
    assert [name for name, can in by_name.items() if can.remote] == ["openai"]
    assert [name for name, can in by_name.items() if not can.yes_no] == ["replay", "baseline"]  # no such file
    assert [name for name, can in by_name.items() if not can.beams] == ["openai", "baseline"]
    assert all(family.description for family in list_families())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://localhost:11434/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("http://[::1]:8000/v1", None),
        ("https://openrouter.ai/api/v1", "openrouter.ai"),
        ("http://192.168.1.5:8000/v1", "192.168.1.5"),
    ],
)
def test_pictures_leave_this_machine_only_for_another_host(url, host, monkeypatch):
    asked = parse_model("openai:m", base_url=url)
    assert receiving_host(asked) == host
    assert capabilities(asked).remote is (host is not None)
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert receiving_host(parse_model("openai:m")) == host
    assert receiving_host(parse_model("scripted:yes")) is None


def test_opening_makes_the_scratch_folder(tmp_path):
    open_backend(parse_model("scripted:yes"), tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_the_plan_imports_neither_torch_nor_openai():
    code = (
        "import sys; from vlm_eval.backends.registry import *; capabilities(parse_model('openai:gpt-4o'));"
        "check(parse_model('openai:m', base_url='http://localhost/v1')); check(parse_model('scripted:yes'));"
        "import vlm_eval.backends.prices;"
        "print({'torch', 'openai', 'aiohttp', 'transformers', 'numpy'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "set()"


@pytest.mark.parametrize(("stated", "able"), [(True, True), ("true", True), (False, False), (None, False)])
def test_a_server_searches_with_beams_only_where_it_is_said_to(stated, able):
    assert capabilities(parse_model("openai:m", beam_search=stated)).beams is able


@pytest.mark.parametrize(
    ("name", "text", "able"),
    [
        ("a.jsonl", '{"key": "k", "answer": "Yes"}\n{"key": "l", "answer": "No", "yes": -2, "no": -0.1}', True),
        ("a.jsonl", '{"key": "k", "answer": "Yes", "yes": -2}\n{"key": "l", "answer": "x", "no": null}', False),
        ("a.csv", "key,answer,yes,no\nk,Yes,,\nl,Yes,-0.1,-2\n", True),
        ("a.csv", "key,answer\nk,Yes\n", False),
        ("a.jsonl", "nonsense", False),
        ("gone.jsonl", None, False),
    ],
)
def test_recorded_answers_serve_forced_questions_only_with_probabilities(tmp_path, name, text, able):
    if text is not None:
        (tmp_path / name).write_text(text)
    assert capabilities(parse_model(f"replay:{tmp_path / name}")).yes_no is able
    assert capabilities(parse_model(f"replay:{tmp_path}")).yes_no  # a run folder: runs/ knows


@pytest.fixture
def no_server(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("openai:gpt-4o", {}, "OPENAI_API_KEY is not set"),
        ("openai:m", {"base_url": "localhost:8000"}, "write it like"),
        ("openai:m", {"base_url": "http://localhost/v1", "concurrency": 0}, "concurrency"),
        ("scripted:maybe", {}, "Unknown script 'maybe'"),
        ("scripted:gone.yaml", {}, "rules in gone.yaml cannot be read"),
        ("scripted:yes", {"fail_kind": "odd"}, "fail_kind"),
        ("replay:gone.jsonl", {}, "no answers to replay at gone.jsonl"),
        ("replay:gone_run::openai:m", {}, "Cannot replay gone_run"),
        ("replay:answers.xlsx", {}, "Name a run folder"),
    ],
)
def test_what_could_not_be_asked_is_refused_before_anything_is_opened(no_server, text, options, told):
    with pytest.raises(ExperimentError, match=told):
        check(parse_model(text, **options))


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cret@host.example/v1",
        "https://s3cret@host.example/v1",
        "https://host.example/v1?key=s3cret",
        "https://host.example/v1#s3cret",
        "me:s3cret@host.example/v1",
        "ftp://me:s3cret@host.example",
        "https://[s3cret@host/v1",
    ],
)
def test_a_base_url_with_a_secret_is_refused_without_repeating_it(no_server, monkeypatch, url):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "k" * 20)
    for spec in (parse_model("openai:m", base_url=url), parse_model("openai:m")):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        with pytest.raises(ExperimentError, match="base_url") as caught:
            check(spec)
        assert "s3cret" not in str(caught.value)


def test_what_can_be_asked_passes_the_check(no_server, monkeypatch, tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"sample_id": "s", "answer": "Yes"}')  # joined by runs/ later
    replayed = [f"replay:{tmp_path}", f"replay:{tmp_path}::openai:m", f"replay:{tmp_path / 'answers.jsonl'}"]
    for text in ("scripted:yes", "scripted:timeout", "llava:org/name", *replayed):
        check(parse_model(text))
    check(parse_model("openai:m", base_url="http://localhost:8000/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "k" * 20)
    check(parse_model("openai:gpt-4o"))


def test_a_base_url_without_a_host_is_never_taken_for_this_machine():
    spec = parse_model("openai:gpt-4o", base_url="api.example.com/v1")
    assert "unknown host" in str(receiving_host(spec))
    assert capabilities(spec).remote
