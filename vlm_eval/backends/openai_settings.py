"""How a chat-completions server is asked: options of a spec, and what the environment adds."""

import json
import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_eval.backends.endpoint import base_url, is_loopback
from vlm_eval.backends.retry_after import FIRST_WAIT
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import BackendSpec

_OWN_HOSTS = ("api.openai.com", ".openai.azure.com")  # no request without a key makes sense here
_READ_ELSEWHERE = frozenset({"api_key_env", "max_pictures"})
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
    max_attempts: int = Field(default=10, ge=1)  # the waits between ten add up to more than a minute
    first_wait: float = Field(default=FIRST_WAIT, gt=0)  # seconds before the first repetition; doubles
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)  # in and out, estimated before a call
    detail: Literal["auto", "low", "high"] | None = None
    max_picture_megabytes: float | None = Field(default=None, gt=0)  # a larger picture's file is not sent
    reasoning_effort: str | None = Field(default=None, pattern=r"^[a-z]+$")  # none, minimal, low, medium, high ...
    json_schema: dict[str, Any] | None = None  # the response_format that makes the answer follow a schema
    beam_search: bool = False  # the server takes vLLM's use_beam_search
    batch: bool = False  # ask through the Batch API
    batch_jobs: int = Field(default=4, ge=1)  # at work at the same time
    batch_requests: int = Field(default=50_000, ge=1, le=50_000)  # in one file
    batch_megabytes: float = Field(default=200, gt=0, le=200)  # of one file
    batch_poll: float = Field(default=30.0, gt=0)  # seconds between two looks at the jobs
    batch_wait: bool = True  # off: start the jobs and leave; a later run fetches the answers
    cache_megabytes: int = Field(default=128, ge=0)  # encoded pictures that are kept for other requests


def read_settings(spec: BackendSpec) -> Settings:
    """Check a spec's options and find the key in the environment.

    Raises:
        ExperimentError: an option is wrong, or OpenAI or Azure is asked without a key.
    """
    options = {name: value for name, value in spec.options.items() if name not in _READ_ELSEWHERE}
    url = base_url(spec)
    host = _checked_host(url)
    azure = _is_classic_azure(url) if options.get("azure") is None else options["azure"]
    variable = str(spec.options.get("api_key_env") or _key_variable(host, bool(azure)))
    fields: dict[str, Any] = {
        **options,
        "base_url": url.rstrip("/"),
        "azure": azure,
        "api_key": _key(variable, host),
    }
    if options.get("json_schema") is not None:
        fields["json_schema"] = _response_format(Path(str(options["json_schema"])))
    if azure and options.get("batch"):
        raise ExperimentError("batch asks OpenAI's own Batch API; Azure's is another one. Leave it out.")
    try:
        return Settings.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ExperimentError(f"Model option {name} = {options.get(name)!r}: {first['msg']}.") from None


def _response_format(path: Path) -> dict[str, Any]:
    """Read a JSON schema and make of it what chat completions take as `response_format`."""
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExperimentError(f"The JSON schema in {path} cannot be read: {error}") from None
    if not isinstance(schema, dict):
        raise ExperimentError(f"{path} holds no JSON schema: write an object with `type` and `properties`.")
    name = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in path.stem)[:64]
    return {"type": "json_schema", "json_schema": {"name": name or "reply", "strict": True, "schema": schema}}


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
