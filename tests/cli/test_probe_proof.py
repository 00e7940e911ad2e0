"""Proof of the probes, end to end: models that look or not, read or not, and what the report says."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app

EACH = 66  # normal items, and anomalous ones; 59 that do not change are needed to show that few would


@pytest.fixture(scope="module")
def dots(tmp_path_factory):
    """Normal pictures are grey, anomalous ones have a red dot."""
    root = tmp_path_factory.mktemp("data") / "dots"
    for number in range(2 * EACH):
        pixels = np.full((24, 24, 3), 40 + number, np.uint8)
        folder = root / ("anomalous" if number % 2 else "normal")
        if number % 2:
            pixels[8:14, 8:14] = (255, 0, 0)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return root


def shows_dot(pictures):
    pixels = np.asarray(Image.open(io.BytesIO(pictures[-1])).convert("RGB")).astype(int)
    return bool(((pixels[..., 0] > 200) & (pixels[..., 1] < 60)).any())


def oracle(pictures, text):
    return shows_dot(pictures) != ("free of" in text)


def ignores_the_prompt(pictures, text):
    return shows_dot(pictures)


def blind(pictures, text):
    return "free of" not in text


@pytest.fixture
def ask(dots, tmp_path, monkeypatch):
    """Run the command against a model that is a function of pictures and text; return its output and the table."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    servers = []

    def run(decide):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                parts = [part for part in body["messages"][-1]["content"] if isinstance(part, dict)]
                text = " ".join(part["text"] for part in parts if part["type"] == "text")
                urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
                pictures = [base64.b64decode(url.partition(",")[2]) for url in urls]
                said = "Yes." if decide(pictures, text) else "No."
                message = {"role": "assistant", "content": said}
                answer = {"id": "1", "object": "chat.completion", "model": "m",
                          "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}  # fmt: skip
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        probes = "blank,shuffle,paraphrase,confirm-fine"
        model = ["--model", "openai:m", "--base-url", url, "--no-yes-no"]
        asked = ["run", "--dataset", str(dots), *model, "--probe", probes, "--out", str(tmp_path / "run")]
        result = CliRunner().invoke(app, asked)
        assert result.exit_code == 0, result.output
        table = pd.read_csv(tmp_path / "run" / "report" / "probes.csv").set_index("probe")
        return " ".join(result.output.split()), table

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_oracle_looks_and_reads(ask):
    output, table = ask(oracle)
    assert "blank: looks: 50 points worse without the picture" in output
    assert "confirm-fine: holds its judgement" in output
    assert list(table["finding"]) == ["yes", "no", "yes", "yes"]  # a red dot is found wherever it lies
    assert "What it scores blindly: without the picture accuracy 50" in output
    assert table.loc["blank", "recall_change"] == pytest.approx(-1)


def test_a_blind_model_does_not_look(ask):
    output, table = ask(blind)
    assert "blank: does not look: it says the same without the picture (no answer changes)" in output
    assert table.loc["blank", "finding"] == table.loc["shuffle", "finding"] == "no"
    assert table.loc["blank", "changed_answers"] == 0


def test_a_model_that_ignores_the_prompt_does_not_read(ask):
    output, table = ask(ignores_the_prompt)
    assert "confirm-fine: does not read the question: 100 % of its judgements turn" in output
    assert table.loc["confirm-fine", "finding"] == "no"
    assert table.loc["blank", "finding"] == "yes"
