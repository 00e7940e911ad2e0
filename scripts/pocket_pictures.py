"""Draw shards of labelled training pictures: groups of one make, normal, damaged, recoloured, of another kind."""

import argparse
from pathlib import Path

import numpy as np
import pocket_depth
import pocket_parts
import pocket_scenes
import pocket_series
from pocket_canvas import COLUMN, ROW, Field, Rng
from pocket_designs import OUTLINES, draw_bolted, draw_design, other_colour, other_kind
from pocket_parts import draw_part

KINDS = ("part", "series", "depth", "scene")
MODULES = (pocket_parts, pocket_series, pocket_depth, pocket_scenes)
DEFECTS = ("", *(name for module in MODULES for name in module.DEFECTS))  # index 0: nothing wrong
PLACES = ("top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right")
SAME, RECOLOURED, OTHER_KIND = 0, 1, 2
GRID = 8
MAKERS = {
    "series": (pocket_series.series_style, pocket_series.draw_series, pocket_series.DEFECTS),
    "depth": (pocket_depth.depth_style, pocket_depth.draw_depth, pocket_depth.DEFECTS),
    "scene": (pocket_scenes.scene_style, pocket_scenes.draw_scene, pocket_scenes.DEFECTS),
}


def patches(mask: Field) -> np.ndarray:
    """Count the covered pixels of each patch (8 x 8)."""
    step = mask.shape[0] // GRID
    sums = mask.reshape(GRID, step, GRID, step).sum((1, 3))
    return np.clip(sums, 0, 255).astype(np.uint8)


def place_of(mask: Field) -> int:
    """Return the cell of the 3 x 3 grid that holds the middle of the mask's box."""
    hit = mask > 0.25 * mask.max()
    columns, rows = COLUMN[hit], ROW[hit]
    column, row = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
    return min(int(row * 3), 2) * 3 + min(int(column * 3), 2)


def record(kind: int, group: int, role: int, defect: str, drawn: tuple, colour: Field, outline: int) -> dict:
    """Label one picture."""
    picture, mask = drawn
    place = place_of(mask) if defect and mask.max() > 0 else 255
    return {
        "picture": picture,
        "kind": kind,
        "group": group,
        "role": role,
        "defect": DEFECTS.index(defect),
        "place": place,
        "patches": patches(mask),
        "colour": colour,
        "outline": outline,
    }


def draw_group(rng: Rng, group: int, bolted: bool) -> list[dict]:
    """Draw a group of one make: two normal, two damaged; of parts also one recoloured and one of another kind."""
    kind = 0 if bolted else int(rng.choice(4, p=[0.42, 0.2, 0.18, 0.2]))
    if KINDS[kind] != "part":
        style_of, draw, defects = MAKERS[KINDS[kind]]
        style, nothing = style_of(rng), np.zeros(3, np.float32)
        wanted = ["", "", *(str(rng.choice(defects)) for _ in range(2))]
        return [record(kind, group, SAME, name, draw(rng, style, name or None), nothing, 255) for name in wanted]
    design = draw_bolted(rng) if bolted else draw_design(rng)
    known = [name for name in pocket_parts.DEFECTS if design.pieces or name != "misplaced piece"]
    plans = [(design, SAME, ""), (design, SAME, "")]
    plans += [(design, SAME, str(name)) for name in rng.choice(known, 3, replace=False)]
    plans += [(other_colour(rng, design), RECOLOURED, ""), (other_kind(rng, design), OTHER_KIND, "")]
    return [
        record(
            kind, group, role, name, draw_part(rng, make, name or None), make.colour, OUTLINES.index(make.outline)
        )
        for make, role, name in plans
    ]


def draw_shard(seed: int, groups: int, bolted: bool = False) -> dict[str, np.ndarray]:
    """Draw that many groups; return their labels and pictures as arrays."""
    rng = np.random.default_rng(seed)
    records = [item for group in range(groups) for item in draw_group(rng, group, bolted)]
    return {name: np.stack([np.asarray(item[name]) for item in records]) for name in records[0]}


def write_shards(folder: Path, seed: int, shards: int, groups: int, bolted: bool) -> None:
    """Write shards one by one, each complete when its name appears."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(shards):
        target = folder / f"shard-{seed:03d}-{index:04d}.npz"
        if target.exists():
            continue
        draft = target.with_suffix(".part.npz")
        np.savez(draft, **draw_shard(1_000_000 * seed + index, groups, bolted))
        draft.rename(target)
        print(f"drew {target.name}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--groups", type=int, default=400, help="makes in a shard")
    parser.add_argument("--bolted", action="store_true", help="bolted metal rings and plates only")
    given = parser.parse_args()
    write_shards(given.folder, given.seed, given.shards, given.groups, given.bolted)
