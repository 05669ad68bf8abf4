"""The LINE emulator refuses what LINE refuses, and delivers as LINE delivers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telegram_service.emulators.line.account import Account, group_id, user_id
from telegram_service.emulators.line.api import MessagingApi
from telegram_service.emulators.line.delivery import signature
from tests.servers.loopback import served

SECRET, TOKEN = "channel-secret", "access-token"
ALICE, GROUP = user_id(1), group_id(1)
KEY = "123e4567-e89b-12d3-a456-426614174000"
HELLO: list[dict[str, Any]] = [{"type": "text", "text": "Bonjour"}]


class Line:
    """The emulator, and a client of it."""

    def __init__(self, api: MessagingApi, http: httpx2.AsyncClient) -> None:
        self.account = api.account
        self.api = api
        self.http = http

    async def reply(self, event: dict[str, Any], messages: object = HELLO) -> httpx2.Response:
        body = {"replyToken": event["replyToken"], "messages": messages}
        return await self.http.post("/v2/bot/message/reply", json=body)

    async def push(self, to: str, messages: object = HELLO, key: str = "") -> httpx2.Response:
        headers = {"X-Line-Retry-Key": key} if key else {}
        body = {"to": to, "messages": messages}
        return await self.http.post("/v2/bot/message/push", json=body, headers=headers)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    api = MessagingApi(Account(), SECRET, TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        served(api.app) as url,
        httpx2.AsyncClient(base_url=url, headers=headers) as http,
    ):
        yield Line(api, http)


async def test_a_reply_token_serves_once_and_for_a_minute(line: Line) -> None:
    event = line.account.say(ALICE, "q")
    assert (await line.reply(event)).status_code == 200
    again = await line.reply(event)
    assert (again.status_code, again.json()["message"]) == (400, "Invalid reply token")
    line.account.reply_token_s = -1
    late = await line.reply(line.account.say(ALICE, "q"))
    assert (late.status_code, late.json()["message"]) == (400, "Invalid reply token")
    assert line.account.texts(ALICE) == ["Bonjour"]


async def test_a_retry_key_pushes_once_and_names_the_accepted_request(line: Line) -> None:
    line.account.follow(ALICE)
    first = await line.push(ALICE, key=KEY)
    again = await line.push(ALICE, key=KEY.upper())
    assert (first.status_code, again.status_code) == (200, 409)
    assert again.headers["x-line-accepted-request-id"]
    assert again.json()["sentMessages"] == first.json()["sentMessages"]
    assert (await line.push(ALICE, key="not-a-uuid")).status_code == 400
    assert line.account.texts(ALICE) == ["Bonjour"]


async def test_a_push_needs_somebody_who_knows_the_account(line: Line) -> None:
    stranger = await line.push(user_id(9))
    assert (stranger.status_code, stranger.json()["message"]) == (400, "Failed to send messages")
    line.account.follow(ALICE)
    line.account.unfollow(ALICE)
    assert (await line.push(ALICE)).status_code == 200
    assert line.account.texts(ALICE) == []  # answered 200, delivered to nobody
    line.account.join(GROUP, ALICE)
    assert (await line.push(GROUP)).status_code == 200
    line.account.leave(GROUP)
    assert (await line.push(GROUP)).status_code == 400


async def test_the_month_s_quota_counts_pushes_and_people_not_replies(line: Line) -> None:
    line.account.quota = 2
    event = line.account.say(ALICE, "q")
    assert (await line.reply(event)).status_code == 200
    assert (await line.push(ALICE)).status_code == 200
    line.account.join(GROUP, ALICE, user_id(2))
    refused = await line.push(GROUP)
    assert refused.json()["message"] == "You have reached your monthly limit."
    assert (await line.http.get("/v2/bot/message/quota")).json() == {"type": "limited", "value": 2}
    assert (await line.http.get("/v2/bot/message/quota/consumption")).json() == {"totalUsage": 1}


def quick(count: int = 1, **action: object) -> list[dict[str, Any]]:
    known = {"type": "postback", "label": "Oui", "data": "d", **action}
    items = [{"type": "action", "action": known}] * count
    return [{"type": "text", "text": "?", "quickReply": {"items": items}}]


def card(**text: object) -> list[dict[str, Any]]:
    body = {"type": "box", "layout": "vertical", "contents": [{"type": "text", **text}]}
    return [{"type": "flex", "altText": "Sources", "contents": {"type": "bubble", "body": body}}]


async def test_what_breaks_a_limit_is_refused_whole(line: Line, subtests: pytest.Subtests) -> None:
    uri = {"type": "uri", "uri": "https://x.example/"}
    fine: dict[str, list[dict[str, Any]]] = {
        "5,000 units": [{"type": "text", "text": "👍" * 2_500}],
        "13 quick replies": quick(13),
        "a label of 20": quick(label="é" * 20),
        "20 Thai clusters": quick(label="ที่" * 10),
        "a card": card(text="Article", action=uri),
        "five messages": HELLO * 5,
    }
    wrong: dict[str, Any] = {
        "5,001 units": [{"type": "text", "text": "👍" * 2_500 + "x"}],
        "an empty text": [{"type": "text", "text": " \n"}],
        "no message": [],
        "six messages": HELLO * 6,
        "14 quick replies": quick(14),
        "a label of 21": quick(label="x" * 21),
        "no label": quick(label=""),
        "data of 301": quick(data="x" * 301),
        "displayText of 301": quick(displayText="x" * 301),
        "a message action without text": quick(type="message"),
        "javascript": card(text="x", action={"type": "uri", "uri": "javascript:alert(1)"}),
        "an unknown action": quick(type="dial"),
        "an empty card text": card(text=""),
        "a long altText": [{**card(text="x")[0], "altText": "x" * 1_501}],
        "a bubble over 30 KB": card(text="x", url="y" * 31_000),
        "a misspelt field": [{"type": "text", "text": "x", "quickreply": {}}],
        "an unknown kind": [{"type": "txt", "text": "x"}],
    }
    line.account.follow(ALICE)
    for name, messages in fine.items():
        with subtests.test(name):
            assert (await line.push(ALICE, messages)).status_code == 200
    for name, messages in wrong.items():
        with subtests.test(name):
            refused = await line.push(ALICE, messages)
            assert refused.status_code == 400
            assert refused.json()["details"]


async def test_the_loading_animation_is_for_one_person(line: Line) -> None:
    async def start(chat: str, seconds: int) -> int:
        body = {"chatId": chat, "loadingSeconds": seconds}
        return (await line.http.post("/v2/bot/chat/loading/start", json=body)).status_code

    line.account.join(GROUP, ALICE)
    assert await start(ALICE, 20) == 202
    assert [await start(GROUP, 20), await start(ALICE, 7), await start(ALICE, 65)] == [400] * 3
    assert line.account.loading == [(ALICE, 20)]


async def test_a_recording_is_handed_out_once_transcoded_and_not_after_unsending(
    line: Line,
) -> None:
    line.account.transcoding_s = 60
    event = line.account.attach(ALICE, "audio", b"sound")
    path = f"/v2/bot/message/{event['message']['id']}/content"
    assert (await line.http.get(path)).status_code == 202
    assert (await line.http.get(f"{path}/transcoding")).json() == {"status": "processing"}
    line.account.contents[event["message"]["id"]].ready_s = 0
    assert (await line.http.get(path)).content == b"sound"
    line.account.unsend(event)
    assert (await line.http.get(path)).status_code == 410
    assert (await line.http.get("/v2/bot/message/1/content")).status_code == 404


async def test_profiles_are_of_friends_and_carry_the_language(line: Line) -> None:
    line.account.follow(ALICE, language="th")
    assert (await line.http.get(f"/v2/bot/profile/{ALICE}")).json()["language"] == "th"
    assert (await line.http.get(f"/v2/bot/profile/{user_id(2)}")).status_code == 404
    line.account.join(GROUP, ALICE)
    member = await line.http.get(f"/v2/bot/group/{GROUP}/member/{ALICE}")
    assert member.json().keys() == {"userId", "displayName"}
    assert (await line.http.get(f"/v2/bot/group/{GROUP}/summary")).json()["groupId"] == GROUP


async def test_calls_are_authenticated_and_limited(line: Line) -> None:
    wrong = await line.http.get("/v2/bot/info", headers={"Authorization": "Bearer other"})
    assert wrong.status_code == 401
    line.account.rate_limit(60)
    limited = await line.http.get("/v2/bot/info")
    assert (limited.status_code, line.account.violations) == (429, 1)
    assert "retry-after" not in limited.headers


async def test_quick_replies_vanish_and_speak_or_post_back(line: Line) -> None:
    spoken = {"type": "message", "label": "Et sinon ?", "text": "Et si je refuse ?"}
    items = [{"type": "action", "action": spoken}, *quick()[0]["quickReply"]["items"]]
    message = {"type": "text", "text": "?", "quickReply": {"items": items}}
    line.account.follow(ALICE)
    await line.push(ALICE, [message])
    pressed = line.account.tap(ALICE, "Oui")
    assert pressed is not None
    assert pressed["postback"] == {"data": "d"}
    said = line.account.tap(ALICE, "Et sinon")
    assert said is not None
    assert said["message"]["text"] == "Et si je refuse ?"
    with pytest.raises(AssertionError, match="nothing shows"):
        line.account.tap(ALICE, "Oui")


@asynccontextmanager
async def webhook(statuses: list[int]) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Answer with each status in turn, the last for ever; collect what came, verified."""
    bodies: list[dict[str, Any]] = []

    async def answer(request: Request) -> Response:
        body = await request.body()
        assert request.headers["x-line-signature"] == signature(SECRET, body)
        bodies.append(orjson.loads(body))
        return Response(status_code=statuses.pop(0) if len(statuses) > 1 else statuses[0])

    async with served(Starlette(routes=[Route("/", answer, methods=["POST"])])) as url:
        yield url, bodies


@pytest.mark.parametrize("redelivery", [True, False])
async def test_what_is_not_accepted_comes_again_with_the_flag(redelivery: bool) -> None:
    account = Account()
    api = MessagingApi(account, SECRET, TOKEN)
    api.delivery.redelivery = redelivery
    async with webhook([503, 200]) as (url, bodies):
        api.delivery.url = url
        delivering = asyncio.create_task(api.delivery.run())
        first = account.say(ALICE, "un")
        account.say(ALICE, "deux")
        async with asyncio.timeout(20):
            while account.events or api.delivery.pending:  # noqa: ASYNC110 - a deque has no event
                await asyncio.sleep(0.01)
        delivering.cancel()
        await asyncio.wait([delivering])
    events = [event for body in bodies for event in body["events"]]
    flags = [event["deliveryContext"]["isRedelivery"] for event in events]
    ids = [event["webhookEventId"] for event in events]
    assert ids[0] == first["webhookEventId"]
    if redelivery:
        assert flags == [False, True, False]
        assert ids[1] == ids[0]
    else:
        assert (flags, api.delivery.dropped) == ([False, False], 1)
