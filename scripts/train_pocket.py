"""Train pocket-llava on the CPU from pictures that are drawn here: first its eyes, then its language."""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from pocket_model import GRID, build_model, build_processor, chat_text, save, train_tokenizer
from pocket_pictures import KINDS, OTHER_KIND, PLACES, RECOLOURED
from pocket_pool import PART, Pool, draw_queries
from pocket_sight import Heads, Optimisers, patch_tokens, sight_loss, whiten
from pocket_words import answer_of, choose, corpus, kind_prompts
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoTokenizer, LlavaForConditionalGeneration

SIGHT_PEAK = 5e-3
MODES = (
    ("chat", False, 0.50),
    ("chat", True, 0.30),
    ("vqa", False, 0.10),
    ("json", False, 0.07),
    ("json", True, 0.03),
)


@dataclass
class Clock:
    """A cosine schedule over wall time or steps, whichever ends first."""

    steps: int
    seconds: float
    warm: int = 50

    def __post_init__(self) -> None:
        self.start, self.cpu = time.monotonic(), time.process_time()

    def share(self, step: int) -> float:
        """Return the share of the budget that is spent."""
        return max(step / self.steps, (time.monotonic() - self.start) / self.seconds)

    def rate(self, step: int) -> float:
        """Return the factor of the learning rate."""
        return min(1.0, (step + 1) / self.warm) * (
            0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, self.share(step))))
        )


def train_sight(model: nn.Module, heads: Heads, source: Path, clock: Clock, rng: np.random.Generator) -> None:
    """Teach the vision tower what each patch shows."""
    pool = Pool(source)
    whiten(model, pool, rng)
    optimisers = Optimisers([(model.model.vision_tower, SIGHT_PEAK), (heads, 1.5e-3)])
    step, mean = 0, 0.0
    while clock.share(step) < 1:
        index = rng.integers(0, pool.size, 128)
        with torch.autocast("cpu", torch.bfloat16):
            loss = sight_loss(heads, patch_tokens(model, pool.pixels(index)), pool, index)
        optimisers.step(loss, clock.rate(step))
        mean = loss.item() if step == 0 else 0.98 * mean + 0.02 * loss.item()
        step += 1
        if step % 100 == 0:
            print(
                f"sight {step} loss {mean:.3f} spent {clock.share(step):.0%} cpu {time.process_time():.0f} s",
                flush=True,
            )
        if step in (100, 300, 600, 1000) and len(list(source.glob("shard-*.npz"))) * 2000 > pool.size:
            pool = Pool(source)


class Writer:
    """Turns pictures, prompts and answers into padded token rows."""

    def __init__(self, tokenizer, prompts) -> None:
        self.tokenizer, self.prompts = tokenizer, prompts
        self.image = tokenizer.convert_tokens_to_ids("<image>")
        self.known: dict[tuple[str, int], list[int]] = {}
        words = {word for place in PLACES for word in place.split()}
        self.place_tokens = torch.tensor(sorted({token for word in words for token in self.encode(f" {word}")}))

    def encode(self, text: str, images: int = 0) -> list[int]:
        """Encode a text; each image token becomes one a patch."""
        if (text, images) not in self.known:
            full = chat_text(text, images).replace("<image>", "<image>" * GRID * GRID) if images else text
            self.known[text, images] = self.tokenizer.encode(full, add_special_tokens=False)
        return self.known[text, images]

    def rows(
        self,
        rng: np.random.Generator,
        pool: Pool,
        query: np.ndarray,
        mode: tuple[str, bool],
        standard: bool,
        shots: int,
    ):
        """Return ids, mask and labels, [n, length], padded on the left."""
        inputs, outputs = [], []
        for index in query:
            kind, defect = KINDS[pool.labels["kind"][index]], int(pool.labels["defect"][index])
            role = int(pool.labels["role"][index]) if shots else 0
            prompt = choose(rng, self.prompts, kind, (*mode, standard, shots))
            answer = answer_of(*mode, kind, defect, int(pool.labels["place"][index]), role)
            inputs.append(self.encode(prompt, shots + 1))
            outputs.append([*self.encode(" " + answer), self.tokenizer.eos_token_id])
        length = max(len(a) + len(b) for a, b in zip(inputs, outputs, strict=True))
        ids = torch.full((len(query), length), self.tokenizer.pad_token_id)
        mask, labels = torch.zeros(len(query), length, dtype=torch.long), torch.full((len(query), length), -100)
        for row, (a, b) in enumerate(zip(inputs, outputs, strict=True)):
            ids[row, length - len(a) - len(b) :] = torch.tensor(a + b)
            mask[row, length - len(a) - len(b) :] = 1
            labels[row, length - len(b) :] = torch.tensor(b)
        return ids, mask, labels


@dataclass
class Lesson:
    """What one step of the language stage shows and asks."""

    shots: int
    rows: tuple[Tensor, Tensor, Tensor]  # ids, mask, labels
    shown: np.ndarray  # pictures in the order in which the prompts show them
    differs: Tensor | None  # [n, 2]: another colour, another kind than the reference's
    parts: Tensor | None  # [n]: which rows that is asked of
    damaged: Tensor  # [n, 64]: the query's patches that show a defect


def draw_lesson(rng: np.random.Generator, pool: Pool, writer: Writer, batch: int, share: float) -> Lesson:
    """Choose pictures, prompts and answers; at first fewer with a reference."""
    shots = int(rng.random() < (0.4 if share < 0.1 else 0.62))
    weights = np.array([weight for _, _, weight in MODES])
    mode = MODES[rng.choice(len(MODES), p=weights / weights.sum())][:2]
    query = draw_queries(rng, pool, batch, shots)
    rows = writer.rows(rng, pool, query, mode, bool(rng.random() < 0.5), shots)
    damaged = torch.from_numpy(pool.labels["patches"][query] >= 2).flatten(1)
    if not shots:
        return Lesson(shots, rows, query, None, None, damaged)
    role = pool.labels["role"][query]
    return Lesson(
        shots,
        rows,
        np.stack([pool.reference(rng, query), query], 1).reshape(-1),
        torch.from_numpy(np.stack([role == RECOLOURED, role == OTHER_KIND], 1)).float(),
        torch.from_numpy(pool.labels["kind"][query] == PART),
        damaged,
    )


def looking_loss(attentions: Sequence[Tensor], is_image: Tensor, spoken: Tensor, damaged: Tensor) -> Tensor:
    """Return how little two heads of two layers look at the damage while they speak of it."""
    hurt = damaged.any(1)
    if not hurt.any():
        return torch.zeros(())
    pictures, target, losses = is_image[hurt], damaged[hurt][:, None, None], []
    for layer in (1, 2):
        weights = attentions[layer][hurt][:, :2, :-1]  # [n, 2, length - 1, length]
        at_pictures = weights[pictures[:, None, None].expand_as(weights)].view(*weights.shape[:3], -1)
        seen = (at_pictures[..., -GRID * GRID :].float() * target).sum(-1)
        losses.append(-(seen + 1e-4).log().transpose(1, 2)[spoken[hurt]].mean())
    return torch.stack(losses).mean()


def language_loss(
    model: nn.Module, heads: Heads, tokens: Tensor, lesson: Lesson, writer: Writer
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of answers, of first words and places, of where it looks and of the comparison."""
    ids, mask, labels = lesson.rows
    core = model.model
    features = core.multi_modal_projector(tokens)
    words = core.get_input_embeddings()(ids)
    is_image = ids == writer.image
    words = words.to(features.dtype).masked_scatter(is_image[..., None], features.reshape(-1, features.shape[-1]))
    output = core.language_model(
        inputs_embeds=words,
        attention_mask=mask,
        output_hidden_states=True,
        output_attentions=True,
        use_cache=False,
    )
    spoken = labels[:, 1:] != -100
    said = labels[:, 1:][spoken]
    logits = model.lm_head(output.last_hidden_state[:, :-1][spoken]).float()
    losses = functional.cross_entropy(logits, said, reduction="none")
    first = losses[(spoken & (spoken.cumsum(1) == 1))[spoken]].mean()
    where = torch.isin(said, writer.place_tokens)
    place = losses[where].sum() / where.sum().clamp(min=1)
    looking = looking_loss(output.attentions, is_image, spoken, lesson.damaged)
    loss = losses.mean() + first + place + 0.5 * looking
    news = {f"first{lesson.shots}": first.item(), "looking": looking.item()}
    if where.any():
        news["place"] = place.item()
    if lesson.differs is None:
        return loss, news
    middle = output.hidden_states[2]
    seen = middle[is_image].view(len(ids), -1, middle.shape[-1])[:, GRID * GRID :].mean(1)
    comparison = functional.binary_cross_entropy_with_logits(
        heads.differs(seen).float()[lesson.parts], lesson.differs[lesson.parts]
    )
    return loss + comparison, news | {"compare": comparison.item()}


def language_optimisers(model: nn.Module, heads: Heads) -> Optimisers:
    """Give each part of the model its peak learning rate."""
    core = model.model
    return Optimisers(
        [
            (core.vision_tower, 2e-3),
            (core.multi_modal_projector, 2e-3),
            (core.language_model, 3e-3),
            (model.lm_head, 2e-3),
            (heads, 1e-3),
        ]
    )


def train_language(
    model: nn.Module,
    heads: Heads,
    writer: Writer,
    source: Path,
    clock: Clock,
    rng: np.random.Generator,
    keep: Callable[[], None],
    batch: int,
    peak: float,
) -> None:
    """Teach the language model to read prompts and patch tokens, and to compare two pictures."""
    pool = Pool(source)
    optimisers = language_optimisers(model, heads)
    step, mean, kept = 0, {}, time.monotonic()
    while clock.share(step) < 1:
        lesson = draw_lesson(rng, pool, writer, batch, clock.share(step))
        with torch.autocast("cpu", torch.bfloat16):
            seen = np.concatenate([lesson.shown, rng.integers(0, pool.size, 64)])  # the eyes go on learning beside
            tokens = patch_tokens(model, pool.pixels(seen))
            seeing = sight_loss(heads, tokens, pool, seen)
            loss, news = language_loss(model, heads, tokens[: len(lesson.shown)], lesson, writer)
        optimisers.step(loss + seeing, peak * clock.rate(step))
        for name, value in (news | {"sight": seeing.item()}).items():
            mean[name] = 0.97 * mean.get(name, value) + 0.03 * value
        step += 1
        if step % 50 == 0:
            told = {name: round(value, 3) for name, value in mean.items()}
            print(
                f"language {step} spent {clock.share(step):.0%} cpu {time.process_time():.0f} s", told, flush=True
            )
        if step in (60, 150, 300, 500) and len(list(source.glob("shard-*.npz"))) * 2000 > pool.size:
            pool = Pool(source)
        if time.monotonic() - kept > 300:
            keep()
            kept = time.monotonic()


def main() -> None:
    """Train both stages and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder with shards from pocket_pictures.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sight-minutes", type=float, default=45)
    parser.add_argument("--language-minutes", type=float, default=75)
    parser.add_argument("--sight-steps", type=int, default=1750)
    parser.add_argument("--language-steps", type=int, default=2080)
    parser.add_argument("--resume", type=Path, help="a model whose language stage goes on")
    parser.add_argument("--peak", type=float, default=1.0, help="factor of the language stage's learning rates")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument(
        "--state", type=Path, help="where the state after the first stage is kept, and found again"
    )
    given = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    tokenizer = (
        AutoTokenizer.from_pretrained(given.resume) if given.resume else train_tokenizer(corpus(kind_prompts()))
    )
    processor, model, heads = build_processor(tokenizer), build_model(tokenizer), Heads()
    model.set_attn_implementation({"vision_config": "lean", "text_config": "lean"})
    print(
        json.dumps({"vocabulary": len(tokenizer), "parameters": sum(p.numel() for p in model.parameters())}),
        flush=True,
    )
    save(model, processor, given.out)
    if given.resume:
        model.load_state_dict(
            LlavaForConditionalGeneration.from_pretrained(given.resume, dtype=torch.float32).state_dict()
        )
    if given.state and given.state.exists():
        state = torch.load(given.state)
        if not given.resume:
            model.model.vision_tower.load_state_dict(state["tower"])
        heads.load_state_dict({k: v for k, v in state["heads"].items() if "differs" not in k}, strict=False)
    else:
        train_sight(model, heads, given.pictures, Clock(given.sight_steps, given.sight_minutes * 60), rng)
        if given.state:
            torch.save({"tower": model.model.vision_tower.state_dict(), "heads": heads.state_dict()}, given.state)
    clock = Clock(given.language_steps, given.language_minutes * 60)
    writer = Writer(tokenizer, kind_prompts())
    keep = partial(save, model, processor, given.out)
    train_language(model, heads, writer, given.pictures, clock, rng, keep, given.batch, given.peak)
    save(model, processor, given.out)
    print(f"done in {time.process_time():.0f} CPU-seconds", flush=True)


if __name__ == "__main__":
    main()
