"""The only module that touches the openai package, for its transport: one call in, JSON or a Trouble out."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import openai

from vlm_eval import __version__
from vlm_eval.backends.openai_body import Body
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.backends.openai_trouble import Trouble, read_status
from vlm_eval.flow import Answer, FailureKind, Model


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of a reply with status 200: JSON, or text where the server sent another content type."""

    body: object


Caller = Callable[[Body], Awaitable[Reply | Trouble | Answer]]
_SHOWN = 1000  # bytes of a reply that is no JSON


@asynccontextmanager
async def open_caller(model: Model, settings: Settings) -> AsyncIterator[Caller]:
    """Open connections to a server; they are closed at the end."""
    # A redirect is not followed: it would turn the POST into a GET, or send pictures to a host nobody named.
    client = openai.DefaultAioHttpClient(
        timeout=settings.timeout, follow_redirects=False, headers=_headers(settings)
    )
    url = client.build_request("POST", _address(model, settings)).url  # parsed once

    async def call(body: Body) -> Reply | Trouble | Answer:
        try:
            # The client's own time limit is between two bytes; a server that drips them needs one for the whole.
            async with asyncio.timeout(settings.timeout):
                # Not through the package's own `post`, whose options and response objects take as much CPU again.
                length = {"Content-Length": str(body.length)}
                response = await client.post(url, content=body, headers=length)
        except TimeoutError:
            message = f"no complete reply within {settings.timeout:g} s"
            return Trouble("retry", "timeout", message, slow_down=True, lost=True)
        except Exception as error:  # noqa: BLE001  # of httpx or its successor, by the package's version
            return _broken(error)
        return _read(response.status_code, response.content, response.headers)

    try:
        yield call
    finally:
        await client.aclose()


def _address(model: Model, settings: Settings) -> str:
    if not settings.azure:
        return f"{settings.base_url}/chat/completions"
    endpoint = settings.base_url.removesuffix("/openai")
    deployment = quote(model.checkpoint, safe="")
    version = quote(settings.api_version, safe="")
    return f"{endpoint}/openai/deployments/{deployment}/chat/completions?api-version={version}"


def _headers(settings: Settings) -> dict[str, str]:
    """Return what goes with every call; organization and project are those that the openai package reads."""
    own = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": f"vlm-eval/{__version__}",
    }
    if settings.azure:
        return own | {"api-key": settings.api_key}
    named = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
    given = {header: os.environ[variable] for header, variable in named.items() if os.environ.get(variable)}
    return own | {"Authorization": f"Bearer {settings.api_key}"} | given


def _read(status: int, content: bytes, headers: Mapping[str, str]) -> Reply | Trouble | Answer:
    """Read a complete reply. JSON in an error may be wrapped in `error`; a page of another type stays text."""
    if not 200 <= status < 300:
        body = _json(content)
        body = body.get("error", body) if isinstance(body, Mapping) else body
        return read_status(status, content.decode("utf-8", "replace") if body is None else body, headers)
    if "json" not in headers.get("content-type", "json"):
        return Reply(content[:_SHOWN].decode("utf-8", "replace"))
    body = _json(content)
    if body is None:
        return Trouble("retry", "api-error", "the reply is malformed JSON", lost=True)
    return Reply(body)


def _json(content: bytes) -> Any:
    """Parse JSON; None where it is none, too deep, or no UTF-8."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _broken(error: BaseException) -> Trouble:
    """Read a connection that failed by its first cause: the transport reports a reset as a time-out."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    kind: FailureKind = "timeout" if any(isinstance(cause, TimeoutError) for cause in causes) else "api-error"
    first = causes[-1]
    message = f"{type(first).__name__}: {first}" if str(first) else type(first).__name__
    unreached = any(isinstance(cause, aiohttp.ClientConnectorError) for cause in causes)
    return Trouble("retry", kind, message, slow_down=kind == "timeout", lost=not unreached)
