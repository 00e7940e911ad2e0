"""Score maps of a run's answers as see-through pictures: laid over the picture that they are about."""

import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.errors import RunFolderError
from vlm_eval.reports.html_pictures import Draw
from vlm_eval.runs.score_maps import FOLDER, read_score_map
from vlm_eval.runs.store import Store

_COLD, _HOT = np.array([255.0, 205.0, 0.0]), np.array([205.0, 0.0, 0.0])
_MOST_SEEN = 215  # opacity of the highest score, of 255
_MOST_READ = 4_000  # maps of a model and class that its scale is taken from


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """A score map, the view that it lies over and the scale of its colours."""

    path: Path
    view: int  # its row in the store
    model: str
    low: float  # shown as nothing: the median score of the model's maps of the class
    high: float  # shown in full: the highest one

    def drawing(self) -> Draw:
        """Return the function that draws the map."""
        return partial(draw_map, low=self.low, high=self.high)


@dataclass(frozen=True, slots=True)
class ScoreMaps:
    """The score maps of a run: by the request that gave them, and the first one of each sample."""

    of_request: dict[int, ScoreMap]
    of_sample: dict[int, ScoreMap]


_MAPPED = (
    "SELECT DISTINCT request.id, ask.sample, model.name, sample.data ->> 'object_class', sample.data ->> 'card', "
    "outcome.data ->> 'score_map_digest', prompt FROM ask JOIN request ON request.id = ask.request "
    "JOIN outcome ON outcome.request = request.id JOIN model ON model.id = ask.model "
    "JOIN sample ON sample.id = ask.sample "
    "WHERE kind = 'answer' AND purpose = 'answer' AND outcome.data ->> 'score_map_digest' IS NOT NULL "
    "ORDER BY request.id"
)


def read_maps(store: Store) -> ScoreMaps:
    """Find the score maps of a run. A map that is not there, or that cannot be read, is left out."""
    if not (store.folder / FOLDER).is_dir():
        return ScoreMaps({}, {})
    rows = store.connection.execute(_MAPPED).fetchall()
    digests: dict[tuple[str, ...], list[str]] = {}
    for _, _, *place, digest, _ in rows:
        digests.setdefault(tuple(place), []).append(digest)
    scales = {place: _scale(store.folder, own) for place, own in digests.items()}
    found = ScoreMaps({}, {})
    for request, sample, *place, digest, prompt in rows:
        view, scale = _first_query(json.loads(prompt)), scales[tuple(place)]
        if view is None or scale is None:
            continue
        one = ScoreMap(store.folder / FOLDER / digest, view, place[0], *scale)
        found.of_request[request] = one
        found.of_sample.setdefault(sample, one)
    return found


def _first_query(turns: list[Any]) -> int | None:
    parts = (part for _, own in turns for part in own if isinstance(part, list))
    return next((int(part[1]) for part in parts if part[0] != "reference"), None)


def _scale(folder: Path, digests: list[str]) -> tuple[float, float] | None:
    """Return median and maximum of the scores; None where no map can be read."""
    maps = [one for digest in digests[:_MOST_READ] if (one := _read(folder, digest)) is not None]
    if not maps:
        return None
    scores = np.concatenate([one[np.isfinite(one)].ravel() for one in maps])
    return (float(np.median(scores)), float(scores.max())) if scores.size else None


def _read(folder: Path, digest: str) -> NDArray[np.float32] | None:
    try:
        return read_score_map(folder, digest)
    except RunFolderError:
        return None  # the page says that the picture has none, and all else of it holds


def draw_map(path: Path, low: float, high: float) -> bytes | None:
    """Draw a score map as a PNG of one pixel a patch, which browsers stretch bilinearly; None where it is damaged.

    Args:
        path: of the map, `maps/<digest>` of a run folder.
        low: scores up to here are not seen.
        high: scores from here on are seen in full.
    """
    scores = _read(path.parent.parent, path.name)
    if scores is None:
        return None
    share = np.clip((np.nan_to_num(scores, nan=low) - low) / max(high - low, 1e-12), 0, 1)[..., None]
    shown = np.concatenate([_COLD + (_HOT - _COLD) * share, _MOST_SEEN * share], axis=2)
    out = io.BytesIO()
    Image.fromarray(np.round(shown).astype(np.uint8), "RGBA").save(out, "PNG")
    return out.getvalue()
