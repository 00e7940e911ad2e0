"""Pictures as data URLs: read, digested and encoded off the event loop, once however many requests show them."""

import asyncio
import base64
from collections import OrderedDict
from dataclasses import dataclass, field

from vlm_eval.backends.pictures import read_picture
from vlm_eval.errors import BadInputError
from vlm_eval.flow import Prompt, Request, View


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture as it stands in a request."""

    digest: str  # SHA-256 of the picture's bytes
    url: tuple[bytes, bytes] = field(repr=False)  # what stands before the data, and the data in base64


def sizes_sent(request: Request) -> tuple[tuple[int, int], ...] | None:
    """Return width and height of a request's pictures as sent; what a server makes of them it does not tell."""
    return tuple(view.size for view in request.prompt.views) or None


class PictureCache:
    """Encodes pictures; keeps the latest used ones up to a number of bytes. For one event loop."""

    def __init__(self, capacity: int, largest: int | None = None) -> None:
        self._capacity = capacity
        self._largest = largest  # bytes of a picture that the server takes
        self._size = 0
        self._kept: OrderedDict[str, EncodedPicture] = OrderedDict()
        self._coming: dict[str, asyncio.Future[EncodedPicture]] = {}

    async def encode(self, prompt: Prompt) -> tuple[EncodedPicture, ...]:
        """Encode the pictures of a prompt, in order. Raises BadInputError."""
        return tuple([await self._encoded(view) for view in prompt.views])

    async def _encoded(self, view: View) -> EncodedPicture:
        kept = self._kept.get(view.identity)
        if kept is not None:
            self._kept.move_to_end(view.identity)
            return kept
        coming = self._coming.get(view.identity)
        if coming is None:
            coming = asyncio.get_running_loop().run_in_executor(None, encode_picture, view, self._largest)
            self._coming[view.identity] = coming
            coming.add_done_callback(lambda done: self._keep(view.identity, done))
        # Shielded: a request that is given up must not take the picture from others that wait for it.
        return await asyncio.shield(coming)

    def _keep(self, identity: str, done: asyncio.Future[EncodedPicture]) -> None:
        del self._coming[identity]
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[identity] = done.result()
        self._size += len(done.result().url[1])
        while self._size > self._capacity:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped.url[1])


def encode_picture(view: View, largest: int | None) -> EncodedPicture:
    """Read and encode a picture of at most so many bytes. Raises BadInputError."""
    picture = read_picture(view)
    if largest is not None and len(picture.data) > largest:
        raise BadInputError(
            f"{view.path} has {len(picture.data) / 1e6:.1f} MB as sent, and max_picture_megabytes is "
            f"{largest / 1e6:g}. Save it smaller, or raise the limit if the server takes more."
        )
    prefix = f"data:{picture.media_type};base64,".encode("ascii")
    return EncodedPicture(picture.digest, (prefix, base64.b64encode(picture.data)))
