#!/usr/bin/env python3
"""Take the server away in the middle of a run, bring it back a minute later, and check that nothing is lost.

The run keeps the settings as they come. The server is a process of its own that is killed, so that connections
break as they do in earnest. At the end every item must be answered, each with the digest of its own request, and
no request may have failed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from check_kill import digest_of, draw, parts_of, stored_digests


def serve(port: int, latency: float) -> None:
    """Answer each call with a digest of what it holds; print the port."""
    import asyncio

    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        await asyncio.sleep(latency)
        message = {"role": "assistant", "content": digest_of(parts_of(body))}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        return web.json_response({"model": "echo", "choices": choices})

    async def run() -> None:
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def start_server(port: int, latency: float) -> tuple[subprocess.Popen[str], int]:
    """Start the server in a process of its own; return it and its port."""
    command = [sys.executable, __file__, "--serve", str(port), "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    """Kill a server, also one that is dead already."""
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


class Outage:
    """Hears of each answer; kills the server after some, and starts it again after so many seconds."""

    def __init__(self, kill: Callable[[], None], revive: Callable[[], None], after: int, seconds: float) -> None:
        self.gone_at = self.back_at = 0.0
        self._kill, self._revive, self._left, self._seconds = kill, revive, after, seconds

    def planned(self, growth: object, open_requests: int) -> None:
        """Ignore."""

    def model_started(self, name: str, open_requests: int) -> None:
        """Ignore."""

    def arrived(self, name: str, outcome: object) -> None:
        """Count an outcome."""
        self._left -= 1
        if self._left == 0:
            self._kill()
            self.gone_at = time.monotonic()
            threading.Timer(self._seconds, self._come_back).start()

    def stopping(self) -> None:
        """Ignore."""

    def _come_back(self) -> None:
        self._revive()
        self.back_at = time.monotonic()


def check(seconds: float, pictures: int, concurrency: int, latency: float) -> dict[str, float]:
    """Run through an outage; return the counts. Raises SystemExit where something was lost."""
    import vlm_eval

    servers = [start_server(0, latency)]
    port = servers[0][1]
    outage = Outage(
        lambda: end(servers[0][0]),
        lambda: servers.append(start_server(port, latency)),
        after=pictures // 3,
        seconds=seconds,
    )
    model = {"model": "openai:echo", "options": {"base_url": f"http://127.0.0.1:{port}/v1"}}
    model["options"]["concurrency"] = concurrency
    with tempfile.TemporaryDirectory() as name:
        draw(Path(name) / "parts", pictures)
        started = time.monotonic()
        try:
            run = vlm_eval.run(
                Path(name) / "parts", [model], out=Path(name) / "run", listener=outage, yes_no=False, scorers=[]
            )
        finally:
            for process, _ in servers:
                end(process)
        ended = time.monotonic()
        status = run.frame()["status"].value_counts().to_dict()
        stored = stored_digests(Path(name) / "run")
    if status != {"answered": pictures} or len(stored) != pictures or not outage.back_at:
        raise SystemExit(f"of {pictures} items, {status} and {len(stored)} different answers")
    away = outage.back_at - outage.gone_at
    return {"answered": pictures, "seconds away": away, "seconds in all": ended - started}


def main() -> None:
    """Print the counts; exit with 1 where a check fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the server is gone")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve, arguments.latency)
        return
    counts = check(arguments.seconds, arguments.pictures, arguments.concurrency, arguments.latency)
    print(", ".join(f"{name}: {count:.4g}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
