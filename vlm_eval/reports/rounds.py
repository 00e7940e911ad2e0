"""Rounds of a conversation in a report: each is told apart like a cell, with the round as one more factor."""

from collections.abc import Mapping, Sequence

import pandas as pd

from vlm_eval.flow import Scalar

FACTOR = "round"
Cells = Sequence[tuple[str, Mapping[str, Scalar]]]


def round_cell(cell: str, number: int) -> str:
    """Name a round of a cell; round 0, the question itself, has the cell's own name."""
    return f"{cell}, round {number}" if number else cell


def rounds_apart(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with each later round as a cell of its own, so that no mean mixes rounds."""
    if FACTOR not in frame or not (frame[FACTOR] > 0).any():
        return frame
    names = [round_cell(str(cell), int(number)) for cell, number in zip(frame["cell"], frame[FACTOR], strict=True)]
    return frame.assign(cell=names)


def cells_by_round(cells: Cells, rounds: Mapping[str, int]) -> list[tuple[str, Mapping[str, Scalar]]]:
    """Add to each cell its later rounds, with the round as a level; unchanged where there is none.

    Args:
        cells: name and levels, in grid order.
        rounds: the last round of each cell.
    """
    if not any(rounds.values()):
        return list(cells)
    return [
        (round_cell(name, number), {**levels, FACTOR: number})
        for name, levels in cells
        for number in range(1 + rounds.get(name, 0))
    ]
