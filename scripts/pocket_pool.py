"""Hold the drawn pictures of all shards, and choose what one step of training shows."""

from pathlib import Path

import numpy as np
import torch
from pocket_pictures import KINDS, SAME
from torch import Tensor

PART = KINDS.index("part")


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
