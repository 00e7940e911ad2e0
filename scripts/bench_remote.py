#!/usr/bin/env python3
"""Measure the openai backend against the wire.

Asks a server on this machine, in a process of its own, one question a picture, three ways: a bare aiohttp loop, a
bare loop over openai's DefaultAioHttpClient, and the backend. Half of the pictures are PNG files, half JPEG, all
untouched. Imports are excluded; making the views and their identities is included for the backend.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

QUESTION = "Is there any anomaly or defect in the image? Describe it."


def serve(latency: float) -> None:
    """Answer every call after the latency; print the port, then the most calls that were in flight."""
    from aiohttp import web

    state = {"now": 0, "most": 0}
    body = json.dumps(
        {
            "model": "bench",
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "Yes. A scratch."}}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 5},
        }
    ).encode()

    async def answer(request: web.Request) -> web.Response:
        state["now"] += 1
        state["most"] = max(state["most"], state["now"])
        await request.read()
        await asyncio.sleep(latency)
        state["now"] -= 1
        return web.Response(body=body, content_type="application/json")

    async def most(request: web.Request) -> web.Response:
        shown, state["most"] = state["most"], 0
        return web.json_response(shown)

    async def run() -> None:
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/v1/chat/completions", answer)
        application.router.add_get("/most", most)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def draw(folder: Path, count: int) -> list[Path]:
    """Write so many different pictures: PNG of about 330 KB and JPEG of about 45 KB in turn."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    paths = []
    for number in range(count):
        if number % 2:
            path = folder / f"{number}.jpg"
            noise = generator.integers(90, 160, (56, 56, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((448, 448)).save(path, quality=95)
        else:
            path = folder / f"{number}.png"
            Image.fromarray(generator.integers(0, 255, (332, 332, 3), dtype=np.uint8)).save(path, compress_level=0)
        paths.append(path)
    return paths


def payload(path: Path) -> dict[str, object]:
    """Return the JSON of one call, as a bare loop writes it."""
    kind = "png" if path.suffix == ".png" else "jpeg"
    url = f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    parts = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": "bench", "max_tokens": 64, "messages": [{"role": "user", "content": parts}]}


async def loop(
    paths: list[Path], concurrency: int, post: Callable[[Path], Awaitable[object]], journal: Path
) -> None:
    """Post every picture, so many at a time, and write each reply down as it comes."""
    places = asyncio.Semaphore(concurrency)
    with journal.open("w") as stream:

        async def one(path: Path) -> None:
            async with places:
                reply = await post(path)
            stream.write(json.dumps({"path": path.name, "reply": reply}) + "\n")
            stream.flush()

        await asyncio.gather(*map(one, paths))


def bare_aiohttp(paths: list[Path], url: str, concurrency: int, journal: Path) -> None:
    """Ask through aiohttp alone."""
    import aiohttp

    async def run() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def post(path: Path) -> object:
                async with session.post(f"{url}/chat/completions", json=payload(path)) as response:
                    return await response.json()

            await loop(paths, concurrency, post, journal)

    asyncio.run(run())


def bare_openai_transport(paths: list[Path], url: str, concurrency: int, journal: Path) -> None:
    """Ask through openai's HTTP client alone."""
    import openai

    async def run() -> None:
        async with openai.DefaultAioHttpClient() as client:

            async def post(path: Path) -> object:
                return (await client.post(f"{url}/chat/completions", json=payload(path))).json()

            await loop(paths, concurrency, post, journal)

    asyncio.run(run())


def backend(paths: list[Path], url: str, concurrency: int, journal: Path) -> None:
    """Ask through the openai family, from file to outcome."""
    from vlm_eval.backends.registry import open_backend, parse_model
    from vlm_eval.flow import Answer, Generation, Prompt, Request, Turn
    from vlm_eval.views.image import image_view

    spec = parse_model("openai:bench", base_url=url, concurrency=concurrency)
    model = open_backend(spec, journal.parent / "scratch")

    def requests():
        for path in paths:
            view = image_view(path, "query")
            prompt = Prompt((Turn("user", (QUESTION, view)),))
            key = hashlib.sha256(f"{QUESTION}{view.identity}".encode()).hexdigest()
            yield Request(key, spec.model, prompt, Generation(max_tokens=64))

    with journal.open("w") as stream:
        for key, outcome in model.answer(requests()):
            assert isinstance(outcome, Answer), outcome
            stream.write(json.dumps({"key": key, "text": outcome.text, "sent": outcome.sent}) + "\n")
            stream.flush()


def measure(
    ask: Callable[..., None], paths: list[Path], url: str, concurrency: int, folder: Path
) -> tuple[float, float]:
    """Return the seconds on the wall and of CPU, user and system together."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    ask(paths, url, concurrency, folder / "journal.jsonl")
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run the rounds and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds until the server answers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.latency)
        return
    command = [sys.executable, __file__, "--serve", "--latency", str(arguments.latency)]
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            compare(arguments, Path(name), int(server.stdout.readline()))
        finally:
            server.terminate()


def compare(arguments: argparse.Namespace, folder: Path, port: int) -> None:
    """Measure the three ways in turn, round by round, and print medians and ratios."""
    from urllib.request import urlopen

    paths = draw(folder, arguments.count)
    url, ways = f"http://127.0.0.1:{port}/v1", (bare_aiohttp, bare_openai_transport, backend)
    results: dict[str, list[tuple[float, float]]] = {way.__name__: [] for way in ways}
    most = {}
    for way in ways:
        way(paths[:8], url, 8, folder / "warm.jsonl")
    for _ in range(arguments.rounds):
        for way in ways:
            urlopen(f"http://127.0.0.1:{port}/most").close()
            results[way.__name__].append(measure(way, paths, url, arguments.concurrency, folder))
            most[way.__name__] = json.load(urlopen(f"http://127.0.0.1:{port}/most"))
    ideal = arguments.latency * arguments.count / arguments.concurrency
    print(
        f"{arguments.count} pictures, {arguments.concurrency} at a time, {arguments.latency} s latency, ", end=""
    )
    print(f"median of {arguments.rounds}; the wire alone takes {ideal:.2f} s")
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in results.items()
    }
    wall_floor, cpu_floor = medians["bare_aiohttp"]
    print(f"{'':24}{'wall s':>8}{'CPU s':>8}{'CPU ms each':>13}{'wall x':>8}{'CPU x':>8}{'in flight':>11}")
    for name, (wall, cpu) in medians.items():
        each = 1000 * cpu / arguments.count
        ratios = f"{wall / wall_floor:8.2f}{cpu / cpu_floor:8.2f}{most[name]:11d}"
        print(f"{name:24}{wall:8.2f}{cpu:8.2f}{each:13.2f}{ratios}")
    transport, ours = medians["bare_openai_transport"], medians["backend"]
    print(f"backend / bare_openai_transport: wall {ours[0] / transport[0]:.2f}, CPU {ours[1] / transport[1]:.2f}")


if __name__ == "__main__":
    main()
