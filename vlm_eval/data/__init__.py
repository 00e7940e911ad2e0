"""Dataset cards and the readers that turn files into Samples."""

from vlm_eval.data.cards import list_cards, load_card
from vlm_eval.data.loading import Dataset, load_dataset
from vlm_eval.data.schema import Card
from vlm_eval.data.selection import References, choose_references, select

__all__ = [
    "Card",
    "Dataset",
    "References",
    "choose_references",
    "list_cards",
    "load_card",
    "load_dataset",
    "select",
]
