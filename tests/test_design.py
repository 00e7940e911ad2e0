"""The design guards itself: import direction, public names, start-up, data folders."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vlm_eval
from vlm_eval.data.cards import list_cards, load_card
from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.errors import PromptError
from vlm_eval.prompting.cells import factorial
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.layouts import read_layouts
from vlm_eval.prompting.render import render_text

ROOT = Path(vlm_eval.__file__).parent
BASE = {"flow", "errors", "resources", "__init__", "metrics"}
MAY_IMPORT = {
    "flow": set(),
    "errors": set(),
    "resources": set(),
    "metrics": {"flow", "errors"},
    "data": BASE,
    "views": BASE,
    "prompting": BASE | {"views"},
    "backends": BASE,
    "scoring": BASE,
    "synthetic": BASE | {"data", "views", "prompting", "backends", "scoring"},
    "published": BASE | {"scoring"},
    "runs": BASE | {"data", "views", "prompting", "backends", "scoring"},
    "reports": BASE | {"runs"},
    "quick": BASE | {"runs", "reports", "data", "prompting", "backends"},
    "cli": BASE
    | {"synthetic", "published", "runs", "reports", "data", "views", "prompting", "backends", "scoring", "quick"},
    "__init__": None,
}


def modules():
    return sorted(path for path in ROOT.rglob("*.py") if "assets" not in path.parts)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path} imports relatively")
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name and name.split(".")[0] == "vlm_eval":
                yield [*name.split("."), "__init__"][1]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path):
    area = path.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = MAY_IMPORT[area]
    if allowed is not None:
        assert set(imported(path)) <= allowed | {area}


def test_there_are_two_levels_of_folders_and_no_name_that_shadows_a_library():
    assert all(len(path.relative_to(ROOT).parts) <= 2 for path in modules())
    shadowing = {"openai.py", "types.py"} | (
        {"datasets.py"} if not (ROOT / "cli" / "datasets.py").exists() else set()
    )
    assert not {path.name for path in modules()} & shadowing


def test_the_command_modules_import_only_typer_and_the_standard_library_at_their_top():
    for path in (ROOT / "cli").glob("*.py"):
        if path.stem.endswith("_work") or path.stem in ("progress", "__init__"):
            continue  # imported inside a command
        for node in ast.parse(path.read_text()).body:
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = name.split(".")[0]
                assert (
                    top in sys.stdlib_module_names or top == "typer" or name in ("vlm_eval.cli", "vlm_eval.errors")
                )


def test_the_public_names_are_sorted_and_each_can_be_imported():
    assert vlm_eval.__all__ == sorted(vlm_eval.__all__)
    for name in vlm_eval.__all__:
        assert getattr(vlm_eval, name) is not None
    with pytest.raises(AttributeError):
        vlm_eval.nothing_of_this_name  # noqa: B018


HEAVY = ("torch", "openai", "transformers", "pandas", "matplotlib", "sklearn", "datasets")


@pytest.mark.parametrize("code", ["import vlm_eval", "from vlm_eval.cli.main import app", "vlm_eval --help"])
def test_starting_up_imports_nothing_heavy(code):
    if code.endswith("--help"):
        code = "from vlm_eval.cli.main import app; app(['--help'], standalone_mode=False)"
    check = (
        f"{code}\nimport sys\nheavy = [name for name in {HEAVY} if name in sys.modules]\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", check], check=True, stdout=subprocess.DEVNULL)


def test_the_folder_of_cards_does_not_shadow_the_hugging_face_package():
    datasets = pytest.importorskip("datasets")
    assert hasattr(datasets, "load_dataset")
    cards = ROOT.parent / "datasets"
    assert not list(cards.rglob("*.py"))


@pytest.mark.parametrize("name", list_cards())
def test_every_card_loads_and_every_template_renders_for_it(name):
    card = load_card(name)
    templates = open_templates()
    for object_class in card.classes or ["thing"]:
        picture = Path("picture.png")
        sample = SampleMaker(card).make(Found(picture, "item", object_class, "yes", references=(picture,)))
        for layout in read_layouts(templates):
            for cell in factorial({"class": [0, 1], "standard": [0, 1], "reference": [0, 1, 2], "marks": [0, 1]}):
                try:
                    text = render_text(sample, cell.ingredients, layout, templates)
                except PromptError as error:
                    assert "Add it to the card" in str(error)
                    continue
                assert text and "  " not in text and " ." not in text, text
