"""What can be said of a local model's settings before anything is loaded. Imports nothing heavy."""

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import BackendSpec

DTYPES = ("float32", "float16", "bfloat16", "auto")
_BATCH = 8  # requests, where the user names no batch_size


def check(spec: BackendSpec) -> None:
    """Refuse a batch size, a number of threads or a dtype that is out of range. Raises ExperimentError."""
    batch_size(spec)
    _whole(spec, "threads", 1)
    dtype = spec.model.dtype
    if dtype is not None and dtype not in DTYPES:
        raise ExperimentError(f"dtype {dtype!r} of {spec.model.name} is unknown; allowed: {', '.join(DTYPES)}.")


def batch_size(spec: BackendSpec) -> int:
    """Return how many requests share a batch at most. Raises ExperimentError."""
    return _whole(spec, "batch_size", _BATCH)


def _whole(spec: BackendSpec, option: str, usual: int) -> int:
    given = spec.options.get(option)
    given = usual if given is None else given
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ExperimentError(f"{option} of {spec.model.name} is {given!r}; allowed is a whole number from 1 on.")
    return given
