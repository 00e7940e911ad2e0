"""The readers that a card can name. A new one is a file with its options and one function, and one line here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.data.demo import DemoOptions, demo_folder, read_demo
from vlm_eval.data.read_avenue import AvenueOptions, read_avenue
from vlm_eval.data.read_bmad import BmadOptions, read_bmad
from vlm_eval.data.read_customizable import CustomizableOptions, read_customizable
from vlm_eval.data.read_elpv import ElpvOptions, elpv_folder, read_elpv
from vlm_eval.data.read_folders import FoldersOptions, read_folders
from vlm_eval.data.read_hugging_face import HuggingFaceOptions, read_hugging_face
from vlm_eval.data.read_mmad import MmadOptions, read_mmad
from vlm_eval.data.read_mood import MoodOptions, read_mood
from vlm_eval.data.read_mvtec import MvtecOptions, read_mvtec
from vlm_eval.data.read_pairs import PairsOptions, read_pairs
from vlm_eval.data.read_real3d import Real3dOptions, read_real3d
from vlm_eval.data.read_robustmad import RobustMadOptions, read_robustmad
from vlm_eval.data.read_series import SeriesOptions, read_series
from vlm_eval.data.read_shanghaitech import ShanghaiTechOptions, read_shanghaitech
from vlm_eval.data.read_table import TableOptions, read_table
from vlm_eval.data.read_ucf_crime import UcfCrimeOptions, read_ucf_crime
from vlm_eval.data.read_ucr import UcrOptions, read_ucr
from vlm_eval.data.read_ucsd import UcsdOptions, read_ucsd
from vlm_eval.data.read_visa import VisaOptions, read_visa
from vlm_eval.data.samples import Note
from vlm_eval.data.schema import Card, Strict
from vlm_eval.flow import Sample
from vlm_eval.resources import cache_folder

Read = Callable[[Card, Path], Iterable[Sample | Note]]


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader: the model of its options, its function, and what its root may be."""

    options: type[Strict]
    read: Read
    default_root: Callable[[], Path] | None = None
    file_root: bool = False  # the root may be one file instead of a folder


READERS: dict[str, Reader] = {
    "avenue": Reader(AvenueOptions, read_avenue),
    "bmad": Reader(BmadOptions, read_bmad),
    "customizable-vlm": Reader(CustomizableOptions, read_customizable, file_root=True),
    "demo": Reader(DemoOptions, read_demo, default_root=demo_folder),
    "elpv": Reader(ElpvOptions, read_elpv, default_root=elpv_folder),
    "folders": Reader(FoldersOptions, read_folders),
    "hugging-face": Reader(HuggingFaceOptions, read_hugging_face, default_root=cache_folder),
    "mmad": Reader(MmadOptions, read_mmad),
    "mood": Reader(MoodOptions, read_mood),
    "mvtec": Reader(MvtecOptions, read_mvtec),
    "pairs": Reader(PairsOptions, read_pairs),
    "real3d": Reader(Real3dOptions, read_real3d),
    "robustmad": Reader(RobustMadOptions, read_robustmad),
    "series": Reader(SeriesOptions, read_series),
    "shanghaitech": Reader(ShanghaiTechOptions, read_shanghaitech),
    "table": Reader(TableOptions, read_table, file_root=True),
    "ucf-crime": Reader(UcfCrimeOptions, read_ucf_crime),
    "ucr": Reader(UcrOptions, read_ucr),
    "ucsd": Reader(UcsdOptions, read_ucsd),
    "visa": Reader(VisaOptions, read_visa),
}
