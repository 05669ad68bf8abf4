"""Services with OpenAI's API as they differ: base paths, and parameters that some refuse."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ai_core.engines.base import ChatMessage, Prompt, Sampling
from ai_core.engines.remote.engine import RemoteEngine
from ai_core.engines.remote.upstreams import Upstream
from ai_core.errors import Unsupported
from shared.clock import SystemClock

KEY = "sk-of-the-operator"


def of_openai(name: str) -> tuple[int, Any]:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return 400, {"error": {"message": message, "param": name, "code": "unsupported_parameter"}}


def of_mistral(name: str) -> tuple[int, Any]:
    fault = {"type": "extra_forbidden", "loc": ["body", name], "msg": "not permitted", "input": 1}
    return 422, {"object": "error", "message": {"detail": [fault]}}


def of_google(name: str) -> tuple[int, Any]:
    message = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    return 400, [{"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}]


SERVICES = {  # base path, what is refused, how
    "openai": ("/v1", {"max_tokens", "temperature", "top_p"}, of_openai),
    "mistral": ("/v1", {"seed", "stream_options"}, of_mistral),
    "google": ("/v1beta/openai", {"seed", "random_seed"}, of_google),
    "vllm": ("", set(), of_openai),
}


@contextmanager
def service(name: str) -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    base, refused, refusal = SERVICES[name]
    asked: list[tuple[str, dict[str, Any]]] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send(200, {"data": [{"id": "large", "owned_by": name}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body))
            unknown = sorted(refused & set(body))
            choice = {"message": {"role": "assistant", "content": "Oui."}, "finish_reason": "stop"}
            if unknown:
                self.send(*refusal(unknown[0]))
            else:
                self.send(200, {"choices": [{"index": 0, **choice}]})

        def send(self, status: int, reply: Any) -> None:
            content = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{base}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def written(engine: RemoteEngine, **sampling: Any) -> str:
    prompt = Prompt((ChatMessage("user", "Bonjour ?"),), "Bonjour ?", (), "fr")
    return "".join([
        chunk.text async for chunk in engine.stream(prompt, Sampling(max_tokens=8, **sampling))
    ])  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_answers_under_its_own_path_and_names(name: str) -> None:
    with service(name) as (url, asked):
        engine = RemoteEngine("g", "w", [url], model="large", context_tokens=4096, api_key=KEY)
        await engine.open()
        try:
            assert await written(engine) == "Oui."
            tries = len(asked)
            assert await written(engine) == "Oui."
        finally:
            await engine.close()
    base, refused, _ = SERVICES[name]
    assert {path for path, _ in asked} == {f"{base or '/v1'}/chat/completions"}
    assert tries == 1 + len(refused)
    assert len(asked) == tries + 1
    last = asked[-1][1]
    assert not refused & set(last)
    assert ("max_completion_tokens" in last) == (name == "openai")
    assert ("random_seed" in last) == (name == "mistral")


async def test_what_a_caller_chose_is_refused_and_not_left_out() -> None:
    SERVICES["strict"] = ("/v1", {"top_k"}, of_openai)
    with service("strict") as (url, asked):
        engine = RemoteEngine("g", "w", [url], model="large", context_tokens=4096)
        await engine.open()
        try:
            with pytest.raises(Unsupported):
                await written(engine, top_k=5)
        finally:
            await engine.close()
    del SERVICES["strict"]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("given", "url", "root"),
    [
        ("http://10.0.0.2:8000", "http://10.0.0.2:8000/v1", "http://10.0.0.2:8000"),
        ("http://10.0.0.2:8000/v1/", "http://10.0.0.2:8000/v1", "http://10.0.0.2:8000"),
        ("https://g.example/v1beta/openai", "https://g.example/v1beta/openai", None),
        ("https://m.example/proxy/v1", "https://m.example/proxy/v1", "https://m.example/proxy"),
    ],
)
def test_the_base_path_is_the_operator_s(given: str, url: str, root: str | None) -> None:
    upstream = Upstream(given, SystemClock())
    assert (upstream.url, upstream.root) == (url, root or url)
