import io
import struct

import numpy as np
import pytest
import tifffile
import trimesh

from vlm_eval.errors import BadInputError
from vlm_eval.views.cloud_files import read_cloud

POINTS = np.array([[0, 0, 0], [1.5, 0, 0], [0, 2.25, 0], [0, 0, -3]], np.float64)
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def read(tmp_path, name, data):
    return read_cloud(data if isinstance(data, bytes) else data.encode(), tmp_path / name)


def ply(form, body=b"", count=4):
    head = f"ply\nformat {form} 1.0\nelement vertex {count}\n"
    return (head + "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n").encode() + body


def pcd(storage, body, count=4):
    head = f"VERSION 0.7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F U\nCOUNT 1 1 1 1\nWIDTH {count}\nHEIGHT 1\n"
    return f"# .PCD v0.7\n{head}VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {count}\nDATA {storage}\n".encode() + body


def literal_lzf(plain):
    """Pack without any back reference: runs of at most 32 bytes, each behind its length less one."""
    return b"".join(bytes([len(plain[i : i + 32]) - 1]) + plain[i : i + 32] for i in range(0, len(plain), 32))


RECORDS = np.array([(*point, 7) for point in POINTS], dtype=[(axis, "<f4") for axis in "xyz"] + [("rgb", "<u4")])
BY_FIELD = b"".join(RECORDS[name].tobytes() for name in RECORDS.dtype.names)
TEXT = "\n".join(" ".join(map(str, point)) for point in POINTS)


def numpy_bytes(save, *args, **arrays):
    out = io.BytesIO()
    save(out, *args, **arrays)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.ply", ply("ascii", TEXT.encode())),
        ("a.ply", ply("binary_little_endian", POINTS.astype("<f4").tobytes())),
        ("a.ply", ply("binary_big_endian", POINTS.astype(">f4").tobytes())),
        ("a.pcd", pcd("ascii", "\n".join(f"{line} 7" for line in TEXT.split("\n")).encode())),
        ("a.pcd", pcd("binary", RECORDS.tobytes())),
        ("a.pcd", pcd("binary_compressed", struct.pack("<II", 66, 64) + literal_lzf(BY_FIELD))),
        ("a.xyz", TEXT),
        ("a.xyz", "// made by hand\n" + TEXT),
        ("a.txt", TEXT.replace(" ", ";")),
        ("a.csv", "red,z,y,x\n" + "\n".join(f"9,{z},{y},{x}" for x, y, z in POINTS)),
        ("a.npy", numpy_bytes(np.save, np.hstack([POINTS, POINTS]))),
        ("a.npz", numpy_bytes(np.savez, points=POINTS, normals=POINTS)),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_points(tmp_path, name, data) -> None:
    cloud = read(tmp_path, name, data)
    assert np.allclose(cloud.points, POINTS)
    assert cloud.faces is None


@pytest.mark.parametrize("kind", ["ply", "obj", "stl", "off"])
def test_meshes_as_another_program_writes_them_keep_their_surface(tmp_path, kind) -> None:
    mesh = trimesh.Trimesh(POINTS, FACES, process=False)
    exported = mesh.export(file_type=kind)
    cloud = read(tmp_path, f"a.{kind.upper()}", exported)
    corners = cloud.points[cloud.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(mesh.area)


def test_an_xyz_tiff_keeps_its_grid_and_takes_zeros_for_nothing_seen(tmp_path) -> None:
    grid = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3) + 1
    grid[1, 2] = 0
    out = io.BytesIO()
    tifffile.imwrite(out, grid, photometric="rgb")
    cloud = read(tmp_path, "a.tiff", out.getvalue())
    assert cloud.organised == (2, 3)
    assert np.array_equal(cloud.points[:5], grid.reshape(-1, 3)[:5])
    assert np.isnan(cloud.points[5]).all()


def test_back_references_of_compressed_points_are_followed(tmp_path) -> None:
    # 64 equal bytes: one literal, then "the last byte, 63 times" as one long back reference.
    packed = bytes([0, 0, (7 << 5), 63 - 9, 0])
    cloud = read(tmp_path, "a.pcd", pcd("binary_compressed", struct.pack("<II", len(packed), 64) + packed))
    assert np.array_equal(cloud.points, np.zeros((4, 3)))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.ply", ply("binary_little_endian", b"\0" * 30, 500), "cannot be read as PLY"),
        ("a.ply", ply("ascii", b"0 0 0\n1 1 1\n", 500), "states 500 points and faces in its header but holds 2"),
        (
            "a.ply",
            ply("ascii", b"0 0 0\n1 1 1\n2 2 2\n", 2),
            "states 2 points and faces in its header but holds 3",
        ),
        ("a.ply", ply("ascii", b"", 0), "has no points"),
        ("a.ply", ply("ascii", b"", -5), "no sound PLY header"),
        ("a.ply", ply("ascii", b"", 10**15), "states 1,000,000,000,000,000 points|cannot be read"),
        ("a.ply", b"plenty", "no sound PLY header"),
        ("a.pcd", pcd("binary", b"\0" * 30), "need 64 bytes, but holds 30"),
        ("a.pcd", pcd("ascii", b"1 2 3 4\n"), "states 4 points but holds 1"),
        ("a.pcd", pcd("binary_compressed", struct.pack("<II", 9, 64) + b"\0"), "cut off"),
        ("a.pcd", b"nothing", "no PCD header"),
        ("a.pcd", pcd("binary", b"", 0), "no points"),
        ("a.xyz", b"", "no points"),
        ("a.xyz", b"1 2\n3 4\n", "2 columns"),
        ("a.csv", b"x,y,z\n1,2,many\n", "cannot be read as CSV"),
        ("a.npy", numpy_bytes(np.save, np.zeros(5)), "shape"),
        ("a.npy", numpy_bytes(np.save, np.ones((9, 3), complex)), "numbers of shape"),
        ("a.npz", numpy_bytes(np.savez, one=POINTS, two=POINTS), "one of them must be called 'points'"),
        ("a.stl", b"", "a.stl has no points|cannot be read as STL"),
        ("a.obj", b"hello\n", "a.obj has no points"),
        ("a.docx", b"x", "allowed are .csv"),
    ],
)
def test_bad_files_are_refused_with_what_is_wrong(tmp_path, name, data, said) -> None:
    with pytest.raises(BadInputError, match=said) as refused:
        read(tmp_path, name, data)
    assert name in str(refused.value)


def test_pickled_arrays_are_not_opened(tmp_path) -> None:
    data = numpy_bytes(np.save, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInputError, match="cannot be read as NPY"):
        read(tmp_path, "a.npy", data)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("bunny.ply", 8171), ("suzanne.ply", 1966), ("points_ascii.ply", 5), ("points_bin.ply", 5),
        ("points_agisoft.xyz", 100), ("points_cloudcompare.xyz", 101), ("points_emptyface.ply", 1024),
        ("rabbit.obj", 732), ("torus.STL", 26100), ("metadata.ply", 4),
    ],
)  # fmt: skip
def test_real_files_are_read(shared_data, name, points) -> None:
    path = shared_data / "pointclouds" / name
    assert len(read_cloud(path.read_bytes(), path).points) == points
