import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.views import project
from vlm_eval.views.camera import place_camera, rotation_of, see, views_of
from vlm_eval.views.cloud_files import Cloud
from vlm_eval.views.cloud_shape import prepare, read_shape
from vlm_eval.views.project import draw_projection, panel_masks, project_mask, size_of_projection
from vlm_eval.views.settings import Project

HERE = Path("cloud.npy")


def draw_shape(shape, settings):
    return project.draw_shape(shape, settings).convert("RGB")


def sphere(count=40_000, bump=0.0):
    """Points on a unit sphere (Fibonacci); those near +x within 0.25 are pushed out by `bump`."""
    number = np.arange(count) + 0.5
    height = 1 - 2 * number / count
    turn = np.pi * (1 + 5**0.5) * number
    ring = np.sqrt(1 - height**2)
    points = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    near = np.linalg.norm(points - [1, 0, 0], axis=1) < 0.25
    points[near] *= 1 + bump
    return points, near


def slow_depth(points, camera, splat):
    """A z-buffer as the textbook has it: point by point, pixel by pixel."""
    depth = np.full((camera.size, camera.size), np.inf, np.float32)
    for point in points:
        right, down, away = (camera.rotation * np.float32(camera.scale)).astype(np.float32) @ point
        row, column = int(np.floor(down + camera.shift[1])), int(np.floor(right + camera.shift[0]))
        for y in range(row - splat // 2, row + splat // 2 + 1):
            for x in range(column - splat // 2, column + splat // 2 + 1):
                if 0 <= y < camera.size and 0 <= x < camera.size:
                    depth[y, x] = min(depth[y, x], away)
    return depth


@pytest.mark.parametrize("splat", [1, 3, 5])
def test_the_fast_buffer_is_the_textbook_one(splat) -> None:
    points = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    camera = place_camera(points, Project(size=48, azimuth=30, elevation=20))
    assert np.allclose(see(points, camera, splat), slow_depth(points, camera, splat), atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "right", "down", "away"),
    [
        (Project(), (1, 0, 0), (0, 0, -1), (0, 1, 0)),
        (Project(elevation=90), (1, 0, 0), (0, -1, 0), (0, 0, -1)),
        (Project(azimuth=90), (0, 1, 0), (0, 0, -1), (-1, 0, 0)),
        (Project(up="-y"), (1, 0, 0), (0, 1, 0), (0, 0, 1)),
        (Project(up="y"), (1, 0, 0), (0, -1, 0), (0, 0, -1)),
        (Project(turn_z=90), (0, -1, 0), (0, 0, -1), (1, 0, 0)),
    ],
)
def test_the_camera_stands_where_it_is_said_to(settings, right, down, away) -> None:
    assert np.allclose(rotation_of(settings), [right, down, away], atol=1e-6)


def test_cpmf_has_the_27_turns_by_15_degrees() -> None:
    views = views_of(Project(views="cpmf27"))
    turns = {(view.turn_x, view.turn_y, view.turn_z) for view in views}
    assert len(views) == len(turns) == 27 and {angle for turn in turns for angle in turn} == {0, -15, 15}


def test_views_may_be_named_around_or_by_pairs() -> None:
    assert [view.azimuth for view in views_of(Project(views="around 4", azimuth=10))] == [10, 100, 190, 280]
    assert [(v.azimuth, v.elevation) for v in views_of(Project(views="0/90, -45/30"))] == [(0, 90), (-45, 30)]


@pytest.mark.parametrize("views", ["around 0", "around x", "12", "0/95", "left/right"])
def test_other_words_for_views_are_refused(views) -> None:
    with pytest.raises(InputError, match=r"allowed are 'cpmf27'|elevations go from"):
        views_of(Project(views=views))


def test_a_stray_point_does_not_shrink_the_object() -> None:
    points, _ = sphere()
    far = np.concatenate([points, [[500.0, 0, 0], [0, -800, 0]]])
    plain = draw_shape(prepare(Cloud(points), HERE), Project(size=96))
    assert np.mean(np.asarray(plain) != np.asarray(draw_shape(prepare(Cloud(far), HERE), Project(size=96)))) < 0.02


def test_a_small_true_bump_is_no_stray() -> None:
    points, _ = sphere(bump=0.4)
    assert len(prepare(Cloud(points), HERE).points) == len(points)


def test_digits_far_from_the_origin_are_kept() -> None:
    points, _ = sphere()
    shifted = draw_shape(prepare(Cloud(points + np.array([665187.5, 5648349.25, 241.75])), HERE), Project(size=96))
    plain = draw_shape(prepare(Cloud(points), HERE), Project(size=96))
    assert np.mean(np.asarray(plain) != np.asarray(shifted)) < 0.05


@pytest.mark.parametrize("style", ["shaded", "depth", "height"])
def test_a_sphere_fills_its_disc_without_holes(style) -> None:
    points, _ = sphere(8_000)
    drawn = np.asarray(draw_shape(prepare(Cloud(points), HERE), Project(style=style, size=224)))
    rows, columns = np.indices((224, 224)) - 111.5
    disc = np.hypot(rows, columns) < 95
    background = 0 if style == "depth" else 255
    empty = (drawn == background).all(axis=-1)
    assert not empty[disc].any()
    assert empty[np.hypot(rows, columns) > 112].all()


def test_the_far_side_does_not_show_through_points_that_lie_by_chance() -> None:
    points = np.random.default_rng(0).normal(size=(60_000, 3))
    shape = prepare(Cloud(points / np.linalg.norm(points, axis=1)[:, None]), HERE)
    depth = project.look(shape, Project(size=448)).depth
    rows, columns = np.indices((448, 448)) - 223.5
    radius = 448 * 0.45
    near = np.hypot(rows, columns) < 0.95 * radius
    front = -np.sqrt(np.maximum(radius**2 - rows**2 - columns**2, 0))
    assert (np.abs(depth - front)[near] > 0.06 * 448).mean() < 0.0005


def test_what_comes_near_the_edge_is_not_drawn_out_to_it() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (400, 3)) * [1, 1, 0.05]
    drawn = np.asarray(draw_shape(prepare(Cloud(points), HERE), Project(size=448, elevation=90)))
    assert (drawn[:, :6] == 255).all() and (drawn[:, -6:] == 255).all()


def test_a_true_hole_stays_open() -> None:
    turn = np.linspace(0, 2 * np.pi, 400)
    inner = np.linspace(0.5, 1, 120)
    ring = np.array([(r * np.cos(a), r * np.sin(a), 0) for a in turn for r in inner])
    drawn = np.asarray(draw_shape(prepare(Cloud(ring), HERE), Project(elevation=90, size=224)))
    assert (drawn[112, 112] == 255).all() and not (drawn[112, 30] == 255).all()


def test_near_is_bright_in_a_depth_picture() -> None:
    points, _ = sphere()
    grey = np.asarray(draw_shape(prepare(Cloud(points), HERE), Project(style="depth", size=96)).convert("L"))
    assert grey[48, 48] == 255 and 60 < grey[48, 10] < 200


def test_light_comes_from_the_top_left() -> None:
    points, _ = sphere()
    grey = np.asarray(draw_shape(prepare(Cloud(points), HERE), Project(size=96)).convert("L")).astype(int)
    assert grey[30, 30] > grey[66, 66] + 40


def test_a_dent_and_a_bump_change_the_picture_where_they_are() -> None:
    plain, near = sphere()
    side = Project(azimuth=90, size=224, extent=2.4)
    reference = np.asarray(draw_shape(prepare(Cloud(plain), HERE), side)).astype(int)[..., 0]
    for bump in (-0.15, 0.15):
        points, _ = sphere(bump=bump)
        shape = prepare(Cloud(points), HERE)
        changed = np.abs(np.asarray(draw_shape(shape, side)).astype(int)[..., 0] - reference) > 25
        mask = project_mask(shape, side, points[near])
        assert changed[mask].mean() > 0.2
        assert changed[~ndimage.binary_dilation(mask, iterations=9)].mean() < 0.01  # its flank, and the smoothing


def test_known_points_project_to_a_disc_and_vanish_behind_the_object() -> None:
    points, near = sphere()
    shape = prepare(Cloud(points), HERE)
    seen = project_mask(shape, Project(azimuth=90, size=224), points[near])
    rows, columns = np.nonzero(seen)
    assert abs(rows.mean() - 112) < 2 and abs(columns.mean() - 112) < 2
    radius = 0.25 * (1 - 0.25**2 / 4) ** 0.5 * 224 * 0.9 / 2
    assert seen.sum() == pytest.approx(np.pi * radius**2, rel=0.2)
    assert project_mask(shape, Project(azimuth=-90, size=224), points[near]).sum() == 0


def test_the_mask_of_a_sheet_lies_in_the_panels_that_show_the_place() -> None:
    points, near = sphere()
    shape = prepare(Cloud(points), HERE)
    settings = Project(views="90/0, -90/0", layout="sheet", size=96)
    mask = panel_masks(shape, settings, points[near])
    width, height = size_of_projection(settings)
    assert mask.shape == (height, width) and mask[:, :96].any() and not mask[:, 96:].any()


def test_a_mesh_is_drawn_as_a_closed_surface() -> None:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    faces = np.array([[0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6],
                      [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]])  # fmt: skip
    drawn = np.asarray(draw_shape(prepare(Cloud(corners, faces), HERE), Project(size=96)))
    assert not (drawn[8:88, 8:88] == 255).all(axis=-1).any()


def test_broken_faces_are_left_out() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan, 0, 0]])
    faces = np.array([[0, 1, 2], [0, 0, 1], [0, 1, 3], [0, 1, 99]])
    assert len(prepare(Cloud(corners, faces), HERE).points) > 100_000
    assert len(prepare(Cloud(corners, faces[1:]), HERE).points) == 3


def test_the_plane_under_an_object_is_taken_out() -> None:
    ball, _ = sphere(5_000)
    across, down = np.meshgrid(np.linspace(-4, 4, 120), np.linspace(-4, 4, 120))
    ground = np.stack([across.ravel(), down.ravel(), -1 + 0.1 * across.ravel()], axis=1)
    shape = prepare(Cloud(np.concatenate([ground, ball])), HERE, plane=0.02)
    assert 4_500 < len(shape.points) <= 5_000
    with pytest.raises(BadInputError, match="nothing but a plane"):
        prepare(Cloud(ground), HERE, plane=0.02)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_cloud_of_a_few_points_gives_a_picture(count) -> None:
    points = np.arange(3 * count, dtype=float).reshape(count, 3)
    for style in ("shaded", "depth", "height"):
        drawn = np.asarray(draw_shape(prepare(Cloud(points), HERE), Project(style=style, size=64)))
        assert 0 < (drawn != drawn[0, 0]).any(axis=-1).sum() < 64 * 64 / 2


def test_points_that_are_not_finite_are_left_out_and_none_left_is_refused() -> None:
    points, _ = sphere(1_000)
    points[::3] = np.nan
    points[1::3, 0] = np.inf
    assert len(prepare(Cloud(points), HERE).points) == 333
    with pytest.raises(BadInputError, match="none with finite coordinates"):
        prepare(Cloud(np.full((4, 3), np.nan)), HERE)


def test_equal_files_give_equal_bytes() -> None:
    points, _ = sphere(2_000)
    out = io.BytesIO()
    np.save(out, points)
    settings = Project(views="around 3", layout="sheet", size=64, style="height")
    first, second = (draw_projection(out.getvalue(), HERE, settings) for _ in range(2))
    assert first.tobytes() == second.tobytes() and first.size == size_of_projection(settings)


def test_real_scans_are_drawn(shared_data) -> None:
    for name in ("bunny.ply", "rabbit.obj", "torus.STL", "points_emptyface.ply"):
        path = shared_data / "pointclouds" / name
        drawn = draw_shape(read_shape(path.read_bytes(), path), Project(up="y", size=128))
        assert isinstance(drawn, Image.Image) and 0.1 < (np.asarray(drawn) < 250).any(axis=-1).mean() < 0.9


def test_coordinates_that_32_bits_do_not_hold_count_as_not_finite() -> None:
    sound = np.random.default_rng(0).normal(0, 1, (100, 3))
    kept = prepare(Cloud(np.vstack([sound, [[1e300, 0, 0]], [[0, -1e31, 0]]])), Path("a.xyz"))
    assert len(kept.points) == 100 and np.isfinite(kept.points).all()
    with pytest.raises(BadInputError, match="none with finite coordinates"):
        prepare(Cloud(np.array([[1e300, 0, 0], [-1e300, 0, 0]])), Path("a.xyz"))
