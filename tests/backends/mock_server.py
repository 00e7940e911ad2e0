"""A chat-completions server on the loopback interface, in a thread, that answers and fails to order."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Call:
    """What came in."""

    number: int  # from 1, over all calls
    attempt: int  # from 1, over the calls with this very text
    text: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    path: str
    time: float


@dataclass(frozen=True)
class Step:
    """What goes out."""

    body: Any = None  # bytes as they are, anything else as JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    latency: float = 0.0
    content_type: str = "application/json"
    reset: bool = False
    drip: float = 0.0  # seconds between two bytes


def completion(text: str | None = "Yes.", finish: str = "stop", **message: Any) -> dict[str, Any]:
    """Return the JSON of a completion; further fields go into the message, `logprobs` into the choice."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": message.pop("logprobs", None)}
    choice["message"] = {"role": "assistant", "content": text, **message}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {"id": "1", "object": "chat.completion", "model": "served-2024", "choices": [choice], "usage": usage}


def error(status: int, message: str, headers: Mapping[str, str] | None = None, **fields: Any) -> Step:
    """Return a step that refuses as OpenAI does."""
    return Step({"error": {"message": message, **fields}}, status, headers or {})


class MockServer:
    """Serves until it is closed; `plan` may be set at any time."""

    def __init__(self, port: int = 0) -> None:
        self.plan: Callable[[Call], Step] = lambda call: Step(completion(call.text))
        self.calls: list[Call] = []
        self.keeps_bodies = True
        self.in_flight = self.most_in_flight = 0
        self._asked: Counter[str] = Counter()
        self._ready = threading.Event()
        self._port = port
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def port(self) -> int:
        return self._port

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            step = self.plan(await self._note(request))
            await asyncio.sleep(step.latency)
            if step.reset:
                request.transport.abort()
            return await self._send(request, step)
        finally:
            self.in_flight -= 1

    async def _note(self, request: web.Request) -> Call:
        body = json.loads(await request.read())
        content = body["messages"][-1]["content"]
        parts = (
            [content] if isinstance(content, str) else [part["text"] for part in content if part["type"] == "text"]
        )
        text = " ".join(parts)
        self._asked[text] += 1
        time = self._loop.time()
        number = len(self.calls) + 1
        kept = body if self.keeps_bodies else {}
        self.calls.append(Call(number, self._asked[text], text, kept, request.headers, request.path_qs, time))
        return self.calls[-1]

    async def _send(self, request: web.Request, step: Step) -> web.StreamResponse:
        data = step.body if isinstance(step.body, bytes) else json.dumps(step.body).encode()
        headers = {**step.headers, "Content-Type": step.content_type}
        if not step.drip:
            return web.Response(body=data, status=step.status, headers=headers)
        response = web.StreamResponse(status=step.status, headers=headers)
        await response.prepare(request)
        for byte in data:
            await response.write(bytes([byte]))
            await asyncio.sleep(step.drip)
        return response
