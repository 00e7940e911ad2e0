"""How a chat-completions server is asked: options of a spec, and what the environment adds."""

import os
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_eval.backends.endpoint import base_url, is_loopback
from vlm_eval.backends.retry_after import FIRST_WAIT
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import BackendSpec

_OWN_HOSTS = ("api.openai.com", ".openai.azure.com")  # no request without a key makes sense here
_AZURE_API_VERSION = "2024-10-21"


class Settings(BaseModel):
    """Options of the openai family, checked. The key is never shown, stored or compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    api_key: str = Field(repr=False)
    azure: bool = False  # deployments in the path and an api-version, instead of OpenAI's own layout
    api_version: str = _AZURE_API_VERSION
    concurrency: int = Field(default=16, ge=1, le=1000)
    timeout: float = Field(default=180.0, gt=0)  # seconds an attempt
    max_attempts: int = Field(default=8, ge=1)  # the waits between eight add up to about a minute
    first_wait: float = Field(default=FIRST_WAIT, gt=0)  # seconds before the first repetition; doubles
    detail: Literal["auto", "low", "high"] | None = None
    beam_search: bool = False  # the server takes vLLM's use_beam_search
    cache_megabytes: int = Field(default=128, ge=0)  # encoded pictures that are kept for other requests


def read_settings(spec: BackendSpec) -> Settings:
    """Check a spec's options and find the key in the environment.

    Raises:
        ExperimentError: an option is wrong, or OpenAI or Azure is asked without a key.
    """
    options = {name: value for name, value in spec.options.items() if name != "api_key_env"}
    url = base_url(spec)
    host = _checked_host(url)
    azure = _is_classic_azure(url) if options.get("azure") is None else options["azure"]
    variable = str(spec.options.get("api_key_env") or _key_variable(host, bool(azure)))
    fields = {**options, "base_url": url.rstrip("/"), "azure": azure, "api_key": _key(variable, host)}
    try:
        return Settings.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ExperimentError(f"Model option {name} = {options.get(name)!r}: {first['msg']}.") from None


def _checked_host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ExperimentError(f"base_url is {_shown(url)}; write it like 'http://localhost:8000/v1'.")
    if "@" in parts.netloc:
        raise ExperimentError(
            "base_url holds a user name or a password, and options are stored. Leave them out (the part before @) "
            "and set OPENAI_API_KEY."
        )
    if "?" in url or "#" in url:
        raise ExperimentError(
            "base_url holds a query string or a fragment, which may be a secret, and options are stored. Leave it "
            "out from the ? or # on; a key belongs into OPENAI_API_KEY, a version into the option api_version."
        )
    return parts.hostname


def _shown(url: str) -> str:
    """Repeat a URL in a message unless it may hold a secret."""
    return "no URL" if set(url) & set("@?#") else repr(url)


def _is_classic_azure(url: str) -> bool:
    # Azure's newer /openai/v1 speaks like OpenAI itself.
    parts = urlsplit(url)
    return (parts.hostname or "").endswith(".openai.azure.com") and "/openai/v1" not in parts.path


def _key_variable(host: str, azure: bool) -> str:
    azure = azure or host.endswith(".openai.azure.com")
    return "AZURE_OPENAI_API_KEY" if azure and "AZURE_OPENAI_API_KEY" in os.environ else "OPENAI_API_KEY"


def _key(variable: str, host: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ExperimentError(f"{variable} holds characters that no key has. Set it again.")
    if not key and host.endswith(_OWN_HOSTS) and not is_loopback(host):
        raise ExperimentError(
            f"{variable} is not set, and {host} answers nobody without a key. "
            "Set it, or name another server with base_url or OPENAI_BASE_URL."
        )
    return key or "none"  # local servers want a header and read nothing from it
