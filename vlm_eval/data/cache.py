"""Where pictures that a data set holds as bytes are kept as files: written once, named by their content."""

import hashlib
import os
from pathlib import Path

from vlm_eval.resources import cache_folder

_ENDINGS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".webp", b"GIF8": ".gif", b"BM": ".bmp"}


def keep_picture(data: bytes) -> Path:
    """Write the bytes of a picture under their SHA-256 unless they are there already, and return the file."""
    digest = hashlib.sha256(data).hexdigest()
    ending = next((ending for start, ending in _ENDINGS.items() if data.startswith(start)), ".img")
    file = cache_folder() / "pictures" / digest[:2] / f"{digest}{ending}"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Two processes may write the same picture; each writes its own file, and the renaming is atomic.
        draft = file.with_suffix(f".{os.getpid()}.part")
        draft.write_bytes(data)
        draft.replace(file)
    return file
