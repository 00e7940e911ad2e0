"""Loading a local model: what is refused, what is pinned, what is quiet."""

import json
import shutil
from importlib.util import find_spec

import pytest

from vlm_eval.backends import local_auto, local_blip2, local_llava
from vlm_eval.errors import BackendUnavailable, ExperimentError, MissingExtraError
from vlm_eval.flow import Answer, BackendSpec, Model

pytestmark = pytest.mark.local


@pytest.fixture(autouse=True)
def _needs_torch():
    pytest.importorskip("torch")
    pytest.importorskip("transformers")


@pytest.fixture
def copy(tiny, tmp_path):
    return lambda name: shutil.copytree(tiny(name), tmp_path / name)


def loaded(backend):
    return backend.engine._loaded


@pytest.mark.parametrize(
    ("name", "model_class"),
    [
        ("llava", "LlavaForConditionalGeneration"),
        ("blip2", "Blip2ForConditionalGeneration"),
        ("smolvlm", "Idefics3ForConditionalGeneration"),
        ("qwen2_vl", "Qwen2VLForConditionalGeneration"),
    ],
)
def test_the_checkpoint_says_which_class_it_is(name, model_class, open_tiny):
    assert type(loaded(open_tiny(name)).model).__name__ == model_class


def test_the_tokenizer_pads_left_though_it_is_saved_as_padding_right(tiny, open_tiny):
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(tiny("llava")).padding_side == "right"
    assert loaded(open_tiny("llava")).tokenizer.padding_side == "left"


def test_padding_on_the_right_would_change_answers(make, open_tiny):
    requests = make.mixed_requests(16, two_pictures=True, max_tokens=5)
    left, right = open_tiny("llava"), open_tiny("llava")
    loaded(right).tokenizer.padding_side = "right"
    right_answers = {key: answer.text for key, answer in right.answer(requests)}
    assert any(answer.text != right_answers[key] for key, answer in left.answer(requests))


def test_an_encoder_is_padded_on_the_right(open_tiny):
    assert loaded(open_tiny("blip2_t5")).tokenizer.padding_side == "right"


def test_a_checkpoint_without_a_chat_template_says_what_to_do(copy):
    folder = copy("llava")
    (folder / "chat_template.jinja").unlink()
    spec = BackendSpec(Model("llava", str(folder)))
    with pytest.raises(BackendUnavailable, match=r"llava.*no chat template.*chat_template\.jinja"):
        local_llava.build(spec, folder)


def test_blip2_asked_as_auto_is_sent_to_its_family(tiny, tmp_path):
    spec = BackendSpec(Model("auto", str(tiny("blip2"))))
    with pytest.raises(BackendUnavailable, match="Ask for blip2:"):
        local_auto.build(spec, tmp_path)


@pytest.mark.parametrize(("family", "name"), [(local_blip2, "llava"), (local_llava, "qwen2_vl")])
def test_a_checkpoint_of_another_family_is_sent_to_auto(family, name, tiny, tmp_path):
    with pytest.raises(BackendUnavailable, match=r"Ask for it\s+as auto:"):
        family.build(BackendSpec(Model(family.__name__.rpartition("_")[2], str(tiny(name)))), tmp_path)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(BackendUnavailable, match="nowhere/nothing"):
        local_auto.build(BackendSpec(Model("auto", "nowhere/nothing")), tmp_path)


def test_the_revision_is_passed_on_and_remote_code_is_off(monkeypatch, tmp_path):
    from transformers import AutoConfig

    seen = {}

    def spy(checkpoint, **options):
        seen.update(options, checkpoint=checkpoint)
        raise OSError("offline")

    monkeypatch.setattr(AutoConfig, "from_pretrained", spy)
    with pytest.raises(BackendUnavailable, match="offline"):
        local_auto.build(BackendSpec(Model("auto", "some/model", revision="abc123")), tmp_path)
    assert seen == {"checkpoint": "some/model", "revision": "abc123", "trust_remote_code": False}


def test_code_in_a_checkpoint_is_not_run(copy, tmp_path):
    folder = copy("llava")
    ran = tmp_path / "ran"
    (folder / "code.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    maps = {"AutoConfig": "code.Config", "AutoModelForImageTextToText": "code.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mystery", "auto_map": maps}))
    with pytest.raises(BackendUnavailable, match="no code of its own"):
        local_auto.build(BackendSpec(Model("auto", str(folder))), tmp_path)
    assert not ran.exists()


def test_pickled_weights_are_refused(copy, tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = copy("llava")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BackendUnavailable, match="safetensors"):
        local_llava.build(BackendSpec(Model("llava", str(folder))), tmp_path)


def test_a_text_only_checkpoint_is_refused(tiny, tmp_path):
    from transformers import AutoTokenizer, LlamaConfig

    LlamaConfig(hidden_size=8, num_attention_heads=2).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny("llava")).save_pretrained(tmp_path)
    with pytest.raises(BackendUnavailable, match=r"llama|pictures"):
        local_auto.build(BackendSpec(Model("auto", str(tmp_path))), tmp_path)


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_quantization_without_cuda_is_refused_before_loading(quantization, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    spec = BackendSpec(Model("llava", "nowhere/nothing", quantization=quantization))
    with pytest.raises(BackendUnavailable, match=f"{quantization}.*CUDA.*Take the quantization away"):
        local_llava.build(spec, tmp_path)


def test_quantization_without_bitsandbytes_says_what_to_install(monkeypatch):
    from vlm_eval.backends import local_model

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(local_model, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"vlm-eval\[quantized\]"):
        local_model.quantization_config(Model("llava", "some/model", quantization="4bit"))


def test_the_quantization_configurations_name_their_bits(monkeypatch):
    from vlm_eval.backends import local_model

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(local_model, "find_spec", lambda name: object())
    eight, four, none = (
        local_model.quantization_config(Model("llava", "some/model", quantization=bits))
        for bits in ("8bit", "4bit", None)
    )
    assert (eight.load_in_8bit, eight.load_in_4bit) == (True, False)
    assert (four.load_in_8bit, four.load_in_4bit) == (False, True)
    assert none is None


@pytest.mark.gpu
@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_a_quantized_model_answers(quantization, tiny, make, tmp_path):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    pytest.importorskip("bitsandbytes")
    backend = local_llava.build(
        BackendSpec(Model("llava", str(tiny("llava")), quantization=quantization)), tmp_path
    )
    assert getattr(loaded(backend).model, f"is_loaded_in_{quantization}")
    outcomes = list(backend.answer(make.mixed_requests(4, two_pictures=True)))
    assert all(isinstance(outcome, Answer) for _, outcome in outcomes)


def test_an_unknown_dtype_names_the_known_ones(tmp_path):
    with pytest.raises(ExperimentError, match=r"fp16.*float32, float16, bfloat16, auto"):
        local_llava.build(BackendSpec(Model("llava", "some/model", dtype="fp16")), tmp_path)


@pytest.mark.parametrize("batch_size", [0, -1, "many", 2.5])
def test_a_batch_size_is_a_positive_whole_number(batch_size, tmp_path):
    with pytest.raises(ExperimentError, match="batch_size"):
        local_llava.build(BackendSpec(Model("llava", "some/model"), {"batch_size": batch_size}), tmp_path)


def test_a_device_that_is_absent_is_named(tiny, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    spec = BackendSpec(Model("llava", str(tiny("llava"))), {"device": "cuda:1"})
    with pytest.raises(BackendUnavailable, match="cuda:1"):
        local_llava.build(spec, tmp_path)


@pytest.mark.parametrize(("dtype", "computed"), [(None, "float32"), ("bfloat16", "bfloat16"), ("auto", "float16")])
def test_the_dtype_is_honoured_and_a_cpu_computes_in_float32(dtype, computed, copy, make, open_tiny):
    from safetensors.torch import load_file, save_file

    folder = copy("llava")
    weights = load_file(folder / "model.safetensors")
    save_file({name: w.half() for name, w in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "float16"}))
    backend = open_tiny("llava", folder=folder, dtype=dtype, device="cpu")
    assert str(loaded(backend).model.dtype) == f"torch.{computed}"
    assert backend.facts["dtype"] == computed
    ((_, answer),) = backend.answer(make.mixed_requests(1, two_pictures=False))
    assert isinstance(answer, Answer)


def test_accelerate_places_the_model_by_device_map(make, open_tiny, monkeypatch):
    from transformers import AutoModelForImageTextToText

    seen = {}
    load = AutoModelForImageTextToText.from_pretrained

    def spy(checkpoint, **options):
        seen.update(options)
        return load(checkpoint, **options)

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", spy)
    backend = open_tiny("llava", device_map="auto")
    assert seen["device_map"] == "auto"
    assert all(
        isinstance(outcome, Answer) for _, outcome in backend.answer(make.mixed_requests(2, two_pictures=True))
    )


def test_the_threads_are_pinned_and_recorded(open_tiny):
    import torch

    torch.set_num_threads(2)
    backend = open_tiny("llava", threads=1)
    assert torch.get_num_threads() == backend.facts["threads"] == 1
    assert open_tiny("llava", threads=None).facts["threads"] == 2  # the pin was the other model's
    torch.set_num_threads(3)
    assert open_tiny("llava", threads=None).facts["threads"] == 3  # somebody else's wish


def test_the_facts_say_what_produced_the_numbers(open_tiny):
    import torch
    import transformers

    facts = open_tiny("llava").facts
    assert facts["torch"] == torch.__version__
    assert facts["transformers"] == transformers.__version__
    assert facts["device"] == "cpu" or facts["device"].startswith("cuda")


def test_loading_and_answering_print_nothing(make, tiny, open_tiny, capfd):
    folder = tiny("llava"), tiny("qwen2_vl")
    capfd.readouterr()
    for name, where in zip(("llava", "qwen2_vl"), folder, strict=True):
        list(open_tiny(name, folder=where).answer(make.mixed_requests(3, two_pictures=True)))
    assert capfd.readouterr() == ("", "")


def test_the_served_model_is_the_checkpoint_with_its_revision(tiny, make, tmp_path):
    spec = BackendSpec(Model("llava", str(tiny("llava")), revision="0123456789ab"))
    ((_, answer),) = local_llava.build(spec, tmp_path).answer(make.mixed_requests(1, two_pictures=False))
    assert answer.served_model == f"{tiny('llava')}@0123456789ab"


def test_pictures_are_processed_without_torchvision(open_tiny):
    if find_spec("torchvision"):
        pytest.skip("torchvision is installed")
    for name in ("llava", "qwen2_vl", "internvl"):
        processor = loaded(open_tiny(name)).processor
        assert type(processor.image_processor).__name__.endswith("Pil")


def test_a_missing_package_of_a_processor_is_named(tiny, tmp_path):
    if find_spec("num2words"):
        pytest.skip("num2words is installed")
    with pytest.raises(BackendUnavailable, match="pip install num2words"):
        local_auto.build(BackendSpec(Model("auto", str(tiny("smolvlm2")))), tmp_path)


def test_without_torch_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("vlm_eval.backends.local.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"vlm-eval\[local\]"):
        local_llava.build(BackendSpec(Model("llava", "some/model")), tmp_path)


@pytest.mark.parametrize("forgotten", ["processor", "config", "both"])
def test_an_old_blip2_checkpoint_is_made_to_see(forgotten, copy, make, open_tiny, open_facts):
    folder = copy("blip2")
    if forgotten != "config":
        open_facts(folder / "processor_config.json", num_query_tokens=None)
    if forgotten != "processor":
        open_facts(folder / "config.json", image_token_index=None)
    requests = [make.request(make.picture(seed), "Short answer: ", yes_no=True) for seed in (1, 2)]
    first, second = [answer.yes_no.yes for _, answer in open_tiny("blip2", folder=folder).answer(requests)]
    assert abs(first - second) > 1e-3


def test_a_blip2_checkpoint_whose_parts_disagree_is_refused(copy, open_tiny, open_facts):
    folder = copy("blip2")
    open_facts(folder / "config.json", image_token_index=17)
    with pytest.raises(BackendUnavailable, match="would ignore its pictures"):
        open_tiny("blip2", folder=folder)


@pytest.fixture
def open_facts():
    """Change values in a JSON file; None takes a value away."""

    def change(path, **values):
        content = json.loads(path.read_text()) | values
        path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))

    return change
