"""From a picture file to a View: bytes and header are read, nothing is decoded."""

import hashlib
import stat
from functools import lru_cache
from pathlib import Path

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Recipe, Role, View
from vlm_eval.views.header import read_header
from vlm_eval.views.identity import view_identity
from vlm_eval.views.render import renderer_of


def image_view(path: Path, role: Role) -> View:
    """Return the view of a picture file as it is to be sent.

    Never raises for a file's state: a missing, damaged or oversized file gives a view of size (0, 0) whose read()
    raises BadInputError. Such a view's identity stays the same as long as the file does.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a file")
        recipe, identity, size = _look(path, status.st_size, status.st_mtime_ns)
    except OSError:
        recipe, identity, size = (), view_identity(f"unreadable:{path.as_posix()}", ()), (0, 0)
    return View(role, path, recipe, identity, size, renderer_of(identity))


@lru_cache(maxsize=1 << 20)
def _look(path: Path, size: int, mtime_ns: int) -> tuple[Recipe, str, tuple[int, int]]:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    try:
        header = read_header(data, path)
    except BadInputError:
        return (), view_identity(digest, ()), (0, 0)
    return header.recipe, view_identity(digest, header.recipe), header.size
