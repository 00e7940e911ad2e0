"""The only module that touches the openai package's client: one call in, a JSON body or a Trouble out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import openai

from vlm_eval.backends.openai_body import Body
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.backends.openai_trouble import Trouble, read_status
from vlm_eval.flow import Answer, FailureKind, Model


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of a reply with status 200: JSON, or text where the server sent another content type."""

    body: object


Caller = Callable[[Body], Awaitable[Reply | Trouble | Answer]]


@asynccontextmanager
async def open_caller(model: Model, settings: Settings) -> AsyncIterator[Caller]:
    """Open connections to a server; they are closed at the end."""
    client = _client(settings)
    path = f"/deployments/{quote(model.checkpoint, safe='')}" if settings.azure else ""

    async def call(body: Body) -> Reply | Trouble | Answer:
        try:
            # The client's own time limit is between two bytes; a server that drips them needs one for the whole.
            async with asyncio.timeout(settings.timeout):
                return Reply(await _post(client, f"{path}/chat/completions", body))
        except TimeoutError:
            message = f"no complete reply within {settings.timeout:g} s"
            return Trouble("retry", "timeout", message, slow_down=True, lost=True)
        except openai.APIStatusError as error:
            return read_status(error.status_code, error.body, error.response.headers)
        except (openai.OpenAIError, aiohttp.ClientError, OSError) as error:
            return _broken(error)
        except (ValueError, RecursionError):
            return Trouble("retry", "api-error", "the reply is malformed JSON", lost=True)

    try:
        yield call
    finally:
        await client.close()


async def _post(client: openai.AsyncOpenAI, path: str, body: Body) -> object:
    # As bytes, and read as plain JSON: the typed call copies and validates each picture, at three times the CPU.
    headers = {"Content-Type": "application/json", "Content-Length": str(body.length)}
    return await client.post(path, content=body, cast_to=object, options={"headers": headers})


def _client(settings: Settings) -> openai.AsyncOpenAI:
    # A redirect is not followed: it would turn the POST into a GET, or send pictures to a host nobody named.
    http_client = openai.DefaultAioHttpClient(timeout=settings.timeout, follow_redirects=False)
    common: dict[str, Any] = {"api_key": settings.api_key, "max_retries": 0, "http_client": http_client}
    if settings.azure:
        endpoint = settings.base_url.removesuffix("/openai")
        return openai.AsyncAzureOpenAI(azure_endpoint=endpoint, api_version=settings.api_version, **common)
    return openai.AsyncOpenAI(base_url=settings.base_url, **common)


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
