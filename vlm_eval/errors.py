"""The error tree. Every message says what was given, what is allowed and what to do.

VlmEvalError
├── InputError            what the user wrote or named is wrong; nothing was spent (exit code 2)
│   ├── CardError         a dataset card, or the files it describes
│   ├── PromptError       a template, a variable that it needs, an ingredient the card lacks
│   ├── ExperimentError   an experiment file or a flag
│   └── RunFolderError    a run folder that belongs to another experiment, or is locked or damaged
├── MissingExtraError     a package that an optional feature needs; the message holds the pip command
├── BadInputError         one item's file cannot be read or shown; that item fails, the run goes on
└── BackendUnavailable    a model cannot be asked at all (bad key, no credit); what was not asked stays unasked
"""


class VlmEvalError(Exception):
    """The base of every error that this package raises on purpose."""


class InputError(VlmEvalError):
    """Something the user wrote or named is wrong; nothing was spent."""


class CardError(InputError):
    """A dataset card, or the files that it describes, cannot be used."""


class PromptError(InputError):
    """A template cannot be rendered for a card."""


class ExperimentError(InputError):
    """An experiment file or a command-line flag cannot be used."""


class RunFolderError(InputError):
    """A run folder cannot be used: another experiment's, locked, or damaged."""


class MissingExtraError(VlmEvalError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Run: pip install 'vlm-eval[{extra}]'"
        )


class BadInputError(VlmEvalError):
    """One item's file cannot be read or shown."""


class BackendUnavailable(VlmEvalError):
    """A model cannot be asked at all."""
