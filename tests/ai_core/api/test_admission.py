"""What a request costs before it is admitted, and while its body comes: next to nothing."""

import asyncio
import contextlib
import json
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from ai_core.access.keys import Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.answering import masking
from ai_core.answering.masking import TextMasking
from ai_core.api import sse
from ai_core.app import open_masking
from ai_core.engines.scripted import ScriptedEngine
from ai_core.errors import TextUnreadable
from ai_core.settings import Settings
from shared.errors import Unavailable
from shared.privacy.sandbox import SandboxFailed
from shared.privacy.settings import PrivacySettings
from tests.ai_core.api.test_sse import served
from tests.ai_core.conftest import RunningApp, connected
from tests.shared.privacy.fake_spacy import fake_spacy_in

QUESTION = "Quelle est la durée du préavis en cas de démission ?"
LONG = "Bonjour, " * 1_000
ROUTES: dict[str, Callable[[str], dict[str, Any]]] = {
    "/api/v1/generate": lambda text: {"prompt": text},
    "/api/v1/chat": lambda text: {"messages": [{"role": "user", "content": text}]},
    "/v1/chat/completions": lambda text: {"messages": [{"role": "user", "content": text}]},
    "/v1/completions": lambda text: {"prompt": text},
    "/v1/embeddings": lambda text: {"input": text, "model": "scripted"},
}


class RecordingChild:
    """A child that masks nothing and records what it is given, or fails."""

    def __init__(self, failure: SandboxFailed | None = None) -> None:
        self.calls: list[bytes] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._failure = failure

    async def call(self, data: bytes) -> bytes:
        self.calls.append(data)
        await self.may_answer.wait()
        if self._failure:
            raise self._failure
        return data


def chat(*texts: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text} for text in texts], **more}


def visitor(app: Any) -> dict[str, str]:
    headers: dict[str, str] = app.key_header(Scope.PUBLISHABLE)
    return headers | {"Sec-Fetch-Site": "same-origin"}


async def live_s(app: Any) -> float:
    began_s = time.perf_counter()
    assert (await app.client.get("/live")).status_code == 200
    return time.perf_counter() - began_s


async def asked_s(app: Any, number: int) -> float:
    began_s = time.perf_counter()
    reply = await app.client.post(
        "/api/v1/chat", json=chat(f"{QUESTION} ({number})"), headers=app.key_header()
    )
    assert reply.status_code == 200
    return time.perf_counter() - began_s


@pytest.mark.slow
async def test_while_a_long_hostile_chat_is_masked_others_are_answered_as_fast(app: Any) -> None:
    """The best of three rounds counts: a busy machine disturbs one, a blocked loop all of them."""
    await live_s(app), await asked_s(app, 0)
    for number in range(3):
        quiet, busy = await answered_s(app, 1_000 * number)
        limits = [median(before) for before in zip(*quiet, strict=True)]
        times = [sorted(during) for during in zip(*busy, strict=True)]
        if all(
            median(during) <= 4 * limit and during[-2] <= 25 * limit
            for during, limit in zip(times, limits, strict=True)
        ):
            return
    pytest.fail(f"quiet {limits}, while a chat is masked {times}")


async def answered_s(
    app: Any, first: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return what requests take before hostile chats come, and while they are masked."""
    text = (f"+49 {first} 2 3 4 5 6 7 8 9 0 1 2 3 " * 1_067)[:32_000]
    hostile = chat(*[text] * 12, QUESTION)
    quiet = [(await live_s(app), await asked_s(app, first + number)) for number in range(1, 40)]
    busy: list[tuple[float, float]] = []
    while len(busy) < 40:
        asking = asyncio.create_task(
            app.client.post("/api/v1/chat", json=hostile, headers=app.key_header())
        )
        while not asking.done():
            busy.append((await live_s(app), await asked_s(app, first + 100 + len(busy))))
        assert (await asking).status_code in {200, 400}
    return quiet, busy


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


@pytest.mark.parametrize("path", ROUTES)
async def test_over_quota_a_long_text_is_not_looked_at(
    running_app: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = RecordingChild()
    async with running_app(ScriptedEngine("Un mot.")) as app:
        monkeypatch.setattr(app.state["masking"], "_child", child)
        key = await app.new_key(Scope.INFERENCE, limits=RateLimits(requests_per_minute=1))
        replies = [
            await app.client.post(path, json=ROUTES[path](LONG), headers={"X-API-Key": key})
            for _ in range(2)
        ]

    assert [reply.status_code for reply in replies] == [200, 429]
    assert len(child.calls) == 1


async def test_a_long_text_that_is_refused_costs_no_tokens_and_frees_its_place(app: Any) -> None:
    limits = RateLimits(concurrent=1, tokens_per_minute=1_000_000)
    key = await app.new_key(Scope.INFERENCE, limits=limits)
    wrong = chat(LONG, surprise=1)
    headers = {"X-API-Key": key}
    replies = [await app.client.post("/api/v1/chat", json=wrong, headers=headers) for _ in "123"]

    assert [reply.status_code for reply in replies] == [422, 422, 422]
    found = await app.client.get("/api/v1/search?q=préavis", headers=headers)
    assert found.headers["ratelimit"].endswith("r=1000000")


async def test_a_long_question_is_masked_answered_and_cached_or_not(app: Any) -> None:
    text = f"Je suis jean@exemple.fr. {LONG} {QUESTION}"
    reply = await app.client.post("/api/v1/chat", json=chat(text), headers=app.key_header())

    assert reply.status_code == 200
    assert "L1237-1" in reply.text


@pytest.mark.parametrize(
    ("texts", "status"),
    [(["a" * 32_000], 200), (["a" * 31_999, "bc"], 413), (["é" * 30_000] * 20, 413)],
)
async def test_a_visitor_is_told_how_long_a_conversation_may_be(
    app: Any, texts: list[str], status: int
) -> None:
    reply = await app.client.post("/api/v1/chat", json=chat(*texts), headers=visitor(app))

    assert reply.status_code == status
    if status == 413 and reply.json()["code"] == "text_too_long":
        assert "32 000 caractères" in reply.json()["detail"]
        assert reply.json()["errors"] == [{"field": "messages", "reason": "text_too_long"}]


async def test_a_program_may_send_more_and_is_told_the_limit_too(app: Any) -> None:
    body = chat(*["a" * 31_000] * 13)
    replies = [
        await app.client.post(path, json=body, headers=app.key_header())
        for path in ("/api/v1/chat", "/v1/chat/completions")
    ]

    assert [reply.status_code for reply in replies] == [413, 413]
    error = replies[1].json()["error"]
    assert (error["param"], error["code"]) == ("messages", "text_too_long")
    assert "400 000" in error["message"]


async def test_masking_that_takes_too_long_is_for_that_caller_alone() -> None:
    with pytest.raises(TextUnreadable):
        await TextMasking(RecordingChild(SandboxFailed("time"))).prepare([LONG], "prompt", "a")
    with pytest.raises(Unavailable):
        await TextMasking(RecordingChild(SandboxFailed("crash"))).prepare([LONG], "prompt", "a")


@pytest.mark.parametrize(
    "text",
    [
        "+49 1 2 3 4 5 6 7 8 9 0 " * 40,
        "٠٦ ١٢ ٣٤ ٥٦ ٧٨ " * 30,
        "①②③④⑤⑥⑦⑧ " * 60,
        "a@b." * 100,
        "Bonjour, " * 300,
    ],
)
async def test_what_takes_long_to_mask_goes_to_the_child_after_the_limits(
    app: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = RecordingChild()
    monkeypatch.setattr(app.state["masking"], "_child", child)
    key = await app.new_key(Scope.INFERENCE, limits=RateLimits(requests_per_minute=1))
    for status in (200, 429, 429):
        reply = await app.client.post(
            "/api/v1/chat", json=chat(f"{text} {QUESTION}"), headers={"X-API-Key": key}
        )
        assert reply.status_code == status

    assert len(child.calls) == 1


async def test_a_letter_with_its_numbers_is_masked_at_once(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = RecordingChild()
    monkeypatch.setattr(app.state["masking"], "_child", child)
    numbers = "06 12 34 56 78, jean@exemple.fr, 1 85 05 78 006 084 91, 75011 Paris, le 3 mai 2024"
    body = chat(f"Bonjour, voici mes coordonnées : {numbers}. {QUESTION}")
    reply = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())

    assert (reply.status_code, child.calls) == (200, [])


async def test_after_a_refusal_the_next_is_answered_without_redis_until_its_wait_is_over(
    app: Any,
) -> None:
    key = await app.new_key(Scope.INFERENCE, limits=RateLimits(requests_per_minute=1))
    headers = {"X-API-Key": key}

    async def ask() -> Any:
        return await app.client.post("/api/v1/chat", json=chat(QUESTION), headers=headers)

    replies = [await ask() for _ in "1234"]
    waits = [int(reply.headers["retry-after"]) for reply in replies[1:]]
    assert [reply.status_code for reply in replies] == [200, 429, 429, 429]
    assert all(waits[0] - 2 <= wait <= waits[0] for wait in waits)
    assert f"r=0;t={waits[2]}" in replies[3].headers["ratelimit"]
    async with connected(app.redis_url) as connection:
        usage = list(await connection.call("KEYS", "*:usage:*"))
        await connection.call("DEL", *usage)
    assert (await ask()).status_code == 429  # as it was told


@pytest.mark.parametrize("limit", ["MOST_WAITING", "MOST_WAITING_OF_CALLER"])
async def test_only_so_many_long_texts_wait_to_be_masked(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(masking, limit, 1)
    child = RecordingChild()
    child.may_answer.clear()
    masks = TextMasking(child)
    first = asyncio.create_task(masks.prepare([LONG], "prompt", "a"))
    await asyncio.sleep(0)

    with pytest.raises(Unavailable):
        await masks.prepare([LONG], "prompt", "a")
    child.may_answer.set()
    assert (await first)(LONG) == LONG


@pytest.mark.parametrize("path", [*ROUTES, "/api/v1/models/load", "/api/v1/models/unload"])
@pytest.mark.parametrize("key", ["nobody", "page"])
async def test_who_may_not_ask_is_told_before_the_body_comes(app: Any, path: str, key: str) -> None:
    if (path, key) == ("/api/v1/chat", "page"):
        expected, site = b"403", "cross-site"
    else:
        expected, site = {"nobody": b"401", "page": b"403"}[key], "same-origin"
    secret = app.keys[Scope.PUBLISHABLE] if key == "page" else "cdt_live_nobody"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Sec-Fetch-Site: {site}\r\nX-API-Key: {secret}\r\nContent-Length: 1000000\r\n\r\n"
    )
    async with served(app.asgi) as url:
        reader, writer = await asyncio.open_connection(*address_of(url))
        writer.write(head.encode())
        async with asyncio.timeout(5):  # less than a body may take
            status = await reader.readline()
        writer.close()

    assert status.split()[1] == expected


def address_of(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


async def test_half_sent_bodies_hold_up_nobody(app: Any) -> None:
    body = json.dumps(chat(QUESTION)).encode()
    head = (
        "POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Sec-Fetch-Site: same-origin\r\nX-API-Key: {app.keys[Scope.PUBLISHABLE]}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    async with served(app.asgi) as url, contextlib.AsyncExitStack() as stack:
        for _ in range(100):
            _, writer = await asyncio.open_connection(*address_of(url))
            stack.callback(writer.close)
            writer.write(head.encode() + body[:20])
            await writer.drain()
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            reply = await client.post("/api/v1/chat", json=chat(QUESTION), headers=app.key_header())

    assert reply.status_code == 200


async def test_a_client_that_does_not_read_its_stream_loses_its_place(
    running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(sse, "WATCH_EVERY_S", 0.05)
    engine = ScriptedEngine(("m" * 2_000 + " ") * 4_000)
    body = json.dumps(chat(QUESTION, stream=True, max_tokens=4_000)).encode()
    async with running_app(engine) as app, served(app.asgi) as url:
        key = await app.new_key(Scope.INFERENCE, limits=RateLimits(concurrent=1))
        head = (
            "POST /api/v1/chat HTTP/1.1\r\nHost: neo.test\r\nContent-Type: application/json\r\n"
            f"X-API-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        deaf = socket.socket()
        with contextlib.closing(deaf):
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, address_of(url))
            await asyncio.get_running_loop().sock_sendall(deaf, head.encode() + body)
            await engine.started.wait()
            async with httpx2.AsyncClient(base_url=url, headers={"X-API-Key": key}) as client:
                async with asyncio.timeout(60):
                    status = 429
                    while status == 429:
                        question = chat(QUESTION, model="extractive")
                        status = (await client.post("/api/v1/chat", json=question)).status_code
                        await asyncio.sleep(0.05)

    assert status == 200
    assert engine.abandoned.is_set()


async def test_a_name_that_the_model_finds_in_a_short_question_goes_no_further(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_spacy_in(tmp_path):
        async with AsyncExitStack() as stack:
            settings = Settings(privacy=PrivacySettings(names=True))
            opened = await open_masking(settings, stack)
            monkeypatch.setattr(app.state["masking"], "__dict__", vars(opened))
            body = chat(f"Mon chef Bruno part. {QUESTION}")
            reply = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())

    assert reply.status_code == 200
    assert reply.json()["masked"] == {"name": 1}
    assert "Bruno" not in reply.text


async def test_a_caller_who_leaves_with_half_a_body_is_no_error(app: RunningApp) -> None:
    key = app.key_header()["X-API-Key"].encode()
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/chat", "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"x-api-key", key)],
    }  # fmt: skip
    received = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> dict[str, object]:
        return next(received, {"type": "http.disconnect"})

    async def send(message: object) -> None:
        raise AssertionError(message)

    with capture_logs() as logged:
        await app.asgi(scope, receive, send)
    assert [(line["event"], line.get("status")) for line in logged] == [("request", 499)]
