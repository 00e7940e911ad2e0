"""Thumbnails of what was sent, so that a run folder can be looked at without its data."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from vlm_eval.errors import BadInputError
from vlm_eval.flow import View
from vlm_eval.views.identity import view_identity
from vlm_eval.views.image import image_view
from vlm_eval.views.thumbnail import thumbnail

_WAITING = 64


class MediaWriter:
    """Writes `media/<digest>` on a thread of its own, each picture once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "media"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thumbnails")
        self._waiting: list[Future[None]] = []

    def add(self, view: View, digest: str) -> None:
        """Queue the thumbnail of a view whose sent bytes have this digest; waits when many are queued."""
        if (self.folder / digest).exists():
            return
        if len(self._waiting) >= _WAITING:
            self._waiting.pop(0).result()
        self._waiting.append(self._pool.submit(_write, self.folder / digest, view, digest))

    def close(self) -> None:
        """Finish what is queued."""
        self._pool.shutdown(wait=True)
        for future in self._waiting:
            future.result()


def _write(path: Path, view: View, digest: str) -> None:
    try:
        data = thumbnail(_bytes_sent(view, digest))
    except BadInputError:
        return  # the picture went away after it was sent; the answer is kept, the thumbnail is not
    partial = path.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(path)


def _bytes_sent(view: View, digest: str) -> bytes:
    """Return what was sent. An untouched file is that itself, as long as its size and time of change stay."""
    if view.recipe:
        return view.read()
    if image_view(view.path, view.role).identity != view.identity or view_identity(digest, ()) != view.identity:
        raise BadInputError(f"{view.path} is no longer what was sent.")
    try:
        return view.path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{view.path} cannot be read ({error}).") from error
