"""The webhook of WhatsApp: who is believed, and what becomes of each part of a call."""

import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.delivery import WebhookDelivery
from telegram_service.emulators.whatsapp.messages import Event
from telegram_service.redis_client import KEY_PREFIX
from tests.telegram_service.channels.whatsapp.whatsapp_app import (
    APP_SECRET,
    VERIFY_TOKEN,
    whatsapp_settings,
)
from tests.telegram_service.running_app import NOWHERE, http_client, settings_without_workers

PATH = "/whatsapp/webhook"
NAMES = (
    "id", "type", "from", "from_user_id", "timestamp", "text", "body", "interactive",
    "button_reply", "image", "audio", "voice", "context", "errors", "code", "status",
    "biz_opaque_callback_data", "recipient_id", "edit", "original_message_id", "user_id",
    "wa_id", "group_id",
)  # fmt: skip
CHALLENGE = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}


def call(*changes: dict[str, Any], number: str = "") -> bytes:
    """The body of a call with these changes."""
    account = Account(phone_number_id=number) if number else Account()
    delivery = WebhookDelivery(account, APP_SECRET)
    return orjson.dumps(delivery.call([Event("1", change) for change in changes]))


def message(name: str = "wamid.a", kind: str = "text", **more: Any) -> dict[str, Any]:
    """A change with one message."""
    about = {"id": name, "type": kind, "from": "33639980001", "timestamp": "1790000000"}
    return {"messages": [{**about, "text": {"body": "Bonjour"}, **more}]}


def signed(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """The header with a body's signature."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()}


@pytest.fixture
async def client(redis_url: str, key_file: Path) -> AsyncIterator[httpx2.AsyncClient]:
    channel = whatsapp_settings(NOWHERE)
    async with http_client(
        settings_without_workers(redis_url, key_file, whatsapp=channel)
    ) as client:
        yield client


def accepted(redis_client: redis.Redis) -> int:
    """How many events were enqueued."""
    return int(redis_client.hget(f"{KEY_PREFIX}:counters", "accepted") or 0)


async def test_only_the_right_verify_token_gets_the_challenge_back(
    client: httpx2.AsyncClient, subtests: pytest.Subtests
) -> None:
    right = {**CHALLENGE, "hub.verify_token": VERIFY_TOKEN}
    response = await client.get(PATH, params=right)
    assert (response.status_code, response.text) == (200, "1158201444")
    assert response.headers["content-type"].startswith("text/plain")
    for wrong in (
        CHALLENGE,
        {**right, "hub.verify_token": VERIFY_TOKEN + "x"},
        {**right, "hub.verify_token": ""},
        {**right, "hub.mode": "unsubscribe"},
        {**right, "hub.challenge": "1" * 1000},
    ):
        with subtests.test(wrong=wrong):
            response = await client.get(PATH, params=wrong)
            assert response.status_code == 401
            assert "1158201444" not in response.text


async def test_a_forged_call_is_refused_before_it_is_read(
    client: httpx2.AsyncClient, redis_client: redis.Redis, subtests: pytest.Subtests
) -> None:
    body = call(message())
    right = signed(body)["X-Hub-Signature-256"]
    for name, headers in {
        "none": {},
        "empty": {"X-Hub-Signature-256": ""},
        "of another secret": signed(body, "another"),
        "of an empty secret": signed(body, ""),
        "of another body": signed(body + b" "),
        "without its prefix": {"X-Hub-Signature-256": right.removeprefix("sha256=")},
        "in capitals": {"X-Hub-Signature-256": right.upper()},
        "cut": {"X-Hub-Signature-256": right[:-1]},
        "of SHA-1": {"X-Hub-Signature": right},
    }.items():
        with subtests.test(name):
            response = await client.post(PATH, content=body, headers=headers)
            assert response.status_code == 401
    assert accepted(redis_client) == 0
    assert (await client.post(PATH, content=body, headers=signed(body))).status_code == 200
    assert accepted(redis_client) == 1


async def test_a_channel_without_secrets_refuses_everybody(redis_url: str, key_file: Path) -> None:
    body = call(message())
    async with http_client(settings_without_workers(redis_url, key_file)) as client:
        response = await client.post(PATH, content=body, headers=signed(body, ""))
        assert response.status_code == 401
        params = {**CHALLENGE, "hub.verify_token": ""}
        assert (await client.get(PATH, params=params)).status_code == 401


async def test_each_part_of_a_call_is_taken_by_itself(
    client: httpx2.AsyncClient, redis_client: redis.Redis
) -> None:
    unreadable: list[dict[str, Any]] = [
        {"messages": [{"type": "text"}]},
        {"messages": [{"id": "wamid.x", "type": "image", "image": "no object"}]},
        {"messages": "no list", "statuses": [None, 3], "contacts": {"wa_id": 1}},
        {"statuses": [{"status": "failed", "errors": [{"code": "text"}, "text"]}]},
    ]
    body = call(message("wamid.a"), *unreadable, message("wamid.b"), message("wamid.a"))
    assert (await client.post(PATH, content=body, headers=signed(body))).status_code == 200
    assert accepted(redis_client) == 2
    counters = redis_client.hgetall(f"{KEY_PREFIX}:counters")
    assert counters["duplicates"] == "1"
    assert counters["whatsapp_unreadable"] == "2"
    assert counters["whatsapp_failed"] == "1"


async def test_a_sender_may_be_named_by_the_contact_alone(
    client: httpx2.AsyncClient, redis_client: redis.Redis
) -> None:
    nameless = {"id": "wamid.a", "type": "text", "timestamp": "1", "text": {"body": "Bonjour"}}
    known = {"contacts": [{"user_id": "FR.1", "profile": {}}], "messages": [nameless]}
    unknown = {"messages": [{**nameless, "id": "wamid.b"}]}
    body = call(known, unknown)
    assert (await client.post(PATH, content=body, headers=signed(body))).status_code == 200
    assert accepted(redis_client) == 1


async def test_events_of_another_phone_number_are_left_alone(
    client: httpx2.AsyncClient, redis_client: redis.Redis
) -> None:
    body = call(message(), number="999")
    assert (await client.post(PATH, content=body, headers=signed(body))).status_code == 200
    assert accepted(redis_client) == 0
    assert redis_client.hget(f"{KEY_PREFIX}:counters", "whatsapp_other_number") == "1"


async def test_what_is_no_call_of_meta_is_refused(client: httpx2.AsyncClient) -> None:
    for body in (b"", b"[]", b"{}", b"no JSON", b'{"object": "page", "entry": []}'):
        response = await client.post(PATH, content=body, headers=signed(body))
        assert response.status_code in {400, 422}, body


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=12),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inside, max_size=4)
    ),
    max_leaves=12,
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(parts=st.lists(ANYTHING, min_size=1, max_size=3))
@pytest.mark.slow
async def test_no_signed_call_breaks_the_service(
    client: httpx2.AsyncClient, parts: list[object]
) -> None:
    whole = orjson.loads(call(message()))
    value = whole["entry"][0]["changes"][0]["value"]
    for name, part in zip(("messages", "statuses", "contacts"), parts, strict=False):
        known = {"id": "wamid.f", "type": "text", "from": "33639980001"}
        value[name] = [part, {**known, **part}] if isinstance(part, dict) else part
    body = orjson.dumps(whole)
    response = await client.post(PATH, content=body, headers=signed(body))
    assert response.status_code == 200


async def test_while_redis_is_away_meta_is_asked_to_come_again(key_file: Path) -> None:
    without_redis = settings_without_workers(
        "redis://127.0.0.1:9/0", key_file, whatsapp=whatsapp_settings(NOWHERE)
    )
    body = call(message())
    async with http_client(without_redis) as client:
        response = await client.post(PATH, content=body, headers=signed(body))
    assert response.status_code == 503
    assert response.headers["retry-after"]
