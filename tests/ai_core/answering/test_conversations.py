"""Conversations at rest: whoever reads Redis reads nothing, and what was erased stays away."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ai_core.access.keys import Scope
from ai_core.answering.cli import run as run_command
from ai_core.answering.conversations import ConversationStore, new_id
from ai_core.engines.base import ChatMessage
from ai_core.errors import UnknownConversation
from ai_core.redis_keys import TAG
from ai_core.settings import Settings
from deploy.local.redis_server import RedisServer
from shared.stores.redis_connection import RedisConnection

TURNS = (
    ChatMessage("user", "Je suis Zulma Tarquin. Quel préavis ?"),
    ChatMessage("assistant", "Madame Tarquin, deux mois."),
)


def asked(question: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}], **more}


async def everything(connection: RedisConnection) -> bytes:
    """Every name and value of Redis, as DUMP writes it to disk, and lists read whole."""
    found = []
    for name in await connection.call("KEYS", "*"):
        found += [name, await connection.call("DUMP", name) or b""]
        if await connection.call("TYPE", name) == b"list":
            found += await connection.call("LRANGE", name, 0, -1)
        if await connection.call("TYPE", name) == b"string":
            found.append(await connection.call("GET", name))
    return b"\n".join(found)


@pytest.fixture
def store(connection: RedisConnection) -> ConversationStore:
    return ConversationStore(connection, silence_s=60, turns_kept=6)


@pytest.fixture
async def stored(app: Any, redis: RedisServer) -> AsyncIterator[RedisConnection]:
    """A connection to the app's own Redis."""
    connection = RedisConnection(redis.url, TAG, timeout_s=30)
    await connection.open()
    yield connection
    await connection.close()


async def test_redis_reads_neither_the_turns_nor_the_id(
    store: ConversationStore, connection: RedisConnection
) -> None:
    conversation = new_id()
    await store.add(conversation, "caller", TURNS, new=True)

    kept = await everything(connection)
    assert b"conversation" in kept
    for clear in ("Tarquin", "préavis", "user", "assistant", conversation):
        assert clear.encode() not in kept
    assert await store.recall(conversation, "caller") == TURNS


async def test_another_caller_neither_reads_nor_erases_it(store: ConversationStore) -> None:
    conversation = new_id()
    await store.add(conversation, "caller", TURNS, new=True)

    with pytest.raises(UnknownConversation):
        await store.recall(conversation, "another")
    with pytest.raises(UnknownConversation):
        await store.erase(conversation, "another")
    assert await store.recall(conversation, "caller") == TURNS


async def test_an_answer_that_ends_after_the_erasure_does_not_bring_it_back(
    store: ConversationStore, connection: RedisConnection
) -> None:
    conversation = new_id()
    await store.add(conversation, "caller", TURNS, new=True)
    await store.erase(conversation, "caller")
    await store.add(conversation, "caller", TURNS, new=False)

    assert await connection.call("KEYS", "*") == []


async def test_what_is_not_to_be_stored_is_not(app: Any, stored: RedisConnection) -> None:
    body = asked("Zulma Tarquin demande : quelle est la durée du préavis ?", store=False)
    reply = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
    streamed = await app.client.post(
        "/api/v1/chat", json=body | {"stream": True}, headers=app.key_header()
    )

    assert (reply.status_code, streamed.status_code) == (200, 200)
    assert "conversation_id" not in reply.json()
    assert "conversation_id" not in streamed.text
    assert await stored.call("KEYS", f"{TAG}:conversation:*") == []


async def test_a_conversation_is_read_without_being_continued(
    app: Any, library: Any, stored: RedisConnection
) -> None:
    first = await app.client.post(
        "/api/v1/chat", json=asked("Quelle est la durée du préavis ?"), headers=app.key_header()
    )
    conversation = first.json()["conversation_id"]
    [name] = await stored.call("KEYS", f"{TAG}:conversation:*")
    before = await stored.call("LRANGE", name, 0, -1)
    body = asked("Et pour un cadre ?", conversation_id=conversation, store=False)
    reply = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())

    assert reply.status_code == 200
    assert library.asked[-1] == "Quelle est la durée du préavis ? Et pour un cadre ?"
    assert await stored.call("LRANGE", name, 0, -1) == before


async def test_no_route_leaves_a_readable_question_in_redis(
    app: Any, stored: RedisConnection
) -> None:
    """Every route that takes a question, with and without an Idempotency-Key, and cached."""
    question = "Zulma Tarquin demande : quelle est la durée du préavis de démission ?"
    turns = [{"role": "user", "content": question}]
    bodies: list[tuple[str, dict[str, object]]] = [
        ("/api/v1/generate", {"prompt": question}),
        ("/api/v1/chat", asked(question)),
        ("/v1/chat/completions", {"model": "cdt-assistant", "messages": turns}),
    ]
    for path, body in bodies:
        for headers in ({}, {}, {"Idempotency-Key": path}):
            response = await app.client.post(
                path, json=body, headers=app.key_header(Scope.INFERENCE) | headers
            )
            assert response.status_code == 200, response.text

    kept = await everything(stored)
    for clear in ("Tarquin", "Zulma", "préavis", "démission", "pr\\u00e9avis"):
        assert clear.encode() not in kept, clear


async def test_an_operator_erases_a_conversation_by_its_id_alone(
    app: Any, redis: RedisServer, stored: RedisConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = await app.client.post(
        "/api/v1/chat", json=asked("Quel préavis ?"), headers=app.key_header()
    )
    settings = Settings.model_validate({"redis": {"url": redis.url}})
    chosen = argparse.Namespace(action="erase", id=reply.json()["conversation_id"])
    await asyncio.to_thread(run_command, chosen, settings)

    assert capsys.readouterr().out.endswith("erased\n")
    assert await stored.call("KEYS", f"{TAG}:conversation:*") == []
    with pytest.raises(UnknownConversation):
        await asyncio.to_thread(run_command, chosen, settings)
