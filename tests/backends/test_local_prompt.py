"""Text for local models: control tokens and template syntax of the user's are plain text."""

import pytest

from vlm_eval.backends.local_prompt import control_pattern, control_tokens, harmless
from vlm_eval.flow import Prompt, Turn

NASTY = [
    "an <image> of it",
    "<IMAGE>",
    "</s> stop",
    "<pad><s>",
    "<<image>image>",
    "<|image_pad|> <|im_end|> <|vision_start|>",
    "<fake_token_around_image><global-img><row_1_col_1>",
    "<IMG_CONTEXT></img><img><video>",
]


def text_of(text, tokens):
    return harmless(Prompt((Turn("user", (text,)),)), control_pattern(tokens)).text


@pytest.mark.parametrize("text", NASTY[:5])
def test_no_control_token_is_left(text):
    tokens = {"<image>", "</s>", "<s>", "<pad>", "< s>"}
    broken = text_of(text, tokens)
    assert not any(token in broken.casefold() for token in tokens)
    assert broken.replace(" ", "") == text.replace(" ", "")


def test_ordinary_text_is_left_as_it_is():
    text = "Is 3 < 4 > 2, and is there {{ a }} {% defect %}?\n"
    assert text_of(text, {"<image>", "</s>"}) == text
    assert text_of(text, set()) == text


@pytest.mark.local
@pytest.mark.parametrize("name", ["llava", "smolvlm", "qwen2_vl", "internvl", "llava_onevision", "blip2"])
def test_user_text_writes_no_control_token(name, make, open_tiny):
    backend = open_tiny(name)
    loaded = backend.engine._loaded
    picture = make.picture(1)
    clean = encoded(backend, make.request(picture, "a picture"))
    special = {token for token in loaded.tokenizer.added_tokens_decoder}
    expected = sorted(token for token in clean if token in special)
    for text in NASTY:
        ids = encoded(backend, make.request(picture, text))
        assert sorted(token for token in ids if token in special) == expected, text


@pytest.mark.local
def test_template_syntax_in_user_text_is_shown_as_written(make, open_tiny):
    text = "{{ 7 * 7 }} {% raise %} {{ messages }} {# no #}"
    backend = open_tiny("llava")
    ids = encoded(backend, make.request(make.picture(1), text))
    assert text in backend.engine._loaded.tokenizer.decode(ids)


@pytest.mark.local
def test_control_tokens_come_from_tokenizer_and_processor(open_tiny):
    tokens = control_tokens(open_tiny("qwen2_vl").engine._loaded.processor)
    assert {"<|image_pad|>", "<|vision_start|>", "<|im_end|>", "</s>", "<pad>"} <= tokens


@pytest.mark.local
def test_a_conversation_keeps_its_turns(make, open_tiny):
    prompt = Prompt(
        (
            Turn("user", (make.picture(1), "Is there a defect?")),
            Turn("assistant", ("Yes.",)),
            Turn("user", ("Where?",)),
        )
    )
    text = open_tiny("llava").lay_out(prompt)
    assert text == "USER: <image>\nIs there a defect?\nASSISTANT: Yes.\nUSER: Where?\nASSISTANT:"


@pytest.mark.local
def test_what_the_template_refuses_is_unsupported(make, tiny, tmp_path, open_tiny):
    import shutil

    folder = shutil.copytree(tiny("llava"), tmp_path / "strict")
    template = folder / "chat_template.jinja"
    guard = "{% if messages|length > 1 %}{{ raise_exception('One turn only') }}{% endif %}"
    template.write_text(guard + template.read_text())
    single = make.request(make.picture(1), "Is there a defect?")
    talk = Prompt((*single.prompt.turns, Turn("assistant", ("Yes.",)), Turn("user", ("Where?",))))
    from dataclasses import replace

    outcomes = dict(open_tiny("llava", folder=folder).answer([single, replace(single, key="0" * 64, prompt=talk)]))
    assert outcomes["0" * 64].kind == "unsupported"
    assert "One turn only" in outcomes["0" * 64].message
    assert outcomes[single.key].text


def encoded(backend, request):
    from vlm_eval.backends.local_prompt import prepare

    inputs = backend.engine.encode([prepare(request, backend.lay_out, backend.control)])
    return inputs["input_ids"][0].tolist()
