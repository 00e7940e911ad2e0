"""What runs on a Ray worker: one backend, asked in blocks."""

from pathlib import Path

from vlm_eval.backends.registry import open_backend
from vlm_eval.errors import VlmEvalError
from vlm_eval.flow import Backend, BackendSpec, Outcome, Request, Scalar


class BlockWorker:
    """Holds a backend of its own. A problem that was foreseen is returned, so that no traceback hides it."""

    def __init__(self, spec: BackendSpec, scratch: Path) -> None:
        self._spec = spec
        self._scratch = scratch
        self._backend: Backend | None = None

    def open(self) -> dict[str, Scalar] | VlmEvalError:
        """Load the model; return what produced the numbers, or why it cannot be loaded."""
        try:
            self._backend = open_backend(self._spec, self._scratch)
        except VlmEvalError as error:
            return error
        return dict(getattr(self._backend, "facts", {}))

    def answer(self, requests: list[Request]) -> tuple[list[tuple[str, Outcome]], VlmEvalError | None]:
        """Answer a block; return its outcomes, and why the model became unavailable if it did."""
        if self._backend is None:
            raise RuntimeError("open() was not called, or failed")
        outcomes: list[tuple[str, Outcome]] = []
        try:
            outcomes.extend(self._backend.answer(iter(requests)))
        except VlmEvalError as error:
            return outcomes, error
        return outcomes, None
