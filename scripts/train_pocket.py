"""Train pocket-llava on the CPU from pictures that are drawn here: first its eyes, then its language."""

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pocket_model import (
    GRID,
    PATCH,
    TEXT_WIDTH,
    VISION_WIDTH,
    build_model,
    build_processor,
    chat_text,
    save,
    train_tokenizer,
)
from pocket_parts import OUTLINES
from pocket_pictures import DEFECTS, KINDS, OTHER_KIND, RECOLOURED, SAME
from pocket_words import answer_of, choose, corpus, kind_prompts
from torch import Tensor, nn
from torch.nn import functional

SIGHT_PEAK = 5e-3
PART = KINDS.index("part")
MODES = (
    ("chat", False, 0.50),
    ("chat", True, 0.30),
    ("vqa", False, 0.10),
    ("json", False, 0.07),
    ("json", True, 0.03),
)


class Pool:
    """All drawn pictures with their labels, and who belongs to which make."""

    def __init__(self, folder: Path, least: int = 1) -> None:
        paths = sorted(path for path in folder.glob("shard-*.npz") if not path.name.endswith(".part.npz"))
        shards = [np.load(path) for path in paths]
        if len(shards) < least:
            raise SystemExit(f"{folder} holds {len(shards)} shards, fewer than {least}: draw them first.")
        names = shards[0].files
        self.labels = {
            name: np.concatenate([shard[name] for shard in shards]) for name in names if name != "picture"
        }
        self.pictures = np.concatenate([shard["picture"] for shard in shards])
        offsets = np.cumsum([0] + [int(shard["group"].max()) + 1 for shard in shards[:-1]])
        self.group = np.concatenate(
            [shard["group"] + offset for shard, offset in zip(shards, offsets, strict=True)]
        )
        self.size = len(self.pictures)
        self.first = np.searchsorted(
            self.group, self.group
        )  # groups are stored one after another, two normals first
        damaged, role = self.labels["defect"] > 0, self.labels["role"]
        part = self.labels["kind"] == PART
        self.normal = np.flatnonzero(~damaged & (role == SAME))
        self.alone_normal = np.flatnonzero(~damaged)
        self.damaged = np.flatnonzero(damaged & (self.labels["place"] < 9))  # a scratch may leave no pixel
        self.changed = np.flatnonzero(role != SAME)
        self.parts = np.flatnonzero(part)

    def pixels(self, index: np.ndarray) -> Tensor:
        """Return pictures as the processor would: [n, 3, side, side], normalised."""
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
        deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
        return (torch.from_numpy(self.pictures[index]).permute(0, 3, 1, 2).float() / 255 - mean) / deviation

    def reference(self, rng: np.random.Generator, query: np.ndarray) -> np.ndarray:
        """Choose another normal picture of the same make for each query."""
        first = self.first[query]
        choice = first + rng.integers(0, 2, len(query))
        return np.where(choice == query, first + 1 - (choice - first), choice)


class Heads(nn.Module):
    """Readings that only training uses: of patches, of whole pictures, of a comparison."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Linear(VISION_WIDTH, len(DEFECTS))
        self.whole = nn.Sequential(nn.LayerNorm(VISION_WIDTH), nn.Linear(VISION_WIDTH, len(DEFECTS) + len(KINDS)))
        self.outline = nn.Linear(VISION_WIDTH, len(OUTLINES))
        self.colour = nn.Linear(VISION_WIDTH, 3)
        self.differs = nn.Sequential(nn.LayerNorm(TEXT_WIDTH), nn.Linear(TEXT_WIDTH, 2))


def sight_loss(heads: Heads, tokens: Tensor, pool: Pool, index: np.ndarray) -> Tensor:
    """Compare what the heads read in patch tokens [n, 64, width] with the truth."""
    labels = {
        name: torch.from_numpy(values[index].astype(np.int64))
        for name, values in pool.labels.items()
        if name not in ("colour", "group")
    }
    covered = labels["patches"].flatten(1)
    target = torch.where(covered >= 2, labels["defect"][:, None], 0)
    target = torch.where(covered == 1, -100, target)
    weight = torch.ones(len(DEFECTS))
    weight[0] = 0.25
    loss = functional.cross_entropy(heads.patch(tokens).float().flatten(0, 1), target.flatten(), weight)
    pooled = tokens.mean(1)
    whole = heads.whole(pooled).float()
    loss = loss + 0.3 * functional.cross_entropy(whole[:, : len(DEFECTS)], labels["defect"])
    loss = loss + 0.1 * functional.cross_entropy(whole[:, len(DEFECTS) :], labels["kind"])
    part = labels["kind"] == PART
    if part.any():
        colour = torch.from_numpy(pool.labels["colour"][index]).float()[part]
        loss = loss + 3.0 * functional.mse_loss(heads.colour(pooled).float()[part], colour)
        loss = loss + 0.15 * functional.cross_entropy(heads.outline(pooled).float()[part], labels["outline"][part])
    return loss


def patch_tokens(model: nn.Module, pixels: Tensor) -> Tensor:
    """Return the vision tower's patch tokens without the class token."""
    return model.model.vision_tower(pixels).last_hidden_state[:, 1:]


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


def whiten(model: nn.Module, pool: Pool, rng: np.random.Generator) -> None:
    """Start the patch embedding from whitened principal components, so that thin lines weigh like colours."""
    embeddings = model.model.vision_tower.embeddings
    pixels = pool.pixels(rng.integers(0, pool.size, 1500))
    patches = functional.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2).reshape(-1, 3 * PATCH * PATCH)
    patches = patches - patches.mean(0)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    order = values.argsort(descending=True)[:VISION_WIDTH]
    filters = (vectors[:, order] / (values[order] + 1e-2).sqrt()).T
    with torch.no_grad():
        embeddings.patch_embedding.weight.copy_(filters.reshape(embeddings.patch_embedding.weight.shape))
        embeddings.position_embedding.weight[1:].copy_(0.5 * grid_waves())


def grid_waves() -> Tensor:
    """Return sines and cosines of column and row of each patch, [64, width]."""
    rows, columns = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    speeds = 1.0 / 50 ** (torch.arange(VISION_WIDTH // 4) / (VISION_WIDTH // 4))
    angles = [axis.reshape(-1, 1) * speeds * 1.5 for axis in (columns, rows)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], 1)


class Optimisers:
    """Muon for the matrices inside the layers, AdamW for everything else."""

    def __init__(self, groups: list[tuple[nn.Module, float]]) -> None:
        matrices, others = [], []
        for module, peak in groups:
            for name, parameter in module.named_parameters():
                inner = parameter.ndim == 2 and ".layers." in f".{name}"
                (matrices if inner else others).append({"params": [parameter], "peak": peak})
        adam = torch.optim.AdamW(others, weight_decay=0.02, betas=(0.9, 0.98))
        self.all = [adam, torch.optim.Muon(matrices, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")]
        self.parameters = [parameter for group in [*matrices, *others] for parameter in group["params"]]

    def step(self, loss: Tensor, factor: float) -> None:
        """Take one clipped step."""
        for optimiser in self.all:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimiser in self.all:
            optimiser.step()


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


def draw_queries(rng: np.random.Generator, pool: Pool, count: int, shots: int) -> np.ndarray:
    """Choose about as many sound as damaged pictures; with a reference, also changed ones."""
    if not shots:
        half = count // 2
        return np.concatenate([rng.choice(pool.alone_normal, half), rng.choice(pool.damaged, count - half)])
    changed, damaged, part = int(count * 0.20), int(count * 0.32), int(count * 0.27)
    kinds = pool.labels["kind"][pool.normal] == PART
    return np.concatenate(
        [
            rng.choice(pool.changed, changed),
            rng.choice(pool.damaged, damaged),
            rng.choice(pool.normal[kinds], part),
            rng.choice(pool.normal[~kinds], count - changed - damaged - part),
        ]
    )


class Writer:
    """Turns pictures, prompts and answers into padded token rows."""

    def __init__(self, tokenizer, prompts) -> None:
        self.tokenizer, self.prompts = tokenizer, prompts
        self.image = tokenizer.convert_tokens_to_ids("<image>")
        self.known: dict[tuple[str, int], list[int]] = {}

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


def language_loss(
    model: nn.Module,
    heads: Heads,
    tokens: Tensor,
    rows,
    image_token: int,
    differs: Tensor | None,
    parts: Tensor | None,
):
    """Return the loss of the answers, of their first words, and of the comparison with the reference."""
    ids, mask, labels = rows
    core = model.model
    features = core.multi_modal_projector(tokens)
    words = core.get_input_embeddings()(ids)
    is_image = ids == image_token
    words = words.to(features.dtype).masked_scatter(is_image[..., None], features.reshape(-1, features.shape[-1]))
    output = core.language_model(
        inputs_embeds=words, attention_mask=mask, output_hidden_states=True, use_cache=False
    )
    spoken = labels[:, 1:] != -100
    logits = model.lm_head(output.last_hidden_state[:, :-1][spoken]).float()
    losses = functional.cross_entropy(logits, labels[:, 1:][spoken], reduction="none")
    first = (spoken & (spoken.cumsum(1) == 1))[spoken]
    loss = losses.mean() + losses[first].mean()
    if differs is None:
        return loss, losses[first].mean().detach(), None
    middle = output.hidden_states[2]
    seen = middle[is_image].view(len(ids), -1, middle.shape[-1])[:, GRID * GRID :].mean(1)
    comparison = functional.binary_cross_entropy_with_logits(heads.differs(seen).float()[parts], differs[parts])
    return loss + comparison, losses[first].mean().detach(), comparison.detach()


def train_language(
    model, heads, tokenizer, processor, source: Path, clock: Clock, rng: np.random.Generator, out: Path, batch: int
) -> None:
    """Teach the language model to read prompts and patch tokens, and to compare two pictures."""
    pool = Pool(source)
    writer = Writer(tokenizer, kind_prompts())
    core = model.model
    optimisers = Optimisers(
        [
            (core.vision_tower, 2e-3),
            (core.multi_modal_projector, 2e-3),
            (core.language_model, 3e-3),
            (model.lm_head, 2e-3),
            (heads, 1e-3),
        ]
    )
    step, mean, saved = 0, {}, time.monotonic()
    weights = np.array([weight for _, _, weight in MODES])
    while clock.share(step) < 1:
        shots = int(rng.random() < (0.4 if clock.share(step) < 0.1 else 0.62))
        mode = MODES[rng.choice(len(MODES), p=weights / weights.sum())][:2]
        query = draw_queries(rng, pool, batch, shots)
        rows = writer.rows(rng, pool, query, mode, bool(rng.random() < 0.5), shots)
        shown = np.stack([pool.reference(rng, query), query], 1).reshape(-1) if shots else query
        differs = parts = None
        if shots:
            role = pool.labels["role"][query]
            differs = torch.from_numpy(np.stack([role == RECOLOURED, role == OTHER_KIND], 1)).float()
            parts = torch.from_numpy(pool.labels["kind"][query] == PART)
        with torch.autocast("cpu", torch.bfloat16):
            seen = np.concatenate([shown, rng.integers(0, pool.size, 64)])  # the eyes go on learning beside
            tokens = patch_tokens(model, pool.pixels(seen))
            seeing = sight_loss(heads, tokens, pool, seen)
            tokens = tokens[: len(shown)]
            loss, first, comparison = language_loss(model, heads, tokens, rows, writer.image, differs, parts)
        optimisers.step(loss + seeing, clock.rate(step))
        news = {f"first{shots}": float(first), "sight": seeing.item()}
        if comparison is not None:
            news["compare"] = float(comparison)
        for name, value in news.items():
            mean[name] = 0.97 * mean.get(name, value) + 0.03 * value
        step += 1
        if step % 50 == 0:
            print(
                f"language {step} spent {clock.share(step):.0%} cpu {time.process_time():.0f} s",
                {k: round(v, 3) for k, v in mean.items()},
                flush=True,
            )
        if time.monotonic() - saved > 300:
            save(model, processor, out)
            saved = time.monotonic()


def main() -> None:
    """Train both stages and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder with shards from pocket_pictures.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sight-minutes", type=float, default=15)
    parser.add_argument("--language-minutes", type=float, default=45)
    parser.add_argument("--sight-steps", type=int, default=3000)
    parser.add_argument("--language-steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument(
        "--state", type=Path, help="where the state after the first stage is kept, and found again"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    tokenizer = train_tokenizer(corpus(kind_prompts()))
    processor, model, heads = build_processor(tokenizer), build_model(tokenizer), Heads()
    model.set_attn_implementation(
        {"vision_config": "lean", "text_config": "lean"}
    )  # the faster ones on a CPU in bfloat16
    print(
        json.dumps({"vocabulary": len(tokenizer), "parameters": sum(p.numel() for p in model.parameters())}),
        flush=True,
    )
    save(model, processor, given.out)
    if given.state and given.state.exists():
        state = torch.load(given.state)
        model.model.vision_tower.load_state_dict(state["tower"])
        heads.load_state_dict({k: v for k, v in state["heads"].items() if "differs" not in k}, strict=False)
    else:
        train_sight(model, heads, given.pictures, Clock(given.sight_steps, given.sight_minutes * 60), rng)
        if given.state:
            torch.save({"tower": model.model.vision_tower.state_dict(), "heads": heads.state_dict()}, given.state)
    clock = Clock(given.language_steps, given.language_minutes * 60)
    train_language(model, heads, tokenizer, processor, given.pictures, clock, rng, given.out, given.batch)
    save(model, processor, given.out)
    print(f"done in {time.process_time():.0f} CPU-seconds", flush=True)


if __name__ == "__main__":
    main()
