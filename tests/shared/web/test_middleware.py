import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict

from shared.errors import NotFound, TooMany
from shared.logs import set_up_logs
from shared.texts import Texts
from shared.web.http_metrics import HttpMetrics
from shared.web.middleware import RequestMiddleware
from shared.web.problems import add_error_handlers

TEXTS = Texts.read(Path("shared/texts/errors.toml"))


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str


def small_app() -> FastAPI:
    app = FastAPI()

    @app.post("/notes")
    async def write(note: Note) -> Note:
        return note

    @app.get("/notes/{name}")
    async def read(name: str) -> Note:
        if name == "busy":
            raise TooMany("quota of key k1", retry_after_s=6.2)
        raise NotFound(f"no note {name}")

    @app.post("/raw")
    async def raw(request: Request) -> Note:
        return Note(text=(await request.body()).decode())

    @app.get("/bug")
    async def bug(request: Request) -> Note:
        raise RuntimeError("secret detail")

    return app


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    set_up_logs("ai_core", stream=stream)
    yield stream
    set_up_logs("ai_core")


@pytest.fixture
async def client(
    registry: CollectorRegistry, log: io.StringIO
) -> AsyncIterator[httpx2.AsyncClient]:
    app = small_app()
    add_error_handlers(app, TEXTS)
    edge = RequestMiddleware(app, HttpMetrics(registry), TEXTS, max_body_bytes=1_000)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(edge), base_url="http://service"
    ) as client:
        yield client


def last_line(log: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(log.getvalue().splitlines()[-1])
    return line


async def test_an_error_is_a_problem_document_in_french(client: httpx2.AsyncClient) -> None:
    response = await client.get("/notes/x", headers={"X-Request-ID": "abc"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:code-du-travail-neo:error:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "Rien à cette adresse.",
        "code": "not_found",
        "request_id": "abc",
    }


async def test_an_error_is_in_english_when_requested(client: httpx2.AsyncClient) -> None:
    response = await client.get("/notes/x", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert response.json()["detail"] == "There is nothing at this address."


async def test_a_429_says_when_to_come_back(client: httpx2.AsyncClient) -> None:
    response = await client.get("/notes/busy")
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.json()["detail"] == "Trop de demandes : réessayez dans 7 s."


async def test_an_unknown_field_is_named_and_its_value_is_not_repeated(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.post("/notes", json={"text": "a", "txet": "jean@exemple.fr"})
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "txet", "reason": "extra_forbidden"}]
    assert "jean" not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "\xff"}', b"\x00"])
async def test_what_is_not_json_is_a_4xx_problem(client: httpx2.AsyncClient, body: bytes) -> None:
    response = await client.post(
        "/notes", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in {400, 422}
    assert response.json()["code"] in {"malformed_body", "invalid_request"}


async def test_a_large_body_is_refused_with_or_without_its_length(
    client: httpx2.AsyncClient,
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    told = await client.post("/notes", content=b" " * 2_000)
    untold = await client.post("/notes", content=pieces())
    assert {told.status_code, untold.status_code} == {413}
    assert told.json()["code"] == "too_large"


async def test_a_bug_is_a_500_that_reveals_nothing_and_is_logged_with_its_id(
    client: httpx2.AsyncClient, log: io.StringIO
) -> None:
    response = await client.get("/bug")
    assert response.status_code == 500
    assert "secret" not in response.text
    trace = next(line for line in log.getvalue().splitlines() if "unexpected error" in line)
    assert json.loads(trace)["request_id"] == response.json()["request_id"]
    assert "RuntimeError" in trace


async def test_a_caller_who_leaves_with_half_a_body_is_no_error(
    client: httpx2.AsyncClient, log: io.StringIO
) -> None:
    scope = {
        "type": "http", "method": "POST", "path": "/raw", "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    left = iter([{"type": "http.request", "body": b"{", "more_body": True}])
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return next(left, {"type": "http.disconnect"})

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await client._transport.app(scope, receive, send)  # type: ignore[attr-defined]
    assert "unexpected error" not in log.getvalue()
    assert (last_line(log)["event"], last_line(log)["status"]) == ("request", 499)
    assert not any(message.get("body") for message in sent)


async def test_one_line_is_logged_per_request_with_its_ids_and_route(
    client: httpx2.AsyncClient, log: io.StringIO
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    await client.get(
        "/notes/jean.dupont",
        headers={"X-Request-ID": "r-1", "traceparent": f"00-{trace_id}-b7ad6b7169203331-01"},
    )
    assert len(log.getvalue().splitlines()) == 1
    line = last_line(log)
    assert (line["request_id"], line["trace_id"]) == ("r-1", trace_id)
    assert (line["route"], line["status"], line["method"]) == ("/notes/{name}", 404, "GET")
    assert "dupont" not in log.getvalue()


async def test_a_request_id_that_is_not_one_is_replaced(client: httpx2.AsyncClient) -> None:
    response = await client.get("/notes/x", headers={"X-Request-ID": 'a"b\tc' + "x" * 100})
    assert len(response.headers["x-request-id"]) == 32


async def test_requests_are_counted_and_timed_by_route(
    client: httpx2.AsyncClient, registry: CollectorRegistry
) -> None:
    await client.get("/notes/a")
    await client.get("/notes/b")
    await client.get("/nowhere")
    labels = {"route": "/notes/{name}", "method": "GET", "status": "404"}
    assert registry.get_sample_value("http_requests_total", labels) == 2
    assert (
        registry.get_sample_value("http_request_duration_seconds_count", {"route": "unmatched"})
        == 1
    )
