"""`/api/v1/ws` from a real server: answers, resuming, limits, and what an attacker would send.

The file is long because one protocol is tested whole over one kind of server.
"""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
import websockets
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ai_core.access.keys import Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.api import running_answers, websocket, websocket_protocol
from ai_core.api.websocket_protocol import BoundedWebSocketProtocol
from ai_core.engines.scripted import ScriptedEngine
from tests.ai_core.conftest import RunningApp

QUESTION = "Quelle est la durée du préavis de démission ?"
SITE = "https://mairie.example"
Frame = dict[str, Any]


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an app that is already started, as `python -m ai_core` does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws=BoundedWebSocketProtocol,
            ws_max_size=1024 * 1024 - 1,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}/api/v1/ws"
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def app(running_app: Callable[..., Any]) -> AsyncIterator[RunningApp]:
    async with running_app() as app:
        yield app


@pytest.fixture
async def url(app: RunningApp) -> AsyncIterator[str]:
    async with served(app.asgi) as url:
        yield url


def new_id() -> str:
    return secrets.token_urlsafe(18)


def question(answer_id: str, text: str = QUESTION, **more: Any) -> Frame:
    body = {"messages": [{"role": "user", "content": text}]}
    return {"type": "question", "answer": answer_id, "request": body | more}


def resume(answer_id: str, **more: Any) -> Frame:
    return {"type": "resume", "answer": answer_id, **more}


async def send(connection: ClientConnection, frame: Frame) -> None:
    await connection.send(json.dumps(frame))


async def receive(connection: ClientConnection) -> Frame:
    async with asyncio.timeout(30):
        frame: Frame = json.loads(await connection.recv())
    return frame


async def until_end(connection: ClientConnection) -> list[Frame]:
    """Return the frames up to the one that ends an answer."""
    frames = [await receive(connection)]
    while frames[-1]["type"] not in running_answers.ENDS:
        frames.append(await receive(connection))
    return frames


def text_of(frames: list[Frame]) -> str:
    return "".join(frame["delta"] for frame in frames if frame["type"] == "piece")


@asynccontextmanager
async def connected(
    url: str, app: RunningApp, scope: Scope = Scope.INFERENCE, **options: Any
) -> AsyncIterator[ClientConnection]:
    """Connect with a key in the handshake's headers."""
    headers = {"X-API-Key": app.keys[scope]}
    async with websockets.connect(url, additional_headers=headers, **options) as connection:
        assert (await receive(connection))["type"] == "ready"
        yield connection


async def close_code(connection: ClientConnection) -> int:
    """Return the code with which the service closes, whatever it says before."""
    with suppress(ConnectionClosed):
        while True:
            await receive(connection)
    assert connection.close_code is not None
    return connection.close_code


async def test_an_answer_says_what_the_reply_over_http_says(app: RunningApp, url: str) -> None:
    async with connected(url, app) as connection:
        await send(connection, question(new_id()))
        frames = await until_end(connection)
    whole = await app.client.post(
        "/api/v1/chat",
        json={"messages": [{"role": "user", "content": QUESTION}]},
        headers=app.key_header(),
    )

    kinds = [frame["type"] for frame in frames]
    assert (kinds[0], kinds[-4:]) == ("typing", ["sources", "suggestions", "usage", "done"])
    assert [frame["id"] for frame in frames] == list(range(1, len(frames) + 1))
    told, reply = {frame["type"]: frame for frame in frames}, whole.json()
    assert text_of(frames) == reply["response"]
    assert told["sources"]["citations"] == reply["citations"]
    assert told["suggestions"]["suggestions"] == reply["suggestions"]
    assert told["usage"]["usage"]["sections"] == reply["sections"]


async def test_a_conversation_goes_on_and_its_personal_data_is_masked(
    app: RunningApp, url: str
) -> None:
    async with connected(url, app) as connection:
        await send(connection, question(new_id(), f"{QUESTION} Écrivez à jean@exemple.fr"))
        usage = (await until_end(connection))[-2]["usage"]
        again = {"conversation_id": usage["conversation_id"]}
        await send(connection, question(new_id(), "Et pour un cadre ?", **again))
        second = (await until_end(connection))[-2]["usage"]

    assert usage["masked"] == {"email": 1}
    assert second["conversation_id"] == usage["conversation_id"]


async def test_a_browser_shows_its_key_first_from_an_origin_of_the_key(
    app: RunningApp, url: str
) -> None:
    key = await app.new_key(Scope.PUBLISHABLE, allowed_origins=[SITE])
    hello = {"type": "authenticate", "key": key, "language": "th"}

    async with websockets.connect(url, origin=websockets.Origin(SITE)) as connection:
        await send(connection, hello)
        assert (await receive(connection))["type"] == "ready"
        await send(connection, {"type": "resume", "answer": new_id()})
        problem = (await receive(connection))["problem"]
    assert problem["code"] == "unknown_answer"
    assert "โปรดถามใหม่" in problem["detail"]

    with pytest.raises(InvalidStatus) as refusal:  # an origin that no key names
        await websockets.connect(url, origin=websockets.Origin("https://autre.example"))
    assert refusal.value.response.status_code == 403
    assert b"origin_not_allowed" in (refusal.value.response.body or b"")

    ours = await app.new_key(Scope.PUBLISHABLE)
    async with websockets.connect(url, origin=websockets.Origin(SITE)) as connection:
        await send(connection, hello | {"key": ours})  # another key names it, this one does not
        assert (await receive(connection))["problem"]["code"] == "origin_not_allowed"
        assert await close_code(connection) == 1008


async def test_the_widget_says_that_it_is_one_and_is_counted_by_itself(
    app: RunningApp, url: str
) -> None:
    key = await app.new_key(Scope.PUBLISHABLE, allowed_origins=[SITE])
    for told in ({"channel": "widget"}, {}):
        async with websockets.connect(url, origin=websockets.Origin(SITE)) as connection:
            await send(connection, {"type": "authenticate", "key": key} | told)
            assert (await receive(connection))["type"] == "ready"
            await send(connection, question(new_id()))
            await until_end(connection)
    measures = await app.client.get("/metrics", headers=app.key_header(Scope.ADMIN))
    for channel in ("widget", "page"):
        assert f'questions_total{{channel="{channel}",language="fr",turn="first"}} 1.0' in (
            measures.text
        )


async def test_an_unknown_an_expired_and_a_revoked_key_are_refused(
    app: RunningApp, url: str
) -> None:
    wrong = (
        f"{app.keys[Scope.INFERENCE][:-1]}{'0' if app.keys[Scope.INFERENCE][-1] != '0' else '1'}"
    )
    with pytest.raises(InvalidStatus) as refusal:
        await websockets.connect(url, additional_headers={"Authorization": f"Bearer {wrong}"})
    assert refusal.value.response.status_code == 401

    async with websockets.connect(url) as connection:
        await send(connection, question(new_id()))  # before any key
        assert (await receive(connection))["problem"]["code"] == "not_authenticated"
        assert await close_code(connection) == 1008

    async with connected(url, app) as connection:
        await app.revoke(app.keys[Scope.INFERENCE])
        await send(connection, question(new_id()))
        told = await receive(connection)
        while told["type"] != "error":  # admitted by the old copy of the keys, then refused
            told = await receive(connection)
        assert told["problem"]["code"] == "not_authenticated"
        await send(connection, question(new_id()))
        assert await close_code(connection) == 1008


async def test_a_cut_connection_resumes_without_a_second_generation(running_app: Any) -> None:
    engine = ScriptedEngine(" ".join(f"mot{number}" for number in range(120)), pause_s=0.01)
    async with running_app(engine) as app, served(app.asgi) as url:
        answer_id, frames = new_id(), list[Frame]()
        async with connected(url, app) as connection:
            await send(connection, question(answer_id))
            while len(frames) < 10:
                frames.append(await receive(connection))
            connection.transport.abort()
        for cut in range(8):
            async with connected(url, app) as connection:
                after = frames[-1]["id"]
                again = question(answer_id) if cut % 2 else resume(answer_id)
                await send(connection, again | {"after": after})
                for _ in range(5):
                    frames.append(await receive(connection))
                connection.transport.abort()
        async with connected(url, app) as connection:
            await send(
                connection, {"type": "resume", "answer": answer_id, "after": frames[-1]["id"]}
            )
            frames += await until_end(connection)

    assert [frame["id"] for frame in frames] == list(range(1, len(frames) + 1))
    assert "mot0 " in text_of(frames)
    assert "mot119" in text_of(frames)
    assert len(engine.prompts) == 1


async def test_an_answer_is_resumed_from_another_process_and_by_its_key_alone(
    app: RunningApp, running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two apps over one Redis: neither has what the other holds in memory."""
    monkeypatch.setattr(running_answers, "KEEP_EVERY_S", 0.01)
    other_key = await app.new_key(Scope.INFERENCE)
    engine = ScriptedEngine("mot " * 150, pause_s=0.01)
    answer_id = new_id()
    async with served(app.asgi) as elsewhere, writing(app, running_app, engine) as (url, writer):
        async with connected(url, writer) as connection:
            await send(connection, question(answer_id))
            first = [await receive(connection) for _ in range(6)]
            connection.transport.abort()
        async with connected(elsewhere, app) as connection:
            await send(
                connection, {"type": "resume", "answer": answer_id, "after": first[-1]["id"]}
            )
            rest = await until_end(connection)
            await send(connection, question(answer_id))  # asked again: told again, not written
            again = await until_end(connection)
        headers = {"X-API-Key": other_key}
        async with websockets.connect(elsewhere, additional_headers=headers) as connection:
            await receive(connection)
            await send(connection, {"type": "resume", "answer": answer_id})
            refused = await receive(connection)

    assert [frame["id"] for frame in [*first, *rest]] == [frame["id"] for frame in again]
    assert [*first, *rest] == again
    assert refused["problem"]["code"] == "unknown_answer"
    assert len(engine.prompts) == 1


@asynccontextmanager
async def writing(
    app: RunningApp, running_app: Any, engine: ScriptedEngine
) -> AsyncIterator[tuple[str, RunningApp]]:
    """Serve another app with the keys of `app`."""
    async with running_app(engine, fresh=False) as other, served(other.asgi) as url:
        yield url, RunningApp(other.asgi, other.client, other.state, app.keys, app.redis_url)


async def test_stop_ends_an_answer_and_one_nobody_follows_is_abandoned(
    running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_answers, "ABANDONED_AFTER_S", 0.3)
    monkeypatch.setattr(running_answers, "KEEP_EVERY_S", 0.01)
    engine = ScriptedEngine("mot " * 10_000, pause_s=0.01)
    async with running_app(engine) as app, served(app.asgi) as url:
        async with connected(url, app) as connection:
            stopped, left = new_id(), new_id()
            await send(connection, question(stopped))
            await receive(connection)
            await send(connection, {"type": "stop", "answer": stopped})
            ended = (await until_end(connection))[-1]
            await send(connection, question(left, f"{QUESTION} Encore."))
            await receive(connection)
            connection.transport.abort()
        async with asyncio.timeout(30):
            await engine.abandoned.wait()
            await app.state["sockets"].answers.ended([left])
        async with connected(url, app) as connection:
            await send(connection, {"type": "resume", "answer": left})
            abandoned = (await until_end(connection))[-1]

    assert (ended["type"], ended["reason"]) == ("stopped", "client")
    assert (abandoned["type"], abandoned["reason"]) == ("stopped", "abandoned")


async def test_quotas_are_those_of_http_and_danger_is_answered_first(
    app: RunningApp, url: str
) -> None:
    key = await app.new_key(Scope.INFERENCE, limits=RateLimits(requests_per_minute=1))
    headers = {"X-API-Key": key, "Accept-Language": "fr"}
    async with websockets.connect(url, additional_headers=headers) as connection:
        await receive(connection)
        await send(connection, question(new_id()))
        assert (await until_end(connection))[-1]["type"] == "done"
        await send(connection, question(new_id(), "Je veux mourir, mon patron me harcèle."))
        refused = (await until_end(connection))[-1]["problem"]

    assert refused["code"] == "over_quota"
    assert "3114" in refused["detail"]


async def test_a_publishable_key_allows_over_the_socket_what_it_allows_over_http(
    app: RunningApp, url: str
) -> None:
    key = await app.new_key(Scope.PUBLISHABLE, allowed_origins=[SITE])
    async with websockets.connect(url, origin=websockets.Origin(SITE)) as connection:
        await send(connection, {"type": "authenticate", "key": key})
        await receive(connection)
        asked: list[tuple[str, Any]] = [("knowledge", False), ("json_schema", {}), ("logprobs", 2)]
        for field, value in asked:
            await send(connection, question(new_id(), **{field: value}))
            problem = (await until_end(connection))[-1]["problem"]
            assert (problem["code"], problem["errors"][0]["field"]) == (
                "feature_not_allowed",
                field,
            )


async def test_feedback_is_taken_as_over_http(app: RunningApp, url: str) -> None:
    async with connected(url, app) as connection:
        await send(connection, question(new_id()))
        usage = (await until_end(connection))[-2]["usage"]
        verdict = {"answer_id": usage["answer_id"], "verdict": "up"}
        over_http = await app.client.post(
            "/api/v1/feedback", json=verdict, headers=app.key_header()
        )
        told = []
        for body in (verdict, {"verdict": "sideways"}):
            await send(connection, {"type": "feedback", "ref": "r1", "feedback": body})
            told.append(await receive(connection))

    assert [frame["ref"] for frame in told] == ["r1", "r1"]
    assert told[0]["problem"]["code"] == over_http.json()["code"] == "records_off"
    assert told[1]["problem"]["code"] == "invalid_request"


async def test_frames_that_are_none_are_named_and_too_many_close(app: RunningApp, url: str) -> None:
    wrong: list[tuple[str | bytes, str]] = [
        ("{", "malformed_body"),
        (b"\x00\x01", "malformed_body"),
        ("[1]", "invalid_request"),
        ('{"type": "shutdown"}', "invalid_request"),
        ('{"type": "ping", "more": 1}', "invalid_request"),
        (json.dumps(question("short")), "invalid_request"),
        (json.dumps({"type": "authenticate", "key": "x"}), "invalid_request"),
        ("[" * 100_000, "malformed_body"),
    ]
    async with connected(url, app) as connection:
        for sent, code in wrong:
            await connection.send(sent)
            told = await receive(connection)
            assert (told["type"], told["problem"]["code"]) == ("error", code), sent[:40]
        await send(connection, {"type": "ping"})
        assert await receive(connection) == {"type": "pong"}
        await connection.send("{")
        assert await close_code(connection) == 1008


async def test_floods_and_huge_frames_close_the_connection(app: RunningApp, url: str) -> None:
    async with connected(url, app) as connection:
        with suppress(ConnectionClosed):
            for _ in range(1_000):
                await send(connection, {"type": "ping"})
        assert await close_code(connection) == 1008

    async with connected(url, app) as connection:
        await connection.send("x" * (1024 * 1024))
        assert await close_code(connection) == 1009

    key = await app.new_key(Scope.PUBLISHABLE, allowed_origins=[SITE])
    async with websockets.connect(url, origin=websockets.Origin(SITE)) as connection:
        await send(connection, {"type": "authenticate", "key": key})
        await receive(connection)
        await send(connection, question(new_id(), "préavis " * 40_000))
        assert (await until_end(connection))[-1]["problem"]["code"] == "too_large"


async def test_a_visitor_has_so_many_connections_and_others_still_connect(
    app: RunningApp, url: str
) -> None:
    key = await app.new_key(Scope.PUBLISHABLE, allowed_origins=[SITE])
    hello = {"type": "authenticate", "key": key}
    opened = [await websockets.connect(url, origin=websockets.Origin(SITE)) for _ in range(9)]
    try:
        for connection in opened:
            await send(connection, hello)
        told = [await receive(connection) for connection in opened]
        kinds = sorted(frame["type"] for frame in told)
        assert kinds == ["error", *["ready"] * 8]
        refused = next(frame for frame in told if frame["type"] == "error")
        assert refused["problem"]["code"] == "too_many_connections"
        async with connected(url, app):
            pass
    finally:
        for connection in opened:
            await connection.close()


async def test_an_idle_connection_is_closed_and_one_that_follows_is_not(running_app: Any) -> None:
    engine = ScriptedEngine("mot " * 60, pause_s=0.02)
    async with (
        running_app(engine, idle_s=0.3) as app,
        served(app.asgi) as url,
        connected(url, app) as connection,
    ):
        await send(connection, question(new_id()))
        assert (await until_end(connection))[-1]["type"] == "done"  # it takes over a second
        assert await close_code(connection) == 1000
        assert connection.close_reason == "idle"


async def test_a_restart_says_so_and_the_answer_is_told_to_its_end_elsewhere(
    app: RunningApp, running_app: Any
) -> None:
    engine = ScriptedEngine(" ".join(f"mot{number}" for number in range(100)), pause_s=0.01)
    answer_id = new_id()
    async with served(app.asgi) as elsewhere, running_app(engine, fresh=False) as writer:
        async with served(writer.asgi) as url:
            headers = {"X-API-Key": app.keys[Scope.INFERENCE]}
            connection = await websockets.connect(url, additional_headers=headers)
            ready = await receive(connection)
            await send(connection, question(answer_id))
            await receive(connection)
        # The server has stopped, as on a deploy.
        assert await close_code(connection) == 1012
        async with connected(elsewhere, app) as connection:
            await send(connection, {"type": "resume", "answer": answer_id})
            frames = await until_end(connection)

    assert 0.5 <= ready["reconnect_s"] <= 5
    assert [frame["id"] for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[-1]["type"] == "done"
    assert [number for number in range(100) if f"mot{number}" not in text_of(frames)] == []


async def test_without_redis_an_answer_is_resumed_in_its_process(
    app: RunningApp, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_to_redis = app.state["sockets"].answers._log._connection
    monkeypatch.setattr(connection_to_redis, "_wire", None)
    answer_id = new_id()
    async with connected(url, app) as connection:
        await send(connection, question(answer_id))
        frames = await until_end(connection)
    async with connected(url, app) as connection:
        await send(connection, {"type": "resume", "answer": answer_id})
        again = await until_end(connection)

    assert frames == again


async def test_a_client_that_does_not_read_is_cut_off_and_the_answer_goes_on(
    running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(websocket_protocol, "LINGER_S", 0.1)
    engine = ScriptedEngine("x" * 5_000 + " " + ("y" * 5_000 + " ") * 700)
    async with running_app(engine) as app, served(app.asgi) as url:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(("127.0.0.1", int(url.split(":")[2].split("/")[0])))
        answer_id = new_id()
        async with connected(url, app, sock=deaf, max_queue=1) as connection:
            await send(connection, question(answer_id, max_tokens=702))
            async with asyncio.timeout(30):
                while app.state["sockets"].limits.open:  # noqa: ASYNC110 - it is told to nobody
                    await asyncio.sleep(0.01)
            connection.transport.abort()
        await app.state["sockets"].answers.ended([answer_id])

    assert (engine.completed, engine.abandoned.is_set()) == (1, False)


async def test_fragments_and_pings_without_end_cost_no_memory(app: RunningApp, url: str) -> None:
    async with connected(url, app) as connection:
        await connection.send([b""] * 1_000)  # one message of empty fragments
        assert await close_code(connection) == 1006

    ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
    async with connected(url, app, max_queue=1) as connection:
        raw = connection.transport
        raw.pause_reading()
        async with asyncio.timeout(30):
            while not raw.is_closing():
                raw.write(ping * 2_000)
                await asyncio.sleep(0)
