"""python-telegram-bot's client as we use it, and its errors as ours."""

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import structlog

os.environ.setdefault("PTB_TIMEDELTA", "true")  # or each 429 raises a deprecation warning

from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from telegram_service.addresses import ChatAddress
from telegram_service.errors import (
    ChannelLost,
    ChannelRefused,
    ChatMoved,
    NoRight,
    NoToken,
    RateLimited,
    Unreachable,
)

T = TypeVar("T")

log = structlog.get_logger()

CALL_TIMEOUT_S = 15.0
POOL_SIZE = 64
NO_RIGHT = (
    "not enough rights", "no rights", "need administrator rights", "chat not found",
    "chat_write_forbidden", "chat_restricted", "chat_send_", "chat_guest_send_forbidden",
    "chat_admin_required", "user_banned_in_channel", "topic_closed", "peer_id_invalid",
    "group chat was deactivated",
)  # fmt: skip
"""Refusals that say we may not write in a chat (python-telegram-bot 3956, tdlib)."""
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def new_bot(token: str, api_url: str) -> Bot:
    """Return python-telegram-bot's client, with a deadline on everything."""
    base = api_url.rstrip("/")

    def request() -> HTTPXRequest:
        return HTTPXRequest(
            connection_pool_size=POOL_SIZE,
            connect_timeout=5.0,
            read_timeout=CALL_TIMEOUT_S,
            write_timeout=CALL_TIMEOUT_S,
            pool_timeout=5.0,
            media_write_timeout=60.0,
        )

    return Bot(
        token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=request(),
        get_updates_request=request(),
    )


def translated(error: TelegramError) -> Exception:
    """Return our error for one of python-telegram-bot's."""
    match error:
        case RetryAfter():
            after = error.retry_after
            retry_after_s = after if isinstance(after, int) else after.total_seconds()
            return RateLimited(retry_after_s=retry_after_s)
        case ChatMigrated():
            return ChatMoved(error.new_chat_id)
        case Forbidden():
            return Unreachable(error.message)
        case InvalidToken():
            return NoToken(error.message)
        case BadRequest() if any(each in error.message.lower() for each in NO_RIGHT):
            return NoRight(error.message)
        case BadRequest():
            return ChannelRefused(error.message)
        case NetworkError():
            return ChannelLost(
                type(error.__cause__).__name__, sent=not isinstance(error.__cause__, NEVER_SENT)
            )
    return ChannelRefused(error.message)


def in_thread(
    address: ChatAddress, call: Callable[[int | None], Awaitable[T]]
) -> Callable[[], Awaitable[T]]:
    """Return a call into a topic, made outside of it where the topic has been deleted."""

    async def request() -> T:
        try:
            return await call(address.thread)
        except BadRequest as error:
            if address.thread is None or "thread not found" not in error.message.lower():
                raise
            log.info("topic deleted")
        return await call(None)

    return request
