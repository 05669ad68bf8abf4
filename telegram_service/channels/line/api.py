"""The calls of the Messaging API that the channel makes, and their refusals as our errors.

Written on httpx2, not on line-bot-sdk: docs/decisions/0162-line-over-http.md. What each call takes,
answers and refuses is in LINE's reference (developers.line.biz/en/reference/messaging-api) and its
OpenAPI description (github.com/line/line-openapi).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson

from telegram_service.channels.downloads import read_within
from telegram_service.errors import (
    ChannelLost,
    ChannelRefused,
    NoToken,
    RateLimited,
    Unreachable,
)

JsonObject = dict[str, Any]

TIMEOUT_S, CONNECT_TIMEOUT_S, CONTENT_TIMEOUT_S = 10.0, 5.0, 15.0
CONNECTIONS = 64
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
BAD_REQUEST, ACCEPTED, CONFLICT, TOO_MANY = 400, 202, 409, 429
UNAUTHORIZED, SERVER_ERROR = {401, 403}, 500
MONTHLY_LIMIT = "monthly limit"
"""In the message of a 429: the month's pushes are used up; any other one is a rate."""
INVALID_REPLY_TOKEN = "Invalid reply token"  # noqa: S105 - what LINE says of one
UNKNOWN_RECEIVER = "Failed to send messages"
WAIT_AFTER_429_S = 5.0
"""LINE names no time to come back."""
TRANSCODING_PAUSE_S, TRANSCODING_TRIES = 0.5, 60


class InvalidReplyToken(ChannelRefused):
    """A reply token was used already, or its minute is over."""

    code = "invalid_reply_token"


class QuotaUsedUp(ChannelRefused):
    """The month's messages that LINE lets the account push are used up."""

    code = "line_quota_used_up"


class MessagingApi:
    """LINE's HTTP API. All methods raise ChannelLost, ChannelRefused, NoToken, RateLimited.

    Opening it reads certificates: not in the event loop.
    """

    def __init__(self, api_url: str, data_url: str, access_token: str) -> None:
        self._api = api_url.rstrip("/")
        self._data = data_url.rstrip("/")
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {access_token}"},
            timeout=httpx2.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx2.Limits(max_connections=CONNECTIONS),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def reply(self, token: str, messages: Sequence[JsonObject]) -> None:
        """Answer an event: free, at most five messages, once, within a minute of the event.

        Raises InvalidReplyToken.
        """
        body = {"replyToken": token, "messages": list(messages)}
        await self._call("POST", "/v2/bot/message/reply", body)

    async def push(self, chat: str, messages: Sequence[JsonObject], retry_key: str) -> None:
        """Write to a chat; a second time with the same retry key, within 24 hours, does nothing.

        Raises QuotaUsedUp, Unreachable.
        """
        body = {"to": chat, "messages": list(messages)}
        await self._call("POST", "/v2/bot/message/push", body, {"X-Line-Retry-Key": retry_key})

    async def show_loading(self, person: str, seconds: int) -> None:
        """Show the loading animation in the chat with one person: a multiple of 5 up to 60."""
        body = {"chatId": person, "loadingSeconds": seconds}
        await self._call("POST", "/v2/bot/chat/loading/start", body)

    async def language(self, person: str) -> str:
        """Return the language of a friend's app as a BCP 47 tag; empty: not known."""
        profile = await self._call("GET", f"/v2/bot/profile/{person}")
        return str(profile.get("language", ""))

    async def account(self) -> JsonObject:
        """Return the bot's `userId`, `basicId` and `displayName`."""
        return await self._call("GET", "/v2/bot/info")

    async def set_webhook(self, url: str) -> None:
        """Have events delivered to an https address."""
        await self._call("PUT", "/v2/bot/channel/webhook/endpoint", {"endpoint": url})

    async def test_webhook(self) -> JsonObject:
        """Have LINE call the webhook without events: `success`, `statusCode`, `reason`."""
        return await self._call("POST", "/v2/bot/channel/webhook/test", {})

    async def content(self, message_id: str, max_bytes: int) -> bytes:
        """Return a file a person sent, waiting while LINE transcodes it. Raises TooLarge."""
        url = f"{self._data}/v2/bot/message/{message_id}/content"
        for _ in range(TRANSCODING_TRIES):
            found = await self._fetch(url, max_bytes)
            if found is not None:
                return found
            await asyncio.sleep(TRANSCODING_PAUSE_S)
        raise ChannelLost("not transcoded yet", sent=False)

    async def _fetch(self, url: str, max_bytes: int) -> bytes | None:
        """Return what is there, None while it is transcoded; read no more than `max_bytes`."""
        try:
            async with self._http.stream("GET", url, timeout=CONTENT_TIMEOUT_S) as response:
                if response.status_code == ACCEPTED:
                    return None
                if response.is_error:
                    await response.aread()
                    raise refusal(response)
                return await read_within(response, max_bytes)
        except httpx2.TransportError as error:
            raise ChannelLost(type(error).__name__, sent=False) from error

    async def _call(
        self,
        method: str,
        path: str,
        body: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JsonObject:
        sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else {}
        content = None if body is None else orjson.dumps(body)
        try:
            response = await self._http.request(
                method, f"{self._api}{path}", content=content, headers=sent
            )
        except httpx2.TransportError as error:
            raise ChannelLost(
                type(error).__name__, sent=not isinstance(error, NEVER_SENT)
            ) from error
        if response.status_code == CONFLICT:  # the retry key was accepted: it was sent
            return {}
        if response.is_error:
            raise refusal(response)
        return json_object(response)


def json_object(response: httpx2.Response) -> JsonObject:
    """Return a response's JSON object; an empty one for anything else."""
    try:
        found = orjson.loads(response.content or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def refusal(response: httpx2.Response) -> Exception:
    """Return our error for a response of LINE that is one."""
    status, said = response.status_code, str(json_object(response).get("message", ""))
    if status >= SERVER_ERROR:  # it may have been carried out ("Retry failed API requests")
        return ChannelLost(f"{status}", sent=True)
    if status == TOO_MANY:
        if MONTHLY_LIMIT in said:
            return QuotaUsedUp(said)
        return RateLimited("LINE's rate limit", retry_after_s=WAIT_AFTER_429_S)
    if status in UNAUTHORIZED:
        return NoToken(f"LINE: {status}")
    if said == INVALID_REPLY_TOKEN:
        return InvalidReplyToken(said)
    if said == UNKNOWN_RECEIVER:
        return Unreachable(said)
    return ChannelRefused(f"{status}: {said}")
