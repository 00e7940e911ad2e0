"""Measures how fast views are drawn, as ratios to a floor that is measured in the same run.

Run: python scripts/bench_render.py [--processes 2]. No model, no network, no OpenGL. The floors are bare: for
clouds a NumPy z-buffer that writes each point into 3 x 3 pixels, for series the encoding of a drawn plot as PNG.
Two rates are printed, both summed over the processes: pictures a second of CPU time, in which other work on the
machine weighs little, and pictures a second by the clock, which hold for an idle machine alone.
"""

import argparse
import io
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from vlm_eval.views.camera import place_camera
from vlm_eval.views.cloud_files import Cloud
from vlm_eval.views.cloud_shape import Shape, prepare, read_shape
from vlm_eval.views.marks import draw_marks
from vlm_eval.views.plot import draw_series
from vlm_eval.views.project import draw_shape
from vlm_eval.views.series_files import Series
from vlm_eval.views.settings import Marks, Plot, Project

POINTS, SECONDS = 100_000, 1.5


def wavy_sphere(count: int) -> np.ndarray:
    """Return points on a sphere with waves, shape (count, 3)."""
    points = np.random.default_rng(0).normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    return points * (1 + 0.05 * np.sin(8 * points[:, :1]))


def bare_splats(shape: Shape, settings: Project) -> np.ndarray:
    """Draw a depth buffer by sorting the points and writing each into 3 x 3 pixels: the floor."""
    camera = place_camera(shape.points, settings)
    right, down, depth = (camera.rotation * np.float32(camera.scale)) @ shape.points.T
    order = np.argsort(-depth)
    row, column = (down + camera.shift[1]).astype(int)[order], (right + camera.shift[0]).astype(int)[order]
    buffer = np.full((settings.size, settings.size), np.inf, np.float32)
    for shift in range(9):
        rows, columns = row + shift // 3 - 1, column + shift % 3 - 1
        inside = (rows >= 0) & (rows < settings.size) & (columns >= 0) & (columns < settings.size)
        buffer[rows[inside], columns[inside]] = np.minimum(
            buffer[rows[inside], columns[inside]], depth[order][inside]
        )
    return buffer


def encoded(image: Image.Image) -> bytes:
    """Encode as a view does."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def signal(length: int) -> Series:
    """Return a dated series with noise."""
    values = np.sin(np.arange(length) / 90) + np.random.default_rng(0).normal(0, 0.2, length)
    return Series(1.4e9 + 300.0 * np.arange(length), values[:, None], ("value",), "timestamp", True)


def works() -> dict[str, Callable[[int], object]]:
    """Return what is timed, by name; each takes the number of the picture."""
    shape, series = prepare(Cloud(wavy_sphere(POINTS)), Path("points")), signal(10_000)
    plot = draw_series(series, Plot())
    return {
        "floor: bare 3 x 3 splats, depth buffer only": lambda n: bare_splats(shape, Project(azimuth=n % 360)),
        "cloud, depth": lambda n: draw_shape(shape, Project(style="depth", azimuth=n % 360, splat=3)),
        "cloud, shaded": lambda n: draw_shape(shape, Project(azimuth=n % 360, splat=3)),
        "cloud, height": lambda n: draw_shape(shape, Project(style="height", azimuth=n % 360, splat=3)),
        "cloud, shaded, as PNG": lambda n: encoded(draw_shape(shape, Project(azimuth=n % 360, splat=3))),
        "floor: a plot as PNG, encoding only": lambda n: encoded(plot),
        "series of 10,000, whole": lambda n: draw_series(series, Plot()),
        "series of 10,000, whole, as PNG": lambda n: encoded(draw_series(series, Plot())),
        "series of 10,000, one of 20 windows, as PNG": lambda n: encoded(
            draw_series(series, Plot(windows=20, window=n % 20))
        ),
        "marks on a grid of 9": lambda n: draw_marks(plot, Marks()),
    }


def rate(name: str) -> tuple[float, float]:
    """Return pictures a second of one process, of CPU time and by the clock; the first picture is not counted."""
    work = works()[name]
    work(0)
    start, clock, count = time.process_time(), time.perf_counter(), 0
    while time.process_time() - start < SECONDS:
        count += 1
        work(count)
    return count / (time.process_time() - start), count / (time.perf_counter() - clock)


def large_cloud(count: int) -> None:
    """Draw a binary PLY of so many points once and print time and memory."""
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    data = head.encode() + wavy_sphere(count).astype("<f4").tobytes()
    start = time.perf_counter()
    shape = read_shape(data, Path("large.ply"))
    read = time.perf_counter()
    draw_shape(shape, Project())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    drawn = time.perf_counter() - read
    print(f"{count:,} points: read {read - start:.1f} s, drawn {drawn:.1f} s, at most {memory:.2f} GB")


def main() -> None:
    """Print a line a kind of picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--points", type=int, default=0, help="draw one cloud of so many points instead")
    given = parser.parse_args()
    if given.points:
        large_cloud(given.points)
        return
    print(f"{given.processes} processes, {POINTS:,} points, 448 x 448, {SECONDS} s of CPU time each")
    load = f"load of the last minute: {os.getloadavg()[0]:.1f}"
    print(f"{load:48} {'of CPU time':^20} {'by the clock':^20}")
    floors = (1.0, 1.0)
    with ProcessPoolExecutor(given.processes) as pool:
        for name in works():
            rates = list(pool.map(rate, [name] * given.processes))
            found = sum(cpu for cpu, _ in rates), sum(clock for _, clock in rates)
            floors = found if name.startswith("floor") else floors
            told = " ".join(
                f"{one:6.0f}/s {one / floor:5.2f} floor" for one, floor in zip(found, floors, strict=True)
            )
            print(f"{name:48} {told}")


if __name__ == "__main__":
    main()
