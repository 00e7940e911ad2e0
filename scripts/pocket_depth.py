"""Draw shaded depth pictures of surfaces, sound and not, for the training of pocket-llava."""

import numpy as np
from pocket_canvas import (
    COLUMN,
    ROW,
    SIDE,
    Field,
    Pose,
    Rng,
    box,
    clouds,
    cover,
    disc,
    hue_colour,
    paint,
    photograph,
)

Picture = np.ndarray
Style = dict[str, object]
DEFECTS = ("dent", "bump")


def depth_style(rng: Rng) -> Style:
    """Draw the make of a surface and how its depth is shown."""
    return {
        "base": int(rng.integers(7)),
        "turn": rng.uniform(0, np.pi),
        "relief": rng.uniform(0.03, 0.3),
        "size": rng.uniform(0.3, 0.55),
        "rough": rng.choice([0.0, rng.uniform(0.0003, 0.003)]),
        "light": rng.uniform(-2.6, -0.6) if rng.random() < 0.85 else rng.uniform(-np.pi, np.pi),
        "height": rng.uniform(0.5, 1.3),
        "show": int(rng.choice(4, p=[0.5, 0.15, 0.25, 0.1])),
        "tint": hue_colour(
            rng.random(), rng.choice([0.0, rng.uniform(0.0, 0.5)], p=[0.6, 0.4]), rng.uniform(0.65, 1.0)
        ),
        "ground": rng.choice([0.0, 1.0, rng.random()]),
        "gain": rng.uniform(0.6, 1.0),
    }


def base_height(rng: Rng, style: Style) -> tuple[Field, Field]:
    """Return the height of a sound surface and the distance to its outline."""
    pose = Pose(
        0.5 + rng.uniform(-0.04, 0.04), 0.5 + rng.uniform(-0.04, 0.04), 1.0, style["turn"] + rng.uniform(-0.1, 0.1)
    )
    across, down = pose.local()
    relief, size = np.float32(style["relief"]), style["size"]
    whole = np.full_like(across, -1.0)
    match style["base"]:
        case 0:
            return relief * across, whole
        case 1:
            return relief * np.sqrt(np.maximum(1 - across**2 - down**2, 0)), whole
        case 2:
            return relief * np.sqrt(np.maximum(0.6 - across**2, 0)), whole
        case 3:
            return relief * 0.25 * np.sin(
                across * np.float32(rng.uniform(3, 9)) + np.float32(rng.uniform(0, 6))
            ), whole
        case 4:
            edge = disc(across, down, size)
            return np.sqrt(np.maximum(size**2 - across**2 - down**2, 0)) * relief * 3, edge
        case 5:
            edge = box(across, down, size, size * 0.75, 0.05)
            return relief * 0.3 * across - np.maximum(edge + 0.03, 0), edge
        case _:
            return (relief * 0.6 * (clouds(rng, int(rng.integers(2, 4))) - 0.5)).astype(np.float32), whole


def draw_depth(rng: Rng, style: Style, defect: str | None) -> tuple[Picture, Field]:
    """Draw one depth picture; return it and the mask of its dent or bump."""
    height, edge = base_height(rng, style)
    mask = np.zeros_like(height)
    if defect:
        radius = rng.uniform(0.045, 0.15)
        free = np.flatnonzero(
            (edge < -radius * 0.8)
            & (np.abs(COLUMN - 0.5) < 0.5 - radius * 0.8)
            & (np.abs(ROW - 0.5) < 0.5 - radius * 0.8)
        )
        index = int(rng.choice(free))
        pose = Pose(float(COLUMN.flat[index]), float(ROW.flat[index]), 1.0, rng.uniform(0, np.pi))
        across, down = pose.local()
        far = (across**2 + (down * np.float32(rng.uniform(0.8, 1.5))) ** 2) / np.float32(radius**2)
        profile = np.exp(-2.5 * far) if rng.random() < 0.5 else np.maximum(1 - far, 0) ** rng.uniform(0.8, 2)
        amount = radius * rng.uniform(0.2, 0.75) * (1 if defect == "bump" else -1)
        height = height + (profile * amount).astype(np.float32)
        mask = (far < 0.9).astype(np.float32)
    if style["rough"]:
        height = height + ((clouds(rng, 40) - 0.5) * style["rough"]).astype(np.float32)
    canvas = show_depth(style, height, edge)
    return photograph(canvas, rng, 0.4), mask


def show_depth(style: Style, height: Field, edge: Field) -> Field:
    """Show a height as shading, as grey levels, as both, or in false colours."""
    slope_down, slope_across = np.gradient(height, 1 / SIDE)
    length = np.sqrt(1 + slope_across**2 + slope_down**2)
    aim = np.cos(style["light"]), np.sin(style["light"])
    light = (-slope_across * aim[0] - slope_down * aim[1] + style["height"]) / (
        length * np.hypot(1, style["height"])
    )
    low, high = float(height.min()), float(height.max())
    level = (height - low) / max(high - low, 0.06)
    shade = np.clip(light, 0, 1) * style["gain"] + (1 - style["gain"]) * 0.5
    match style["show"]:
        case 0:
            value = shade
        case 1:
            value = 0.15 + 0.75 * level
        case _:
            value = 0.65 * shade + 0.35 * level
    canvas = (value[..., None] * style["tint"]).astype(np.float32)
    if style["show"] == 3:
        canvas = np.stack([level * 1.2, 1 - np.abs(level - 0.5) * 1.6, 1.1 - level], -1).astype(np.float32) * 0.8
        canvas *= (0.5 + 0.5 * shade)[..., None].astype(np.float32)
    paint(canvas, cover(-edge), np.float32(style["ground"]))
    return canvas
