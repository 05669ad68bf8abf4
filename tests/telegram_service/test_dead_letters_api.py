"""The dead letters over HTTP, as the desk of ai_core asks for them."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from shared.privacy.encryption import new_key_file
from telegram_service.queue.dead_letters import DeadLetters
from telegram_service.queue.update_queue import READY, Lease, QueuedUpdate, UpdateQueue, chat_key
from telegram_service.redis_client import redis_client
from telegram_service.vault import UPDATE, Vault
from tests.telegram_service.running_app import http_client, settings_without_workers

KEY = "a-key-of-the-desk"
SECRET = "Une question secrète ?"  # noqa: S105 - what a person wrote
NO_LETTERS = ("1764500000000-0", "x", "0", "-", "+", "1-1-1", "%2B", "1764500000000-0%0A")


async def give_up(queue: UpdateQueue, vault: Vault, channel: str, reason: str) -> None:
    """Add a dead letter, as a worker does."""
    sealed = vault.seal(f'{channel}\n{{"text": "{SECRET}"}}'.encode(), UPDATE)
    chat = vault.name(11)
    updates = (QueuedUpdate(7, 1_764_500_000_000, sealed),)
    lease = Lease(chat, b"1-0", READY, 1, chat_key(chat), updates)
    await queue.add_dead_letter(lease, reason, "")


async def test_without_its_key_nothing_is_shown_or_changed(redis_url: str, key_file: Path) -> None:
    vault = await asyncio.to_thread(Vault.read, key_file)
    redis = redis_client(redis_url, 5)
    await redis.open()
    queue = UpdateQueue(redis, vault)
    letters = DeadLetters(redis, queue)
    await give_up(queue, vault, "telegram", "failures")
    [letter] = await letters.all()
    address = f"/api/v1/dead-letters/{letter.id}"
    asked = (("GET", "/api/v1/dead-letters"), ("POST", f"{address}/replay"), ("DELETE", address))

    async def ask(client: httpx2.AsyncClient, *keys: str) -> set[tuple[int, str]]:
        answers = [
            await client.request(method, path, headers={"X-API-Key": key} if key else {})
            for method, path in asked
            for key in keys
        ]
        return {(answer.status_code, answer.json()["code"]) for answer in answers}

    async with http_client(settings_without_workers(redis_url, key_file)) as client:
        assert await ask(client, "", KEY) == {(404, "not_found")}
    server = {"api_key": KEY}
    settings = settings_without_workers(redis_url, key_file, server=server)
    async with http_client(settings) as client:
        wrong = ("", "other", f"{KEY}x", KEY[:-1])
        assert await ask(client, *wrong) == {(401, "not_authenticated")}
        assert [each.id for each in await letters.all()] == [letter.id]
        client.headers["X-API-Key"] = KEY
        for one in NO_LETTERS:
            for method, path in (("POST", f"{one}/replay"), ("DELETE", one)):
                answer = await client.request(method, f"/api/v1/dead-letters/{path}")
                assert (answer.status_code, answer.json()["code"]) == (404, "unknown_letter"), one
        assert [each.id for each in await letters.all()] == [letter.id]
        assert (await client.delete(address)).status_code == 204
        assert (await client.delete(address)).json()["code"] == "unknown_letter"
    await redis.close()


async def test_the_latest_are_listed_without_content(
    redis_url: str, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telegram_service.dead_letters_api.LISTED", 2)
    other = tmp_path / "key"
    await asyncio.to_thread(other.write_text, new_key_file())
    vault = await asyncio.to_thread(Vault.read, key_file)
    lost = await asyncio.to_thread(Vault.read, other)
    redis = redis_client(redis_url, 5)
    await redis.open()
    queue = UpdateQueue(redis, vault)
    await give_up(queue, vault, "telegram", "deaths")
    await give_up(queue, vault, "line", "KeyError")
    await give_up(queue, lost, "whatsapp", "failures")
    settings = settings_without_workers(redis_url, key_file, server={"api_key": KEY})
    async with http_client(settings) as client:
        answer = await client.get("/api/v1/dead-letters", headers={"X-API-Key": KEY})
    told = answer.json()
    assert told["count"] == 3
    shown = [(letter["channel"], letter["reason"]) for letter in told["letters"]]
    assert shown == [("", "failures"), ("line", "KeyError")]
    assert told["letters"][0]["received_at"] == "2025-11-30T10:53:20Z"
    assert "secr" not in answer.text
    assert vault.name(11) not in answer.text
    await redis.close()
