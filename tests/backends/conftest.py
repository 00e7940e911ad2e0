import contextlib
import hashlib
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vlm_eval.backends.local import LocalBackend
from vlm_eval.flow import BackendSpec, Generation, Model, Part, Prompt, Request, Turn, View
from vlm_eval.resources import shipped


@pytest.fixture(scope="session")
def tiny_models() -> ModuleType:
    """The builders of tiny checkpoints; skips where torch is absent."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).with_name("tiny_models.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny(tiny_models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Build a tiny checkpoint by the name of its architecture, once."""
    built: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in built:
            built[name] = getattr(tiny_models, name)(tmp_path_factory.mktemp("checkpoints") / name)
        return built[name]

    return get


@pytest.fixture(scope="session")
def pocket(tiny: Callable[[str], Path]) -> str:
    """Return pocket-llava where it is shipped, else a tiny random LLaVA."""
    if (shipped("models") / "pocket-llava" / "config.json").is_file():
        return "pocket-llava"
    return str(tiny("llava"))


@pytest.fixture
def open_tiny(tiny: Callable[[str], Path]) -> Callable[..., LocalBackend]:
    """Open a backend on a tiny checkpoint, with BLIP-2 in its own family and LLaVA in its."""
    import torch

    before = torch.get_num_threads()

    def open_it(
        name: str, *, folder: Path | None = None, dtype: str | None = None, **options: Any
    ) -> LocalBackend:
        family = "blip2" if name.startswith("blip2") else "llava" if name == "llava" else "auto"
        module = importlib.import_module(f"vlm_eval.backends.local_{family}")
        spec = BackendSpec(Model(family, str(folder or tiny(name)), dtype=dtype), {"threads": 1, **options})
        return module.build(spec, Path())

    yield open_it
    torch.set_num_threads(before)


def picture(seed: int, size: tuple[int, int] = (48, 40)) -> View:
    """Return a view of a picture of its own for every seed."""
    patches = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(patches).resize(size, Image.Resampling.NEAREST).save(stream, "PNG")
    return view_of(stream.getvalue(), f"{seed}.png")


def view_of(data: bytes, name: str = "any.png") -> View:
    """Return a view that renders to the bytes given."""
    return View("query", Path(name), (), hashlib.sha256(data).hexdigest(), (48, 40), lambda path, recipe: data)


def request(*parts: Part, key: str = "", **generation: Any) -> Request:
    """Return a request of one turn, with a key that hangs on all of it unless one is given."""
    setting = Generation(**{"max_tokens": 6, **generation})
    prompt = Prompt((Turn("user", parts),))
    facts = repr((prompt.text, [view.identity for view in prompt.views], setting, key))
    return Request(hashlib.sha256(facts.encode()).hexdigest(), Model("llava", "tiny"), prompt, setting)


def mixed_requests(count: int, *, two_pictures: bool, **generation: Any) -> list[Request]:
    """Return requests of many text lengths and picture sizes, every other with two pictures where allowed."""
    sizes = ((48, 40), (32, 64), (70, 30))
    requests = []
    for number in range(count):
        query = picture(number, sizes[number % 3])
        question = "Is there " + "an anomaly or " * (number % 7) + "a defect?"
        reference = (picture(1000 + number), "This one is normal. ") if two_pictures and number % 2 else ()
        requests.append(request(*reference, query, question, key=str(number), **generation))
    return requests


@pytest.fixture
def make() -> ModuleType:
    """The makers of pictures and requests."""
    import sys

    return sys.modules[__name__]


@pytest.fixture(scope="session")
def mock() -> ModuleType:
    """The module of the server that answers chat completions to order."""
    import sys

    spec = importlib.util.spec_from_file_location("mock_server", Path(__file__).with_name("mock_server.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server(mock: ModuleType) -> Any:
    """A chat-completions server on this machine; it echoes the text that it is asked."""
    server = mock.MockServer()
    yield server
    server.close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate that nobody signed, and its key, with the openssl command; skip where there is none."""
    import shutil
    import subprocess

    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def untrusted(tmp_path: Path) -> Any:
    """The address of a server on this machine whose certificate nobody signed."""
    import socket
    import ssl
    import threading

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain, contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as stream:
                stream.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def ask(server: Any, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Put requests to the server through the openai family; return the outcomes by key."""
    from vlm_eval.backends.registry import open_backend, parse_model

    def run(requests: Any, **options: Any) -> dict[str, Any]:
        given = {"base_url": server.url, "first_wait": 0.01, **options}
        backend = open_backend(parse_model("openai:mock", **given), tmp_path / "scratch")
        outcomes: dict[str, Any] = {}
        for key, outcome in backend.answer(requests):
            assert key not in outcomes
            outcomes[key] = outcome
        return outcomes

    return run
