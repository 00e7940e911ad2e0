"""Draw plotted series, shaded depth pictures and laid tables, normal and not, for the training of pocket-llava."""

import numpy as np
from PIL import Image, ImageDraw
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
SERIES_DEFECTS = ("spike", "level shift", "flat line")
DEPTH_DEFECTS = ("dent", "bump")
SCENE_DEFECTS = ("misplaced object",)


def series_style(rng: Rng) -> Style:
    """Draw how a chart looks and what its signal is."""
    dark = rng.random() < 0.2
    paper = hue_colour(
        rng.random(), rng.uniform(0, 0.1), rng.uniform(0.0, 0.2) if dark else rng.uniform(0.88, 1.0)
    )
    return {
        "paper": paper,
        "ink": far_colour(rng, [paper], 0.55),
        "width": rng.uniform(1.2, 5.0),
        "wave": int(rng.choice(7, p=[0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.4])),
        "harmonics": rng.normal(0, 1, (2, 5)) / np.arange(1, 6) ** rng.uniform(0.3, 1.5),
        "cycles": rng.uniform(1.5, 9.0) if rng.random() < 0.7 else rng.uniform(8.0, 16.0),
        "second": rng.uniform(0, 0.5) * (rng.random() < 0.5),
        "noise": rng.choice([0.0, rng.uniform(0.01, 0.1), rng.uniform(0.05, 0.25)], p=[0.25, 0.5, 0.25]),
        "count": int(rng.integers(60, 260)),
        "fit": rng.random() < 0.6,
        "frame": int(rng.integers(4)),
        "grid": int(rng.integers(0, 3) * rng.integers(2, 6)),
        "margin": rng.uniform(0.02, 0.14, 4),
        "trend": rng.uniform(-0.5, 0.5) * (rng.random() < 0.15),
        "points": rng.random() < 0.08,
    }


def signal(rng: Rng, style: Style) -> np.ndarray:
    """Return a normal signal of amplitude about 1."""
    time = np.linspace(0, 1, style["count"])
    turn = time * style["cycles"] + rng.random()
    match style["wave"]:
        case 0 | 1:
            value = np.sin(2 * np.pi * turn)
        case 2:
            value = 2 * np.abs(2 * (turn % 1) - 1) - 1
        case 3:
            value = np.sin(2 * np.pi * turn) + 0.35 * np.sin(4 * np.pi * turn + 1)
        case 4:
            value = 2 * (turn % 1) - 1 if rng.random() < 0.3 else np.sin(2 * np.pi * turn)
        case 6:
            angles = 2 * np.pi * turn[:, None] * np.arange(1, 6)
            value = np.sin(angles) @ style["harmonics"][0] + np.cos(angles) @ style["harmonics"][1]
            value = value * 2 / np.ptp(value)
        case _:
            value = 0.25 * np.sin(2 * np.pi * turn)
    value = value + style["second"] * np.sin(2 * np.pi * time * style["cycles"] * 2.6 + rng.uniform(0, 6))
    value = value + style["trend"] * (time - 0.5)
    noise = max(style["noise"], 0.12) if style["wave"] == 5 else style["noise"]
    return value + rng.standard_normal(len(time)) * noise


def upset(rng: Rng, value: np.ndarray, defect: str) -> tuple[np.ndarray, int, int]:
    """Put one anomaly in a signal; return it with the first and last index."""
    count, spread = len(value), float(np.ptp(value))
    changed = value.copy()
    if defect == "spike":
        width = max(1, int(rng.uniform(0.003, 0.022) * count))
        start = int(rng.integers(int(0.04 * count), int(0.95 * count) - width))
        height = rng.uniform(0.4, 1.6) * spread * rng.choice([-1, 1])
        shape = 1 - np.abs(np.linspace(-1, 1, width + 2)[1:-1])
        changed[start : start + width] += height * (shape / shape.max())
        return changed, max(start - 1, 0), start + width
    if defect == "level shift":
        start = int(rng.uniform(0.12, 0.85) * count)
        end = count if rng.random() < 0.6 else min(count, start + int(rng.uniform(0.15, 0.4) * count))
        changed[start:end] += rng.uniform(0.3, 1.3) * spread * rng.choice([-1, 1])
        return changed, start, end - 1
    width = int(rng.uniform(0.1, 0.35) * count)
    start = int(rng.integers(int(0.03 * count), int(0.97 * count) - width))
    level = value[start] if rng.random() < 0.6 else rng.choice([value.mean(), value.min(), value.max(), 0.0])
    changed[start : start + width] = level + rng.standard_normal(width) * 0.005 * spread
    return changed, start, start + width


def draw_series(rng: Rng, style: Style, defect: str | None) -> tuple[Picture, Field]:
    """Draw one chart; return its picture and the mask of its anomaly."""
    value = signal(rng, style)
    low, high = float(value.min()), float(value.max())
    first = last = 0
    if defect:
        value, first, last = upset(rng, value, defect)
    if style["fit"] or defect:
        low, high = min(low, float(value.min())), max(high, float(value.max()))
    slack = (high - low) * (rng.uniform(0.02, 0.1) if style["fit"] else rng.uniform(0.1, 0.7))
    left, right, top, bottom = style["margin"]
    across = left + np.linspace(0, 1, len(value)) * (1 - left - right)
    down = 1 - bottom - (value - low + slack) / (high - low + 2 * slack) * (1 - top - bottom)
    canvas = np.empty((SIDE, SIDE, 3), np.float32)
    canvas[:] = style["paper"]
    furnish(rng, canvas, style)
    stroke = line_cover(across, down, style["width"])
    paint(canvas, stroke, style["ink"])
    if not defect:
        return photograph(canvas, rng, 0.35), np.zeros_like(COLUMN)
    part = down[first : last + 1]
    inside = (across[first] - 0.02 <= COLUMN) & (across[min(last, len(across) - 1)] + 0.02 >= COLUMN)
    inside &= (part.min() - 0.03 <= ROW) & (part.max() + 0.03 >= ROW)
    return photograph(canvas, rng, 0.35), (inside * np.maximum(stroke, 0.05)).astype(np.float32)


def line_cover(across: np.ndarray, down: np.ndarray, width: float) -> Field:
    """Rasterise a polyline at four times the size and shrink it."""
    scale = 4
    large = Image.new("L", (SIDE * scale, SIDE * scale))
    points = np.stack([across, down], 1) * SIDE * scale
    ImageDraw.Draw(large).line(
        [tuple(point) for point in points.tolist()], fill=255, width=round(width * scale / 2.2)
    )
    return np.asarray(large.reduce(scale), np.float32) / 255


def furnish(rng: Rng, canvas: Field, style: Style) -> None:
    """Draw grid, axes and marks that look like tick labels."""
    left, right, top, bottom = style["margin"]
    grey = style["paper"] * 0.82 if style["paper"].mean() > 0.5 else style["paper"] + 0.2
    for step in np.linspace(0, 1, style["grid"] + 1)[1:-1] if style["grid"] else ():
        column = left + step * (1 - left - right)
        row = top + step * (1 - top - bottom)
        paint(canvas, cover(np.abs(COLUMN - np.float32(column)) - 0.004), grey, 0.6)
        paint(canvas, cover(np.abs(ROW - np.float32(row)) - 0.004), grey, 0.6)
    ink = np.float32(0.15 if style["paper"].mean() > 0.5 else 0.85)
    if style["frame"] in (1, 2):
        paint(canvas, cover(np.abs(COLUMN - np.float32(left)) - 0.005), ink)
        paint(canvas, cover(np.abs(ROW - np.float32(1 - bottom)) - 0.005), ink)
    if style["frame"] == 2:
        paint(canvas, cover(np.abs(COLUMN - np.float32(1 - right)) - 0.005), ink)
        paint(canvas, cover(np.abs(ROW - np.float32(top)) - 0.005), ink)
    if style["frame"] and bottom > 0.08:
        for step in np.linspace(0.05, 0.95, 5):
            paint(canvas, cover(box(COLUMN - step, ROW - (1 - bottom / 2.5), 0.02, 0.012)), ink, 0.6)


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
