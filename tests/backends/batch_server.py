"""A server with a Batch API on the loopback interface, in a thread, that works and fails to order."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web


def completed(text: str) -> tuple[int, Any]:
    """Return status and body of an answered request."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return 200, {
        "model": "served-2024",
        "choices": [choice],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }


class BatchServer:
    """Takes files and works on batches; a batch ends at the `looks`-th look at it."""

    def __init__(self) -> None:
        self.reply: Callable[[dict[str, Any]], tuple[int, Any] | None] = lambda line: completed("Yes.")
        self.ending: Callable[[dict[str, Any]], str] = lambda batch: "completed"
        self.looks = 2
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: Counter[str] = Counter()  # by custom_id: in how many batches that were started
        self.calls: list[str] = []
        self.trouble: dict[str, list[Any]] = {}  # "POST /batches": what to answer instead, first to last
        self.seen: dict[str, int] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=2**28, middlewares=[self._note])
        application.router.add_post("/v1/files", self._upload)
        application.router.add_get("/v1/files/{id}/content", self._content)
        application.router.add_post("/v1/batches", self._create)
        application.router.add_get("/v1/batches", self._list)
        application.router.add_get("/v1/batches/{id}", self._look)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        call = f"{request.method} {request.path.removeprefix('/v1')}"
        self.calls.append(call)
        assert request.headers["Authorization"] == "Bearer secret-key"
        step = self.trouble.get(call, []).pop(0) if self.trouble.get(call) else None
        if isinstance(step, tuple):  # instead of acting
            return web.json_response({"error": {"message": step[1]}}, status=step[0])
        response = await handler(request)
        if step == "reset":  # after acting
            request.transport.abort()
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        name = f"file-{len(self.files)}"
        self.files[name] = form["file"].file.read()
        return web.json_response({"id": name})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert (body["endpoint"], body["completion_window"]) == ("/v1/chat/completions", "24h")
        name = f"batch-{len(self.batches)}"
        created = 2_000_000_000 + len(self.batches)
        self.batches[name] = {**body, "id": name, "status": "validating", "created_at": created}
        self.seen[name] = 0
        # What was started is worked on and paid for, whether anybody looks after it or not.
        self.asked.update(json.loads(line)["custom_id"] for line in self.files[body["input_file_id"]].splitlines())
        return web.json_response(self.batches[name])

    async def _list(self, request: web.Request) -> web.Response:
        newest = list(reversed(self.batches.values()))
        if after := request.query.get("after"):
            newest = newest[[batch["id"] for batch in newest].index(after) + 1 :]
        page = newest[:2]
        return web.json_response({"data": page, "has_more": len(newest) > len(page)})

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        self.seen[batch["id"]] += 1
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "in_progress"
            if self.seen[batch["id"]] >= self.looks:
                self._work(batch)
        return web.json_response(batch)

    def _work(self, batch: dict[str, Any]) -> None:
        ending = self.ending(batch)
        batch["status"] = ending if isinstance(ending, str) else "failed"
        if batch["status"] == "failed":
            batch["errors"] = {"data": ending if isinstance(ending, list) else [{"message": "bad file"}]}
            return
        lines: dict[str, list[str]] = {"output_file_id": [], "error_file_id": []}
        for line in map(json.loads, self.files[batch["input_file_id"]].splitlines()):
            answer = self.reply(line)
            key = line["custom_id"]
            if answer is None:
                error = {"code": "batch_expired", "message": "This request could not be executed in time."}
                lines["error_file_id"].append(json.dumps({"custom_id": key, "response": None, "error": error}))
                continue
            response = {"status_code": answer[0], "body": answer[1]}
            where = "output_file_id" if answer[0] == 200 else "error_file_id"
            lines[where].append(json.dumps({"custom_id": key, "response": response, "error": None}))
        for name, content in lines.items():
            if content:
                batch[name] = f"file-{len(self.files)}"
                self.files[batch[name]] = "\n".join(reversed(content)).encode() + b"\n"

    async def _content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]])
