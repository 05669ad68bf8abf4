"""Answers as server-sent events, from a real server where the wire matters."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import uvicorn

from ai_core.access.keys import Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.api import sse
from ai_core.engines.scripted import ScriptedEngine

DAILY_TOKENS = 100_000
QUESTION = {
    "messages": [{"role": "user", "content": "Quelle est la durée du préavis de démission ?"}],
    "stream": True,
}


def events(body: str) -> list[tuple[str, Any]]:
    found = []
    for block in body.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        data = lines.get("data")
        if data:
            value = data if data == "[DONE]" else json.loads(data)
            found.append((lines.get("event", "message"), value))
    return found


async def stream(app: Any, **more: object) -> list[tuple[str, Any]]:
    response = await app.client.post("/api/v1/chat", json=QUESTION | more, headers=app.key_header())
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    return events(response.text)


async def test_the_pieces_then_the_citations_then_the_usage_then_done(app: Any) -> None:
    told = await stream(app)

    names = [name for name, _ in told]
    text = "".join(value["delta"] for name, value in told[:-3])
    citations, usage = told[-3][1], told[-2][1]
    assert names[-3:] == ["citations", "usage", "message"]
    assert told[-1][1] == "[DONE]"
    assert [citation["number"] for citation in citations if citation["number"] in text]
    assert usage["corpus_date"] == "2026-03-27"
    assert usage["conversation_id"]


async def test_a_stream_says_the_same_as_a_whole_reply(app: Any) -> None:
    told = await stream(app)
    whole = await app.client.post(
        "/api/v1/chat", json=QUESTION | {"stream": False}, headers=app.key_header()
    )

    deltas = (value["delta"] for name, value in told if name == "message" and value != "[DONE]")
    assert "".join(deltas) == whole.json()["response"]


async def test_the_usage_tells_what_was_masked(app: Any) -> None:
    question = "Quel préavis ? Écrivez à jean@exemple.fr"
    told = await stream(app, messages=[{"role": "user", "content": question}])

    usage = next(value for name, value in told if name == "usage")
    assert usage["masked"] == {"email": 1}
    assert "1 × adresse électronique" in usage["masked_notice"]


async def test_a_model_that_fails_midway_ends_with_an_error_event(running_app: Any) -> None:
    async with running_app(ScriptedEngine("un deux trois quatre " * 9, fails_after=30)) as app:
        told = await stream(app)

    name, problem = told[-1]
    assert name == "error"
    assert problem["code"] == "engine_failed"
    assert problem["request_id"]
    assert told[0][1]["delta"]


async def test_a_model_that_fails_at_once_is_an_ordinary_error(running_app: Any) -> None:
    async with running_app(ScriptedEngine("jamais", fails_after=0)) as app:
        response = await app.client.post("/api/v1/chat", json=QUESTION, headers=app.key_header())

    assert (response.status_code, response.json()["code"]) == (500, "engine_failed")


async def test_an_unknown_model_is_a_404_even_for_a_stream(app: Any) -> None:
    response = await app.client.post(
        "/api/v1/chat", json=QUESTION | {"model": "gpt-9"}, headers=app.key_header()
    )

    assert (response.status_code, response.json()["code"]) == (404, "unknown_model")


async def test_a_stream_cannot_be_repeated_by_key(app: Any) -> None:
    headers = {**app.key_header(), "Idempotency-Key": "once"}

    response = await app.client.post("/api/v1/chat", json=QUESTION, headers=headers)

    assert response.status_code == 422


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an app that is already started, on a port of its own."""
    server = uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.mark.parametrize("streamed", [True, False])
async def test_hanging_up_stops_the_model(running_app: Any, streamed: bool) -> None:
    engine = ScriptedEngine("mot " * 10_000, pause_s=0.01)
    body = QUESTION | {"stream": streamed}
    async with running_app(engine) as app, served(app.asgi) as url:
        async with httpx2.AsyncClient(base_url=url) as client:
            asking = asyncio.create_task(
                client.post("/api/v1/chat", json=body, headers=app.key_header())
            )
            await engine.started.wait()
            asking.cancel()
            await asyncio.wait([asking])
        async with asyncio.timeout(30):  # the whole answer would take 100 s
            await engine.abandoned.wait()

    assert len(engine.prompts) == 1


async def tokens_spent_today(app: Any, key: str) -> int:
    reply = await app.client.get("/api/v1/search?q=préavis", headers={"X-API-Key": key})
    left = re.findall(r'"tokens-day";r=([0-9]+)', reply.headers["ratelimit"])
    return DAILY_TOKENS - int(left[0])


@pytest.mark.parametrize(
    ("streamed", "more"),
    [(True, {}), (False, {}), (False, {"Idempotency-Key": "once"})],
    ids=["stream", "whole", "whole with an Idempotency-Key"],
)
async def test_hanging_up_costs_what_was_read_and_written(
    running_app: Any, streamed: bool, more: dict[str, str]
) -> None:
    engine = ScriptedEngine("mot " * 10_000, pause_s=0.01)
    body = QUESTION | {"stream": streamed, "max_tokens": 4_000}
    async with running_app(engine) as app, served(app.asgi) as url:
        key = await app.new_key(Scope.INFERENCE, limits=RateLimits(tokens_per_day=DAILY_TOKENS))
        async with httpx2.AsyncClient(base_url=url, headers={"X-API-Key": key}) as client:
            asking = asyncio.create_task(client.post("/api/v1/chat", json=body, headers=more))
            await engine.started.wait()
            reserved = await tokens_spent_today(app, key)
            asking.cancel()
            await asyncio.wait([asking])
        await engine.abandoned.wait()
        read = sum(len(message.content.split()) for message in engine.prompts[0].messages)
        async with asyncio.timeout(30):
            while (spent := await tokens_spent_today(app, key)) == reserved:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # it is corrected once the answer has ended

    assert read <= spent < read + 3_000


async def test_pieces_arrive_while_the_model_still_writes(running_app: Any) -> None:
    engine = ScriptedEngine("mot " * 100, pause_s=0.005)
    async with (
        running_app(engine) as app,
        served(app.asgi) as url,
        httpx2.AsyncClient(base_url=url) as client,
        client.stream("POST", "/api/v1/chat", json=QUESTION, headers=app.key_header()) as told,
    ):
        lines = told.aiter_lines()
        first = await anext(lines)
        still_writing = not engine.completed
        rest = [line async for line in lines]

    assert first.startswith("data: ")
    assert still_writing
    assert engine.completed
    assert "data: [DONE]" in rest[-2:]


async def test_a_silent_stream_is_kept_open_by_comments(
    running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.05)
    monkeypatch.setattr(sse, "WATCH_EVERY_S", 0.01)
    async with running_app(ScriptedEngine("un deux", pause_s=0.5)) as app:
        reply = await app.client.post("/api/v1/chat", json=QUESTION, headers=app.key_header())

    assert reply.text.count(": still writing\n\n") >= 2
    assert reply.text.endswith("data: [DONE]\n\n")
