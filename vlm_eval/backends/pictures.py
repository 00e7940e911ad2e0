"""The bytes of a prompt's pictures, and the identity of a prompt whatever model it is put to."""

import hashlib
import json
from dataclasses import dataclass

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Part, Prompt, View


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture as it is sent."""

    data: bytes
    digest: str  # SHA-256 of data, 64 hex digits
    media_type: str  # image/jpeg, image/png or image/webp


def read_pictures(prompt: Prompt) -> tuple[Picture, ...]:
    """Read the pictures of a prompt in the order in which they are shown. Raises BadInputError."""
    return tuple(read_picture(view) for view in prompt.views)


def read_picture(view: View) -> Picture:
    """Render one view. Raises BadInputError, also where the bytes are no JPEG, PNG or WebP."""
    data = view.read()
    return Picture(data, hashlib.sha256(data).hexdigest(), _media_type(data, view))


def prompt_digest(prompt: Prompt) -> str:
    """Digest the roles, texts and view identities of a prompt to 64 hex digits, without reading a picture."""
    turns = [[turn.role, [_part_identity(part) for part in turn.parts]] for turn in prompt.turns]
    canonical = json.dumps(turns, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _part_identity(part: Part) -> list[str]:
    return ["picture", part.identity] if isinstance(part, View) else ["text", part]


def _media_type(data: bytes, view: View) -> str:
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise BadInputError(f"{view.path} renders to neither JPEG, PNG nor WebP, so no model can be shown it.")
