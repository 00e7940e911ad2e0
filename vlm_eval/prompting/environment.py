"""The sandboxed Jinja environment and where its templates are found."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from vlm_eval.errors import PromptError
from vlm_eval.resources import shipped

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def number_word(number: int) -> str:
    """Spell a small number."""
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else str(number)


def ordinal_word(number: int) -> str:
    """Spell the ordinal of a picture's place, counted from 1."""
    if 1 <= number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{ending}"


def or_list(names: Sequence[str]) -> str:
    """Join names as prose: `a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


class Templates:
    """The templates of one user: their own folders first, the shipped one last."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self.folders = (*folders, shipped("prompts"))
        for folder in self.folders:
            if not folder.is_dir():
                raise PromptError(f"The prompt folder {folder} does not exist. Give an existing one to --prompts.")
        self.environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader([str(folder) for folder in self.folders]),
            undefined=StrictUndefined,
            autoescape=False,  # the output is a prompt, not a page
        )
        self.environment.filters["number_word"] = number_word
        self.environment.filters["or_list"] = or_list

    def find(self, ingredient: str, domain: str, wording: int | str = 0) -> str:
        """Return the template of an ingredient: of the wording asked for, of the domain, or the usual one.

        Raises:
            PromptError: there is no such template, or no such wording.
        """
        folders = [f"domains/{domain}", "ingredients"]
        if wording != 0:
            self._check_wording(wording)
            folders = [f"wordings/{wording}", *folders]
        for folder in folders:
            if self.path(f"{folder}/{ingredient}.jinja") is not None:
                return f"{folder}/{ingredient}.jinja"
        raise PromptError(f"There is no template for {ingredient!r} under {', '.join(map(str, self.folders))}.")

    def _check_wording(self, wording: int | str) -> None:
        if not any((folder / "wordings" / str(wording)).is_dir() for folder in self.folders):
            found = {path.name for folder in self.folders for path in folder.glob("wordings/*") if path.is_dir()}
            raise PromptError(
                f"There is no wording {wording!r}. Allowed: 0 (the usual words), {', '.join(sorted(found))}, or a "
                "folder wordings/NAME with a task.jinja of your own in the folder that you give to --prompts."
            )

    def path(self, name: str) -> Path | None:
        """Return the file behind a template's name, the first folder's first; never one outside these folders."""
        if ".." in Path(name).parts or Path(name).is_absolute():
            return None
        return next((folder / name for folder in self.folders if (folder / name).is_file()), None)

    def source(self, name: str) -> str:
        """Return a template's text. Raises PromptError where there is none, or none in UTF-8."""
        path = self.path(name)
        if path is None:
            raise PromptError(f"There is no template {name!r}. Run: vlm-eval prompts list")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise PromptError(f"The template {path} is not UTF-8 ({error}). Save it as UTF-8.") from error

    def names(self) -> list[str]:
        """List every template."""
        found = {
            path.relative_to(folder).as_posix() for folder in self.folders for path in folder.rglob("*.jinja")
        }
        return sorted(found)

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every template, for the record of a run."""
        return {name: sha256(self.source(name).encode()).hexdigest() for name in self.names()}

    def has_domain(self, domain: str) -> bool:
        """Say whether a domain has wording of its own."""
        return any((folder / "domains" / domain).is_dir() for folder in self.folders)


@lru_cache(maxsize=8)
def open_templates(folders: tuple[Path, ...] = ()) -> Templates:
    """Open the templates of some folders once."""
    return Templates(folders)
