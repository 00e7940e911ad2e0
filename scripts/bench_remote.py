#!/usr/bin/env python3
"""Measure asking a remote model against the wire.

Asks a server on this machine, in a process of its own, one question a picture, six ways: a bare aiohttp loop; a
bare loop over openai's DefaultAioHttpClient; one over the openai package's own typed call through that client; our
backend, from file to outcome; a run, with plan, keys, store and progress bar; and a run that writes its thumbnails
too. No scorers. Half of the pictures are PNG files, half JPEG, all untouched. Imports are excluded, and what an
earlier round learnt of a file is forgotten before the next. With --memory, the highest resident memory of a run in
a process of its own is printed instead, for a quarter of the files and for all.
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
    for name in ("normal", "anomalous"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        place = folder / ("normal" if number % 4 < 2 else "anomalous")
        if number % 2:
            path = place / f"{number}.jpg"
            noise = generator.integers(90, 160, (56, 56, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((448, 448)).save(path, quality=95)
        else:
            path = place / f"{number}.png"
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


def openai_client(paths: list[Path], url: str, concurrency: int, journal: Path) -> None:
    """Ask through the openai package's typed call."""
    import openai

    async def run() -> None:
        async with openai.DefaultAioHttpClient() as transport:
            client = openai.AsyncOpenAI(api_key="none", base_url=url, http_client=transport)

            async def post(path: Path) -> object:
                return (await client.chat.completions.create(**payload(path))).model_dump()

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


def whole_run(paths: list[Path], url: str, concurrency: int, journal: Path) -> None:
    """Ask through a run, from a folder of pictures to a run folder."""
    import io

    from rich.console import Console

    from vlm_eval.cli.progress import ProgressBar
    from vlm_eval.runs.experiment import parse_experiment
    from vlm_eval.runs.plan import make_plan
    from vlm_eval.runs.runner import execute

    model = {"model": "openai:bench", "options": {"base_url": url, "concurrency": concurrency}}
    given = {"models": [model], "yes_no": False, "scorers": [], "generation": {"max_tokens": 64}}
    with tempfile.TemporaryDirectory(dir=journal.parent) as out:
        plan = make_plan(parse_experiment({"dataset": str(paths[0].parents[1]), **given}, "bench"))
        with ProgressBar(Console(file=io.StringIO(), force_terminal=True, width=100)) as bar:
            result = execute(plan, Path(out), listener=bar)
        assert (result.answered, result.open) == (len(plan.samples), 0), result


def run_without_thumbnails(paths: list[Path], url: str, concurrency: int, journal: Path) -> None:
    """Ask through a run that leaves the small copies of the pictures out."""
    from unittest.mock import patch

    with patch("vlm_eval.runs.media.MediaWriter.add"):
        whole_run(paths, url, concurrency, journal)


def forget() -> None:
    """Forget what is kept of files that were looked at."""
    from vlm_eval.views import image

    image._look.cache_clear()


def measure(
    ask: Callable[..., None], paths: list[Path], url: str, concurrency: int, folder: Path
) -> tuple[float, float]:
    """Return the seconds on the wall and of CPU, user and system together."""
    forget()
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
    parser.add_argument("--memory", action="store_true", help="print the memory of a whole run instead")
    parser.add_argument("--alone", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.latency)
        return
    if arguments.alone:
        run_alone(arguments)
        return
    command = [sys.executable, __file__, "--serve", "--latency", str(arguments.latency)]
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            port = int(server.stdout.readline())
            if arguments.memory:
                compare_memory(arguments, port)
            else:
                compare(arguments, Path(name), port)
        finally:
            server.terminate()


def run_alone(arguments: argparse.Namespace) -> None:
    """Run once in this process, and print the most resident memory of it before and after, in megabytes."""
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        whole_run(draw(few, 8), arguments.alone, 8, Path(name) / "journal")
        paths = draw(many, arguments.count)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        whole_run(paths, arguments.alone, arguments.concurrency, Path(name) / "journal")
        print(before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def compare_memory(arguments: argparse.Namespace, port: int) -> None:
    """Print the memory of whole runs over a quarter of the files and over all."""
    for count in (arguments.count // 4, arguments.count):
        command = [sys.executable, __file__, "--alone", f"http://127.0.0.1:{port}/v1", "--count", str(count)]
        command += ["--concurrency", str(arguments.concurrency)]
        before, most = map(float, subprocess.check_output(command, text=True).split())
        print(f"{count} pictures, {arguments.concurrency} at a time: {most:.0f} MB at most, {before:.0f} before")


def compare(arguments: argparse.Namespace, folder: Path, port: int) -> None:
    """Measure the three ways in turn, round by round, and print medians and ratios."""
    from urllib.request import urlopen

    few, paths = draw(folder / "few", 8), draw(folder / "all", arguments.count)
    url = f"http://127.0.0.1:{port}/v1"
    ours = (backend, run_without_thumbnails, whole_run)
    ways = (bare_aiohttp, bare_openai_transport, openai_client, *ours)
    results: dict[str, list[tuple[float, float]]] = {way.__name__: [] for way in ways}
    most = {}
    for way in ways:
        way(few, url, 8, folder / "warm.jsonl")
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
    for way in ours:
        for floor in ("bare_openai_transport", "openai_client"):
            wall, cpu = (mine / theirs for mine, theirs in zip(medians[way.__name__], medians[floor], strict=True))
            print(f"{way.__name__} / {floor}: wall {wall:.2f}, CPU {cpu:.2f}")


if __name__ == "__main__":
    main()
