"""The Cloud API over HTTP: messages, files, errors translated into ours.

Errors are told apart by their `code` alone, as Meta asks for (support/error-codes); their words may
hold a phone number, and go nowhere. Why no library: docs/decisions/0163-whatsapp-over-http.md
"""

from collections.abc import Mapping
from typing import Any

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson

from shared.errors import AppError, TooLarge
from shared.web.retry_after import retry_after_s
from telegram_service.channels.downloads import read_within
from telegram_service.errors import (
    ChannelLost,
    ChannelRefused,
    NoToken,
    RateLimited,
    Unreachable,
)
from telegram_service.settings import WhatsAppSettings

JsonObject = dict[str, Any]

CONNECT_TIMEOUT_S, FILE_TIMEOUT_S = 5.0, 60.0
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
TOKEN_CODES = {0, 3, 10, 190, *range(200, 300)}
"""The token has expired, or lacks a permission: waits for the operator."""
RATE_CODES: Mapping[int, float] = {130429: 1.0, 131056: 6.0, 4: 60.0, 80007: 60.0, 131048: 600.0}
"""Seconds to wait: throughput of the number, pair of numbers, application, account, spam."""
AWAY_CODES = {1, 2, 131000, 131016, 131057}
"""Something is wrong on Meta's side for now; nothing was sent."""
BLOCKED_CODES = {368, 131031, 130497, 131042}
"""The account is restricted or unpaid: waits for the operator."""
BLOCKED_RETRY_S = 30.0
UNREACHABLE_CODES = {131021, 131026, 131030, 131062}
RE_ENGAGEMENT = 131047
FILE_HOSTS = ("fbsbx.com", "facebook.com", "whatsapp.net")
"""Where Meta hands files out: the token goes nowhere else."""


class WindowClosed(Unreachable):
    """More than 24 hours have passed since the person last wrote."""


class CloudApi:
    """Calls of one phone number. All raise the errors of this module's kind."""

    def __init__(self, settings: WhatsAppSettings) -> None:
        base = f"{str(settings.api_url).rstrip('/')}/{settings.api_version}"
        self._host = settings.api_url.host or ""
        self._number = settings.phone_number_id
        token = settings.access_token.get_secret_value()
        self._http = httpx2.AsyncClient(
            base_url=base,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(settings.timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx2.Limits(max_connections=64),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post_message(self, body: JsonObject) -> JsonObject:
        """Send a message, or mark one read; return Meta's reply."""
        content = orjson.dumps({"messaging_product": "whatsapp", **body})
        headers = {"Content-Type": "application/json"}
        return await self._call(
            "POST", f"/{self._number}/messages", content=content, headers=headers
        )

    async def upload(self, name: str, content: bytes, mime_type: str) -> str:
        """Put a file on Meta's servers, for 30 days; return its id."""
        form = {"messaging_product": "whatsapp", "type": mime_type}
        files = {"file": (name, content, mime_type)}
        reply = await self._call(
            "POST", f"/{self._number}/media", data=form, files=files, timeout=FILE_TIMEOUT_S
        )
        return str(reply.get("id", ""))

    async def download(self, media_id: str, max_bytes: int) -> bytes:
        """Return a file's content. Raises TooLarge as soon as it is known to be larger.

        Its address is good for five minutes, so it is asked for again once when it has lapsed.
        """
        for last in (False, True):
            about = await self._call(
                "GET", f"/{media_id}", params={"phone_number_id": self._number}
            )
            if int(about.get("file_size") or 0) > max_bytes:
                raise TooLarge("file_size")
            content = await self._fetch(str(about.get("url", "")), max_bytes, last=last)
            if content is not None:
                return content
        raise ChannelRefused("file: address lapsed")

    async def _fetch(self, url: str, max_bytes: int, *, last: bool) -> bytes | None:
        host = httpx2.URL(url).host
        known = host == self._host or any(
            host == each or host.endswith(f".{each}") for each in FILE_HOSTS
        )
        if not known:
            raise ChannelRefused("file: unknown host")
        try:
            async with self._http.stream("GET", url, timeout=FILE_TIMEOUT_S) as response:
                if response.status_code == 404 and not last:
                    return None
                if response.is_error:
                    raise ChannelRefused(f"file: {response.status_code}")
                return await read_within(response, max_bytes)
        except httpx2.HTTPError as error:
            raise ChannelLost(type(error).__name__, sent=False) from error

    async def _call(self, method: str, path: str, **request: Any) -> JsonObject:
        try:
            response = await self._http.request(method, path, **request)
        except httpx2.HTTPError as error:
            sent = not isinstance(error, NEVER_SENT)
            raise ChannelLost(type(error).__name__, sent=sent) from error
        try:
            reply = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            reply = None
        if response.is_success and isinstance(reply, dict):
            return reply
        raise refusal(response, reply)


def refusal(response: httpx2.Response, reply: object) -> AppError:
    """Return our error for a response that is none of success."""
    error = reply.get("error") if isinstance(reply, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, int):
        lost = response.is_success or response.status_code >= 500
        detail = f"HTTP {response.status_code}"
        return ChannelLost(detail, sent=True) if lost else ChannelRefused(detail)
    detail = f"whatsapp error {code}"
    if code in RATE_CODES or response.status_code == 429:
        asked = retry_after_s(response.headers.get("retry-after"))
        return RateLimited(detail, retry_after_s=asked or RATE_CODES.get(code, 1.0))
    if code in TOKEN_CODES:
        return NoToken(detail, retry_after_s=BLOCKED_RETRY_S)
    if code in AWAY_CODES:
        return ChannelLost(detail, sent=False)
    if code in BLOCKED_CODES:
        blocked = ChannelLost(detail, sent=False)
        blocked.retry_after_s = BLOCKED_RETRY_S
        return blocked
    if code in UNREACHABLE_CODES:
        return Unreachable(detail)
    return WindowClosed(detail) if code == RE_ENGAGEMENT else ChannelRefused(detail)
