"""Pictures as data URLs: read, digested and encoded off the event loop, once however many requests show them."""

import asyncio
import base64
from collections import OrderedDict
from dataclasses import dataclass, field

from vlm_eval.backends.pictures import read_picture
from vlm_eval.flow import Prompt, View


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture as it stands in a request."""

    digest: str  # SHA-256 of the picture's bytes
    url: bytes = field(repr=False)


class PictureCache:
    """Encodes pictures; keeps the latest used ones up to a number of bytes. For one event loop."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
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
            coming = asyncio.get_running_loop().run_in_executor(None, _encode, view)
            self._coming[view.identity] = coming
            coming.add_done_callback(lambda done: self._keep(view.identity, done))
        # Shielded: a request that is given up must not take the picture from others that wait for it.
        return await asyncio.shield(coming)

    def _keep(self, identity: str, done: asyncio.Future[EncodedPicture]) -> None:
        del self._coming[identity]
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[identity] = done.result()
        self._size += len(done.result().url)
        while self._size > self._capacity:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped.url)


def _encode(view: View) -> EncodedPicture:
    picture = read_picture(view)
    prefix = f"data:{picture.media_type};base64,".encode("ascii")
    return EncodedPicture(picture.digest, prefix + base64.b64encode(picture.data))
