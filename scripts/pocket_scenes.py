"""Draw laid tables, tidy and not, for the training of pocket-llava."""

import numpy as np
from pocket_canvas import (
    COLUMN,
    ROW,
    SIDE,
    Field,
    Pose,
    Rng,
    any_colour,
    box,
    clouds,
    cover,
    disc,
    far_colour,
    hue_colour,
    paint,
    photograph,
    polygon,
)

Picture = np.ndarray
Style = dict[str, object]
DEFECTS = ("misplaced object",)


def scene_style(rng: Rng) -> Style:
    """Draw a table and what is tidy on it."""
    table = any_colour(rng, 0.4)
    kind = str(rng.choice(["setting", "grid", "row", "circle"], p=[0.88, 0.05, 0.04, 0.03]))
    return {
        "kind": kind,
        "table": table,
        "cloth": int(rng.integers(4)),
        "colours": [far_colour(rng, [table], 0.3) for _ in range(5)],
        "metal": far_colour(rng, [table], 0.25)
        if rng.random() < 0.4
        else hue_colour(0.6, rng.uniform(0, 0.1), 0.3 if table.mean() > 0.55 else 0.85),
        "plate": rng.uniform(0.15, 0.23),
        "long": rng.uniform(0.13, 0.21),
        "thick": rng.uniform(0.010, 0.02),
        "cup": rng.uniform(0.055, 0.095),
        "homes": homes(rng, kind),
        "shape": int(rng.integers(4)),
        "object": rng.uniform(0.04, 0.075),
        "jitter": rng.uniform(0.0, 0.016),
        "tools": rng.random() < 0.8,
        "rim": rng.uniform(0.5, 0.85),
    }


def homes(rng: Rng, kind: str) -> list[tuple[str, float, float]]:
    """Return each object's name and its tidy place."""
    if kind == "setting":
        knife = rng.uniform(0.73, 0.80)
        spoon = knife + rng.uniform(0.07, 0.12)
        row = rng.uniform(0.5, 0.58)
        cup = ("cup", rng.uniform(0.76, 0.86), rng.uniform(0.14, 0.22))
        places = [("plate", 0.5, row), ("fork", rng.uniform(0.18, 0.26), row), ("knife", knife, row), cup]
        return [*places, ("spoon", spoon, row)] if rng.random() < 0.85 else places
    if kind == "grid":
        rows, columns = int(rng.integers(2, 5)), int(rng.integers(2, 5))
        return [("thing", x, y) for y in np.linspace(0.2, 0.8, rows) for x in np.linspace(0.2, 0.8, columns)]
    if kind == "row":
        row = rng.uniform(0.4, 0.65)
        return [("thing", x, row) for x in np.linspace(0.15, 0.85, int(rng.integers(4, 7)))]
    count = int(rng.integers(5, 9))
    return [
        ("thing", 0.5 + 0.32 * np.cos(turn), 0.5 + 0.32 * np.sin(turn))
        for turn in np.arange(count) * 2 * np.pi / count
    ]


def thing_distance(name: str, style: Style, column: float, row: float, angle: float) -> Field:
    """Distance to one object lying there."""
    across, down = Pose(column, row, 1.0, angle).local()
    long, thick = style["long"], style["thick"]
    match name:
        case "plate":
            return disc(across, down, style["plate"])
        case "cup":
            return np.minimum(
                disc(across, down, style["cup"]),
                box(across - style["cup"] * 1.15, down, style["cup"] * 0.35, style["cup"] * 0.22),
            )
        case "fork":
            tines = np.minimum(
                box(across, down + long * 0.55, thick * 1.8, long * 0.12), box(across, down, thick * 0.7, long)
            )
            prongs = [
                box(across - shift, down + long * 0.82, thick * 0.4, long * 0.2)
                for shift in (-thick * 1.5, thick * 1.5)
            ]
            return np.minimum(tines, np.minimum(*prongs))
        case "knife":
            return np.minimum(
                box(across, down + long * 0.4, thick * 1.2, long * 0.6, thick),
                box(across, down, thick * 0.7, long),
            )
        case "spoon":
            bowl = disc(across, (down + long * 0.72) * np.float32(0.65), thick * 2.1)
            return np.minimum(bowl, box(across, down, thick * 0.6, long))
        case _:
            size = style["object"]
            return (
                disc(across, down, size),
                box(across, down, size, size),
                polygon(across, down, 6, size),
                box(across, down, size * 0.5, size * 1.2),
            )[style["shape"]]


def draw_scene(rng: Rng, style: Style, defect: str | None) -> tuple[Picture, Field]:
    """Draw one table; return its picture and the mask of the object that is out of place."""
    canvas = table_top(rng, style)
    places = {index: (x, y, 0.0) for index, (_, x, y) in enumerate(style["homes"])}
    moved = -1
    if defect:
        moved = misplace(rng, style, places)
    shift = rng.uniform(-0.025, 0.025, 2)
    mask = np.zeros_like(COLUMN)
    for index in sorted(places, key=lambda key: key == moved):
        name = style["homes"][index][0]
        x, y, angle = places[index]
        jitter = rng.normal(0, style["jitter"] + 1e-6, 2).clip(-0.03, 0.03)
        distance = thing_distance(
            name, style, x + shift[0] + jitter[0], y + shift[1] + jitter[1], angle + rng.normal(0, 0.03)
        )
        paint_thing(canvas, style, name, index, distance)
        if index == moved:
            mask = cover(distance)
    return photograph(canvas, rng, 0.8), mask


def misplace(rng: Rng, style: Style, places: dict[int, tuple[float, float, float]]) -> int:
    """Move one object clearly away from home, in place; return its index."""
    index = int(rng.integers(len(places)))
    name, x, y = style["homes"][index]
    others = [(a, b) for key, (_, a, b) in enumerate(style["homes"]) if key != index]
    setting = style["kind"] == "setting"
    least = 0.15 if setting else 0.085
    best = (x, y)
    for attempt in range(40):
        if setting or rng.random() < 0.3:
            spot = rng.uniform(0.1, 0.9), rng.uniform(0.15, 0.85)
        else:
            heading, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.085, 0.2)
            spot = x + reach * np.cos(heading), y + reach * np.sin(heading)
        if not (0.07 < spot[0] < 0.93 and 0.07 < spot[1] < 0.93) or np.hypot(spot[0] - x, spot[1] - y) < least:
            continue
        best = spot
        clear = 0.1 if setting and name != "plate" else 0.05
        if (
            attempt > 20
            or rng.random() < 0.15
            or all(np.hypot(spot[0] - a, spot[1] - b) > clear for a, b in others)
        ):
            break
    angle = rng.choice([0.0, rng.uniform(-np.pi, np.pi)]) if name not in ("plate", "cup") else 0.0
    places[index] = (*best, angle)
    return index


def table_top(rng: Rng, style: Style) -> Field:
    """Paint the table: plain, woody, with a mat or a border."""
    canvas = np.empty((SIDE, SIDE, 3), np.float32)
    canvas[:] = style["table"]
    match style["cloth"]:
        case 1:
            canvas *= (1 + 0.12 * (clouds(rng, 5) - 0.5) + 0.05 * np.sin(ROW * 70 + 4 * clouds(rng, 3)))[
                ..., None
            ].astype(np.float32)
        case 2:
            paint(canvas, cover(box(COLUMN - 0.5, ROW - 0.53, 0.46, 0.36, 0.02)), style["colours"][4], 0.35)
        case 3:
            paint(canvas, cover(-box(COLUMN - 0.5, ROW - 0.5, 0.46, 0.46, 0.03)), style["table"] * 0.6)
    return canvas


def paint_thing(canvas: Field, style: Style, name: str, index: int, distance: Field) -> None:
    """Paint one object with its shadow and rim."""
    paint(canvas, np.roll(cover(distance, 3), (1, 1), (0, 1)), style["table"] * 0.5, 0.3)
    if name in ("fork", "knife", "spoon"):
        paint(canvas, cover(distance), style["metal"])
        return
    colour = style["colours"][{"plate": 0, "cup": 1}.get(name, index % 3 if style["tools"] else 2)]
    paint(canvas, cover(distance), colour)
    if name == "plate":
        paint(canvas, cover(np.abs(distance + style["plate"] * 0.3) - 0.006), colour * style["rim"])
    elif name == "cup":
        paint(canvas, cover(distance + style["cup"] * 0.35), colour * style["rim"] * 0.8)
