"""Polling survives whatever the other side answers, and says why nothing comes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shared.stores.redis_connection import RedisConnection
from telegram_service.channels.telegram import polling
from telegram_service.channels.telegram.polling import PollState, poll
from telegram_service.queue.update_queue import QUEUED_CHATS, UpdateQueue
from telegram_service.redis_client import redis_client
from telegram_service.vault import Vault
from tests.servers.loopback import served
from tests.telegram_service.running_app import NO_DATABASE, NOWHERE, settings_for

UPDATE_ID = 8
UPDATE = {
    "update_id": UPDATE_ID,
    "message": {"message_id": 1, "chat": {"id": 5}, "text": "Bonjour"},
}
WITHOUT_CHAT = {"update_id": 7, "message": {"message_id": 1, "text": "?"}}


def error(code: int, description: str, **more: object) -> Response:
    body = {"ok": False, "error_code": code, "description": description, **more}
    return JSONResponse(body, code)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)


@asynccontextmanager
async def polled(
    answers: list[Response], redis_url: str, key_file: Path
) -> AsyncIterator[tuple[PollState, RedisConnection, Callable[[], int]]]:
    """Poll a Telegram that gives these answers, then none; yield the state."""
    left = iter(answers)
    offsets: list[int] = []

    async def answer(request: Request) -> Response:
        offsets.append((await request.json())["offset"])
        reply = next(left, None)
        if reply is None:
            await asyncio.sleep(3_600)
        return reply or Response()

    routes = [Route("/bot{token}/getUpdates", answer, methods=["POST"])]
    async with served(Starlette(routes=routes)) as url:
        settings = settings_for(redis_url, NO_DATABASE, url, NOWHERE, key_file)
        redis = redis_client(redis_url, 2.0)
        await redis.open()
        queue = UpdateQueue(redis, await asyncio.to_thread(Vault.read, key_file))
        state = PollState()
        task = asyncio.create_task(poll(settings, queue, state))
        try:
            yield state, redis, lambda: offsets[-1] if len(offsets) > len(answers) else -1
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])
            await redis.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error(409, "Conflict: terminated by other getUpdates request"), "another program polls"),
        (error(409, "Conflict: can't use getUpdates method while webhook is active"), "webhook"),
        (error(401, "Unauthorized"), "TELEGRAM_BOT__TOKEN"),
        (error(404, "Not Found"), "TELEGRAM_BOT__TOKEN"),
        (error(429, "Too Many Requests", parameters={"retry_after": 0}), "asks to wait"),
        (error(502, "Bad Gateway"), "502 Bad Gateway"),
        (PlainTextResponse("<html>login</html>"), "TELEGRAM_BOT__API_URL"),
        (JSONResponse(["nothing"]), "200"),
        (JSONResponse({"ok": True, "result": 5}), "200"),
    ],
)
async def test_polling_says_why_nothing_comes_and_goes_on(
    answer: Response,
    reason: str,
    redis_url: str,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    failed = PollState.failed

    def heard(state: PollState, why: str, pause_s: float) -> None:
        said.append(why)
        failed(state, why, pause_s)

    monkeypatch.setattr(PollState, "failed", heard)
    monkeypatch.setattr(polling, "FIRST_PAUSE_S", 0.01)
    updates = JSONResponse({"ok": True, "result": [WITHOUT_CHAT, UPDATE]})
    async with polled([answer, updates], redis_url, key_file) as (state, queue_redis, offset):
        await until(lambda: offset() == UPDATE_ID + 1)
        assert reason in said[0]
        assert state.problem == ""
        assert await queue_redis.call("SCARD", QUEUED_CHATS) == 1


async def test_a_telegram_that_cannot_be_reached_is_told_in_the_state(
    redis_url: str, key_file: Path
) -> None:
    settings = settings_for(redis_url, NO_DATABASE, NOWHERE, NOWHERE, key_file)
    vault = await asyncio.to_thread(Vault.read, key_file)
    state, queue = PollState(), UpdateQueue(redis_client(redis_url, 2.0), vault)
    task = asyncio.create_task(poll(settings, queue, state))
    await until(lambda: bool(state.problem))
    assert "cannot be reached" in state.problem
    task.cancel()
    await asyncio.wait([task])
