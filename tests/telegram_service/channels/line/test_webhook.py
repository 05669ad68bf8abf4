"""LINE's webhook: signed bodies only, each event stored once, whatever else a request holds."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import redis

from deploy.local.redis_server import RedisServer
from telegram_service.emulators.line.account import BOT_ID, Account, group_id, user_id
from tests.telegram_service.channels.line.running_line import SECRET, TOKEN
from tests.telegram_service.running_app import http_client, settings_without_workers

LINE = {"channel_secret": SECRET, "access_token": TOKEN}
ALICE = user_id(1)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Sign as LINE's documentation says, apart from the code under test."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"X-Line-Signature": base64.b64encode(digest).decode()}


def body_of(*events: object) -> bytes:
    return orjson.dumps({"destination": BOT_ID, "events": events})


@pytest.fixture
async def webhook(redis_url: str, key_file: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with http_client(settings_without_workers(redis_url, key_file, line=LINE)) as client:
        yield client


async def post(
    client: httpx2.AsyncClient, body: bytes, headers: dict[str, str] | None = None
) -> int:
    sent = signed(body) if headers is None else headers
    return (await client.post("/line/webhook", content=body, headers=sent)).status_code


def accepted(client: redis.Redis) -> int:
    return int(client.hget("{tg}:counters", "accepted") or 0)


async def test_forged_requests_are_refused_and_store_nothing(
    webhook: httpx2.AsyncClient, redis_client: redis.Redis, subtests: pytest.Subtests
) -> None:
    body = body_of(Account().say(ALICE, "Bonjour"))
    fine = signed(body)["X-Line-Signature"]
    forgeries: dict[str, dict[str, str]] = {
        "no signature": {},
        "an empty signature": {"X-Line-Signature": ""},
        "another secret": signed(body, "other"),
        "an empty secret": signed(body, ""),
        "a signature cut short": {"X-Line-Signature": fine[:-4]},
        "a signature with more": {"X-Line-Signature": fine + "="},
        "in hexadecimal": {"X-Line-Signature": base64.b64decode(fine).hex()},
        "of another body": signed(body_of(Account().say(ALICE, "Autre"))),
        "of the body written anew": signed(orjson.dumps(orjson.loads(body)) + b"\n"),
        "not ASCII": {"X-Line-Signature": "é" * 44},
    }
    for name, headers in forgeries.items():
        with subtests.test(name):
            encoded = {key.encode(): value.encode() for key, value in headers.items()}
            response = await webhook.post("/line/webhook", content=body, headers=encoded)
            assert response.status_code == 401
    assert accepted(redis_client) == 0
    assert await post(webhook, body) == 200
    assert accepted(redis_client) == 1


async def test_without_a_secret_every_request_is_refused(redis_url: str, key_file: Path) -> None:
    async with http_client(settings_without_workers(redis_url, key_file)) as client:
        body = body_of(Account().say(ALICE, "Bonjour"))
        assert await post(client, body, signed(body, "")) == 401


async def test_the_console_s_verification_holds_no_events(webhook: httpx2.AsyncClient) -> None:
    assert await post(webhook, body_of()) == 200


async def test_events_delivered_again_are_stored_once(
    webhook: httpx2.AsyncClient, redis_client: redis.Redis
) -> None:
    account = Account()
    events = [account.say(ALICE, "un"), account.say(user_id(2), "deux")]
    again = [{**event, "deliveryContext": {"isRedelivery": True}} for event in events]
    assert await post(webhook, body_of(events[0])) == 200
    assert await post(webhook, body_of(*again)) == 200
    assert await post(webhook, body_of(*again)) == 200
    assert accepted(redis_client) == 2
    assert redis_client.hget("{tg}:counters", "duplicates") == "3"


async def test_what_is_no_event_of_a_chat_is_left_out_and_the_rest_is_stored(
    webhook: httpx2.AsyncClient, redis_client: redis.Redis
) -> None:
    account = Account()
    good = account.say(ALICE, "Bonjour")
    odd: list[Any] = [
        {**account.say(ALICE, "x"), "mode": "standby"},
        {"type": "accountLink", "webhookEventId": "1"},
        {**account.say(ALICE, "x"), "webhookEventId": 7},
        {**account.say(ALICE, "x"), "source": {"type": "user"}},
        {**account.say(ALICE, "x"), "source": {"type": "user", "userId": {"a": 1}}},
        {**account.say(ALICE, "x"), "message": {"type": "text", "id": "no number"}},
        {**account.say(ALICE, "x"), "message": None},
        "text", None, [], 3,
    ]  # fmt: skip
    assert await post(webhook, body_of(*odd, good, *odd)) == 200
    assert accepted(redis_client) == 1


async def test_a_signed_body_that_is_no_webhook_is_refused(
    webhook: httpx2.AsyncClient,
) -> None:
    for body in (b"", b"{", b"[]", b'{"events": 3}', b"\xff\xfe"):
        assert await post(webhook, body) in {400, 422}


async def test_ids_and_words_are_not_in_redis(
    webhook: httpx2.AsyncClient, redis_client: redis.Redis
) -> None:
    event = Account().say(ALICE, "mon salaire est impayé", chat=group_id(3))
    assert await post(webhook, body_of(event)) == 200
    everything = b"".join(
        str(key).encode() + (redis_client.dump(key) or b"") for key in redis_client.keys("*")
    )
    for secret in (ALICE, group_id(3), "impayé", event["replyToken"], event["webhookEventId"]):
        assert secret.encode() not in everything


async def test_while_redis_is_away_line_is_asked_to_come_again(
    own_redis: RedisServer, key_file: Path
) -> None:
    body = body_of(Account().say(ALICE, "Bonjour"))
    async with http_client(settings_without_workers(own_redis.url, key_file, line=LINE)) as client:
        assert await post(client, body) == 200
        await asyncio.to_thread(own_redis.kill)
        assert await post(client, body) == 503
