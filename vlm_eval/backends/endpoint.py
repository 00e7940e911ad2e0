"""Which server a remote model is asked at. Imports nothing heavy: the plan needs the host beforehand."""

import ipaddress
import os
from functools import lru_cache
from urllib.parse import urlsplit

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import BackendSpec

DEFAULT_BASE_URL = "https://api.openai.com/v1"


def base_url(spec: BackendSpec) -> str:
    """Return the base URL: the option, else from the environment, else OpenAI's own.

    The variable is OPENAI_BASE_URL, or AZURE_OPENAI_ENDPOINT where the option azure is set.
    """
    if spec.options.get("base_url"):
        return str(spec.options["base_url"])
    variable = "AZURE_OPENAI_ENDPOINT" if spec.options.get("azure") else "OPENAI_BASE_URL"
    return os.environ.get(variable) or DEFAULT_BASE_URL


def receiving_host(spec: BackendSpec) -> str | None:
    """Return the host that would receive the pictures; None where they stay on this machine."""
    if spec.model.family != "openai":
        return None
    host = host_of(base_url(spec))
    return None if is_loopback(host) else host or "an unknown host: base_url cannot be read"


def searches_beams(spec: BackendSpec) -> bool:
    """Say whether a server takes vLLM's beam search, by the option that says so."""
    return str(spec.options.get("beam_search", "")).lower() in ("true", "1", "1.0", "yes", "y", "on", "t")


def max_pictures(spec: BackendSpec) -> int | None:
    """Return how many pictures a server takes in one request, by the option that says so; None: no limit known.

    Raises:
        ExperimentError: the option is no whole number above 0.
    """
    value = spec.options.get("max_pictures")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ExperimentError(f"Model option max_pictures = {value!r}: write a whole number above 0.")
    return value


@lru_cache(maxsize=64)
def host_of(url: str) -> str:
    """Return the host of a URL; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Say whether a host name means this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
