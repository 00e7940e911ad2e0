"""What reached a local model of its pictures: pixels after the processor, and tokens. Knows no torch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vlm_eval.backends.local_prompt import Prepared
from vlm_eval.flow import Answer

Sizes = tuple[tuple[int, int], ...]


def note_seen(
    answers: Sequence[Answer], items: Sequence[Prepared], inputs: Any, processor: Any, image_token: int | None
) -> list[Answer]:
    """Return the answers of a batch with the sizes and the number of tokens of the pictures that the model saw.

    Args:
        answers: in the order of the items.
        items: the batch.
        inputs: what the processor made of it.
        processor: of transformers.
        image_token: id of the token that stands for pictures in the input; None: the checkpoint names none.
    """
    counts = [len(item.pictures) for item in items]
    if not any(counts):
        return list(answers)
    sizes = sizes_seen(inputs, counts, processor)
    tokens: list[int | None] = [None] * len(items)
    if image_token is not None:
        tokens = (inputs["input_ids"] == image_token).sum(dim=1).tolist()
    return [
        replace(answer, image_sizes=size, image_tokens=token)
        for answer, size, token in zip(answers, sizes, tokens, strict=True)
    ]


def sizes_seen(inputs: Any, counts: Sequence[int], processor: Any) -> list[Sizes | None]:
    """Return width and height of each item's pictures after the processor; None where it cuts them into pieces.

    Args:
        inputs: what the processor made of the batch.
        counts: pictures of each item.
        processor: of transformers.
    """
    flat = _all_sizes(inputs, sum(counts), processor)
    if flat is None:
        return [None] * len(counts)
    ends = [sum(counts[: number + 1]) for number in range(len(counts))]
    return [tuple(flat[end - count : end]) for count, end in zip(counts, ends, strict=True)]


def _all_sizes(inputs: Any, count: int, processor: Any) -> list[tuple[int, int]] | None:
    grid, side = inputs.get("image_grid_thw"), getattr(processor.image_processor, "patch_size", None)
    if grid is not None and isinstance(side, int) and len(grid) == count:
        return [(columns * side, rows * side) for _, rows, columns in grid.tolist()]
    shape: tuple[int, ...] = tuple(getattr(inputs.get("pixel_values"), "shape", ()))
    if len(shape) == 4 and shape[0] == count:
        return [(int(shape[3]), int(shape[2]))] * count
    return None
