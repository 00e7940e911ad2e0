#!/usr/bin/env python3
"""Kill a run with SIGKILL at random moments, resume it each time, and check what a kill must never do.

A server of our own answers each request with a digest of what it was asked. After every kill: the database is
sound, and every stored text is the digest of its own request. At the end: all is answered, and by the server's
count no request was asked again whose answer was stored when the run was killed.
"""

import argparse
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PICTURE_MARK = "base64,"


class EchoServer:
    """Answers each call with a digest of its text and pictures, after a moment, in a thread of its own."""

    def __init__(self, latency: float) -> None:
        self.asked: dict[str, list[float]] = {}  # when each digest was asked for, in monotonic seconds
        self._latency = latency
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait()

    def _run(self) -> None:
        import asyncio

        asyncio.run(self._serve())

    async def _serve(self) -> None:
        import asyncio

        from aiohttp import web

        async def answer(request: web.Request) -> web.Response:
            body = json.loads(await request.read())
            said = digest_of(parts_of(body))
            self.asked.setdefault(said, []).append(time.monotonic())
            await asyncio.sleep(self._latency * random.random() * 2)
            message = {"role": "assistant", "content": said}
            choices = [{"index": 0, "finish_reason": "stop", "message": message}]
            return web.json_response({"model": "echo", "choices": choices})

        application = web.Application(client_max_size=2**26)
        application.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await asyncio.Event().wait()


def parts_of(body: dict[str, Any]) -> Iterable[str]:
    """Yield the texts of a call and the base64 data of its pictures, in order."""
    for message in body["messages"]:
        for part in message["content"]:
            yield part["text"] if part["type"] == "text" else part["image_url"]["url"].split(PICTURE_MARK)[1]


def digest_of(parts: Iterable[str]) -> str:
    """Digest the parts of a call."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def draw(folder: Path, count: int) -> None:
    """Write different pictures into the folders `normal` and `anomalous`."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("normal" if number % 2 else "anomalous")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(place / f"{number}.png")


def stored_digests(folder: Path) -> set[str]:
    """Check a run folder's database; return the texts stored, each the digest of its own request."""
    import base64

    from vlm_eval.flow import View
    from vlm_eval.runs.store import Store

    with sqlite3.connect(folder / "run.sqlite") as connection:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    if verdict != "ok":
        raise SystemExit(f"integrity_check says {verdict}")
    stored = set()
    with Store(folder) as store:
        for form, data in store.connection.execute(
            "SELECT request.prompt, outcome.data FROM outcome JOIN request ON request.id = outcome.request"
        ).fetchall():
            text = json.loads(data).get("text")
            parts = [part for turn in store.load_prompt(form).turns for part in turn.parts]
            own = digest_of(base64.b64encode(p.read()).decode() if isinstance(p, View) else p for p in parts)
            if text != own:
                raise SystemExit(f"a request with the digest {own} has the stored outcome {data[:200]}")
            stored.add(text)
    return stored


def start(data: Path, out: Path, url: str, concurrency: int) -> subprocess.Popen[bytes]:
    """Start `vlm-eval run` in a process of its own."""
    command = [sys.executable, "-c", "from vlm_eval.cli.main import main; main()"]
    command += ["run", "--dataset", str(data), "--model", "openai:echo", "--base-url", url, "--out", str(out)]
    command += ["--no-yes-no", "--concurrency", str(concurrency)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def check(kills: int, pictures: int, concurrency: int, latency: float, seed: int = 0) -> dict[str, int]:
    """Kill and resume so often, then let the run finish; return the counts.

    Raises:
        SystemExit: a check failed.
    """
    generator = random.Random(seed)
    server = EchoServer(latency)
    seconds = pictures * latency / concurrency / max(kills, 1)  # of asking, between two kills
    landed, kept_at = 0, []
    with tempfile.TemporaryDirectory() as name:
        data, out = Path(name) / "parts", Path(name) / "run"
        draw(data, pictures)
        for _ in range(kills):
            before = sum(map(len, server.asked.values()))
            process = start(data, out, server.url, concurrency)
            while process.poll() is None and sum(map(len, server.asked.values())) == before:
                time.sleep(0.002)  # so that the kill lands among the requests, not in the imports
            time.sleep(seconds * generator.random() * 1.6)
            landed += process.poll() is None
            process.kill()
            process.wait()
            kept_at.append((time.monotonic(), stored_digests(out)))
        if start(data, out, server.url, concurrency).wait() != 0 or len(stored_digests(out)) != pictures:
            raise SystemExit("the run did not finish after the last kill")
    return report(server, kept_at, landed, pictures)


def report(
    server: EchoServer, kept_at: Sequence[tuple[float, set[str]]], landed: int, total: int
) -> dict[str, int]:
    """Count what was asked again. Raises SystemExit where a stored answer was."""
    for moment, kept in kept_at:
        wrongly = [said for said in kept if any(asked > moment for asked in server.asked[said])]
        if wrongly:
            raise SystemExit(f"{len(wrongly)} requests were asked again although their answers were stored")
    again = sum(len(times) - 1 for times in server.asked.values())
    return {"requests": total, "kills while asking": landed, "asked again": again, "of them stored": 0}


def main() -> None:
    """Print the counts; exit with 1 where a check fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    counts = check(arguments.kills, arguments.pictures, arguments.concurrency, arguments.latency, arguments.seed)
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    # Beside those at the server, an answer or two may be on their way into the database.
    most = counts["kills while asking"] * (arguments.concurrency + 2)
    print(f"asked again what was in flight: {counts['asked again']}, at most {most} allowed")
    sys.exit(counts["asked again"] > most)


if __name__ == "__main__":
    main()
