"""Train eyes: the readings, losses and optimisers that only the training of pocket-llava needs."""

import numpy as np
import torch
from pocket_designs import OUTLINES
from pocket_model import GRID, PATCH, TEXT_WIDTH, VISION_WIDTH
from pocket_pictures import DEFECTS, KINDS
from pocket_pool import PART, Pool
from torch import Tensor, nn
from torch.nn import functional

PATCH_CELLS = torch.tensor(
    [row * 3 // GRID * 3 + column * 3 // GRID for row in range(GRID) for column in range(GRID)]
)
"""The cell of the 3 x 3 grid of places in which each patch lies."""


class Heads(nn.Module):
    """Readings that only training uses: of patches, of whole pictures, of a comparison."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Linear(VISION_WIDTH, len(DEFECTS))
        self.position = nn.Linear(VISION_WIDTH, 9)
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
    cells = PATCH_CELLS.repeat(len(index))
    loss = loss + 0.15 * functional.cross_entropy(heads.position(tokens).float().flatten(0, 1), cells)
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
