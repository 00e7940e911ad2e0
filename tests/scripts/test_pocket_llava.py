"""The shipped pocket-llava loads like a big model, reads every prompt, and sees."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pocket-llava needs torch")
transformers = pytest.importorskip("transformers", reason="pocket-llava needs transformers")

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "pocket-llava"
SEED_PROMPTS = ROOT.parent / "shared" / "data" / "gpt4v_prompts.jsonl"
HELD_OUT_SEED = 999_000_123  # training shards start at multiples of a million below 100 million

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(not (MODEL / "model.safetensors").exists(), reason="models/pocket-llava is not there"),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def processor():
    return transformers.AutoProcessor.from_pretrained(MODEL, local_files_only=True)


@pytest.fixture(scope="module")
def model():
    return transformers.LlavaForConditionalGeneration.from_pretrained(
        MODEL, dtype=torch.float32, local_files_only=True
    ).eval()


@pytest.fixture(scope="module")
def scripts():
    """Make the training scripts importable, for their drawings and words."""
    sys.path.insert(0, str(ROOT / "scripts"))
    yield
    sys.path.remove(str(ROOT / "scripts"))


def ask(processor, prompt, pictures):
    """Lay a prompt out through the chat template."""
    content = [{"type": "image"}] * pictures + [{"type": "text", "text": prompt}]
    return processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)


@torch.no_grad()
def yes_scores(model, processor, prompts, pictures):
    """Return P(yes) / (P(yes) + P(no)) as the next word, for one or two pictures a prompt."""
    text = [ask(processor, prompt, len(shown)) for prompt, shown in zip(prompts, pictures, strict=True)]
    flat = [picture for shown in pictures for picture in shown]
    batch = processor(text=text, images=flat, return_tensors="pt", padding=True)
    chances = model(**batch, logits_to_keep=1).logits[:, -1].softmax(-1)
    yes, no = (processor.tokenizer.encode(word, add_special_tokens=False)[0] for word in (" Yes", " No"))
    return (chances[:, yes] / (chances[:, yes] + chances[:, no])).numpy()


def area_under_curve(gold, score):
    """Count pairs ranked rightly (Mann-Whitney), without the product's own metric."""
    good, bad = score[gold], score[~gold]
    return float((good[:, None] > bad[None]).mean() + 0.5 * (good[:, None] == bad[None]).mean())


def test_the_files_are_small_enough_to_commit():
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 15_000_000


def test_the_weights_are_float16_and_nothing_but_safetensors():
    from safetensors import safe_open

    with safe_open(MODEL / "model.safetensors", "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"F16"}  # noqa: SIM118
    assert not [path for path in MODEL.iterdir() if path.suffix in {".bin", ".pt", ".pth", ".pkl"}]


def test_it_loads_as_an_image_text_to_text_model_and_pads_on_the_left(processor, model):
    assert type(processor).__name__ == "LlavaProcessor"
    assert processor.tokenizer.padding_side == "left"
    assert model.config.image_token_id == processor.tokenizer.convert_tokens_to_ids("<image>")


def test_every_picture_becomes_64_image_tokens_whatever_its_size(processor):
    from PIL import Image

    pictures = [Image.new("RGB", (500, 120)), Image.new("L", (33, 70)).convert("RGB")]
    batch = processor(text=[ask(processor, "Compare.", 2)], images=pictures, return_tensors="pt")
    assert int((batch["input_ids"] == processor.image_token_id).sum()) == 128
    assert batch["pixel_values"].shape == (2, 3, 96, 96)


def template_texts():
    """Every text file of words that is shipped, and odd ones that are not."""
    folders = (ROOT / "prompts").rglob("*.jinja"), (ROOT / "datasets").glob("*.yaml")
    odd = ["naïve café, 3 µm, 日本語, 🙂", "tabs\tand\nlines", 'a `code` {"json": true}']
    return [path.read_text() for group in folders for path in sorted(group)] + odd


@pytest.mark.parametrize("text", template_texts(), ids=lambda text: text[:20].strip().replace("\n", " "))
def test_the_tokenizer_gives_every_shipped_word_back(processor, text):
    ids = processor.tokenizer.encode(text, add_special_tokens=False)
    assert processor.tokenizer.unk_token is None
    assert processor.tokenizer.decode(ids) == text


def test_the_tokenizer_gives_the_prompts_of_the_seed_study_back(processor):
    if not SEED_PROMPTS.exists():
        pytest.skip("the shared prompts are not beside this checkout")
    texts = [json.loads(line)["prompt"] for line in SEED_PROMPTS.read_text().splitlines()]
    assert texts == [processor.tokenizer.decode(processor.tokenizer.encode(text)) for text in texts]


def test_the_words_of_the_demo_prompts_are_mostly_one_token_each(processor, scripts):
    from pocket_words import kind_prompts

    words = {
        word.strip('.,:?"')
        for key, texts in kind_prompts().items()
        if key[0] != "other"
        for word in " ".join(texts).split()
    }
    lengths = [len(processor.tokenizer.encode(f" {word}", add_special_tokens=False)) for word in words]
    assert np.mean(np.array(lengths) == 1) > 0.9


def held_out(kind, groups):
    """Draw pictures that training never saw: (normal reference, query, gold) of each group."""
    from PIL import Image
    from pocket_pictures import KINDS, SAME, draw_shard

    shard = draw_shard(HELD_OUT_SEED, groups)
    rows = np.flatnonzero((shard["kind"] == KINDS.index(kind)) & (shard["role"] == SAME))
    pictures = {row: Image.fromarray(shard["picture"][row]) for row in rows}
    first = {group: rows[shard["group"][rows] == group][0] for group in np.unique(shard["group"][rows])}
    return [
        (pictures[first[shard["group"][row]]], pictures[row], bool(shard["defect"][row]))
        for row in rows
        if row != first[shard["group"][row]]
    ]


@pytest.mark.parametrize(
    ("kind", "shots", "least"),
    [("part", 0, 0.75), ("part", 1, 0.75), ("series", 0, 0.85), ("depth", 0, 0.9), ("scene", 0, 0.9)],
)
def test_it_tells_damaged_from_sound_on_drawings_it_has_not_seen(model, processor, scripts, kind, shots, least):
    from pocket_words import kind_prompts

    prompt = kind_prompts()[kind, "chat", True, True, shots][0]
    items = held_out(kind, 60)[:72]
    pictures = [(reference, query) if shots else (query,) for reference, query, _ in items]
    score = yes_scores(model, processor, [prompt] * len(items), pictures)
    assert area_under_curve(np.array([gold for *_, gold in items]), score) > least


def test_a_part_of_another_outline_is_found_only_beside_its_reference(model, processor, scripts):
    from PIL import Image
    from pocket_pictures import OTHER_KIND, draw_shard
    from pocket_words import kind_prompts

    shard = draw_shard(HELD_OUT_SEED + 1, 60)
    changed = np.flatnonzero(shard["role"] == OTHER_KIND)
    first = np.searchsorted(shard["group"], shard["group"][changed])
    rows = [
        (reference, query)
        for start, other in zip(first, changed, strict=True)
        for reference, query in ((start, other), (start, start + 1))
    ]
    pictures = [tuple(Image.fromarray(shard["picture"][row]) for row in pair) for pair in rows]
    gold = np.array([query in changed for _, query in rows])
    prompts = {shots: kind_prompts()["part", "chat", True, True, shots][0] for shots in (0, 1)}
    beside = yes_scores(model, processor, [prompts[1]] * len(rows), pictures)
    alone = yes_scores(model, processor, [prompts[0]] * len(rows), [pair[1:] for pair in pictures])
    assert area_under_curve(gold, beside) > 0.85
    assert area_under_curve(gold, alone) < 0.6


def test_two_pictures_under_the_same_prompt_get_different_answers(model, processor, scripts):
    from pocket_words import kind_prompts

    prompt = kind_prompts()["part", "chat", False, False, 0][0]
    pictures = [query for _, query, _ in held_out("part", 40)][:24]
    batch = processor(
        text=[ask(processor, prompt, 1)] * len(pictures), images=pictures, return_tensors="pt", padding=True
    )
    with torch.no_grad():
        ids = model.generate(**batch, max_new_tokens=24, do_sample=False)
    said = {
        text.strip()
        for text in processor.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    }
    assert "No. There are no anomalies or defects." in said
    assert len([text for text in said if text.startswith("Yes. There is a ")]) >= 3
