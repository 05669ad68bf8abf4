"""Calls to the Bot API: rate-limited across all workers, errors translated into ours.

Limits are token buckets in Redis (of the bot, of the chat) and the deadlines of 429s, so that no
process calls inside a retry-after window that another one received. python-telegram-bot makes the
calls; its rate limiter, its persistence and its dispatching are not used (docs/decisions/0021).
"""

import asyncio
import mimetypes
import os
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path
from typing import TypeVar

import httpx
import structlog

os.environ.setdefault("PTB_TIMEDELTA", "true")  # or each 429 raises a deprecation warning

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    MessageEntity,
    ReplyParameters,
    User,
)
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

from shared.errors import TooLarge
from shared.stores.redis_connection import LuaScript, RedisConnection
from telegram_service.bot_api import ChatAddress
from telegram_service.errors import (
    BotBlocked,
    ChatMoved,
    NoToken,
    RateLimited,
    TelegramLost,
    TelegramRefused,
)
from telegram_service.queue.update_queue import COUNTERS
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.sending.downloads import fetch
from telegram_service.sending.formatting import OutgoingMessage
from telegram_service.settings import LimitSettings
from telegram_service.vault import Vault

LUA = Path(__file__).parent / "lua"
ACQUIRE_RATE = LuaScript.read(LUA / "acquire_rate.lua")
RECORD_RETRY_AFTER = LuaScript.read(LUA / "record_retry_after.lua")
RATE_KEY, RETRY_AFTER_KEY = f"{KEY_PREFIX}:rate", f"{KEY_PREFIX}:retry_after"
T = TypeVar("T")

mimetypes.init()  # reads files: now, not when the first document is sent

log = structlog.get_logger()

CALL_TIMEOUT_S = 15.0
RETRY_GET_ME_S = 2.0
POOL_SIZE = 64
MAX_WAIT_S = 20.0
"""After a longer wait the update is postponed instead, and the worker does something else."""
AFTER_DEADLINE_S = 0.02
REFUSED_CHATS_THAT_MEAN_THE_BOT = 5
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
PROBES_PER_S, PROBE_BURST = 10.0, 10


class Priority(Enum):
    """Tokens a call leaves in the buckets of bot and chat, and whether it waits for its own."""

    FINAL = (0, 0, True)
    REPLY = (1, 0, True)
    PREVIEW = (5, 2, False)
    """Drafts and edits while an answer is written: dropped when the buckets are low."""

    @property
    def waits(self) -> bool:
        """Whether the call waits for tokens rather than being dropped."""
        return self.value[2]


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


class Sender:
    """Calls the Bot API; `files` downloads what people send.

    All methods raise BotBlocked, ChatMoved, RateLimited, TelegramRefused, TelegramLost, and
    RedisUnavailable when the buckets cannot be read.
    """

    def __init__(
        self,
        bot: Bot,
        files: httpx.AsyncClient,
        redis: RedisConnection,
        limits: LimitSettings,
        vault: Vault,
    ) -> None:
        self.bot = bot
        self._files = files
        self._redis = redis
        self._limits = limits
        self._vault = vault

    def name(self, address: ChatAddress) -> str:
        """Return the fingerprint of a chat, for the names of keys."""
        return self._vault.name(address.chat)

    async def get_me(self) -> User:
        """Return the bot's account, waiting for Telegram. Raises NoToken for a wrong token."""
        while True:
            try:
                await self.bot.initialize()
            except InvalidToken as error:
                raise NoToken(error.message) from error
            except TelegramError as error:
                log.warning("telegram does not answer", reason=type(error).__name__)
                await asyncio.sleep(RETRY_GET_ME_S)
            else:
                return self.bot.bot

    async def send(self, address: ChatAddress, message: OutgoingMessage, priority: Priority) -> int:
        """Send a message and return its id. Not idempotent: see the outbox."""

        async def call() -> Message:
            return await self.bot.send_message(
                address.chat,
                message.text,
                message_thread_id=address.thread,
                entities=bot_api_entities(message),
                reply_markup=keyboard(message),
                reply_parameters=reply_to(message),
                disable_web_page_preview=True,
            )

        sent = await self._rate_limited(address, priority, call)
        assert sent is not None  # noqa: S101 - a call that waits is never dropped
        return sent.message_id

    async def send_file(self, address: ChatAddress, name: str, content: bytes, caption: str) -> int:
        """Send a document and return the message's id."""

        async def call() -> Message:
            return await self.bot.send_document(
                address.chat,
                content,
                filename=name,
                caption=caption,
                message_thread_id=address.thread,
            )

        sent = await self._rate_limited(address, Priority.FINAL, call)
        assert sent is not None  # noqa: S101 - a call that waits is never dropped
        return sent.message_id

    async def edit(
        self, address: ChatAddress, message_id: int, message: OutgoingMessage, priority: Priority
    ) -> bool:
        """Replace the text of a message of ours; idempotent. False when the call was dropped."""

        async def call() -> bool:
            try:
                await self.bot.edit_message_text(
                    message.text,
                    address.chat,
                    message_id,
                    entities=bot_api_entities(message),
                    reply_markup=keyboard(message),
                    disable_web_page_preview=True,
                )
            except BadRequest as error:
                if "not modified" not in error.message:
                    raise
            return True

        return bool(await self._rate_limited(address, priority, call))

    async def set_buttons(
        self, address: ChatAddress, message_id: int, message: OutgoingMessage
    ) -> None:
        """Change the buttons under a message; idempotent."""

        async def call() -> bool:
            try:
                await self.bot.edit_message_reply_markup(
                    address.chat, message_id, reply_markup=keyboard(message)
                )
            except BadRequest as error:
                if "not modified" not in error.message:
                    raise
            return True

        await self._rate_limited(address, Priority.REPLY, call)

    async def is_ours(
        self, address: ChatAddress, message_id: int, message: OutgoingMessage
    ) -> bool:
        """Whether a message of the chat is one of ours, tested by setting `message`'s buttons on
        it.

        Telegram refuses this for other people's messages and for messages that do not exist.
        """

        async def call() -> bool:
            try:
                await self.bot.edit_message_reply_markup(
                    address.chat, message_id, reply_markup=keyboard(message)
                )
            except BadRequest as error:
                return "not modified" in error.message
            return True

        bucket = (f"{RATE_KEY}:probe:{self.name(address)}", PROBES_PER_S, PROBE_BURST)
        return bool(await self._rate_limited(address, Priority.REPLY, call, bucket))

    async def draft(self, address: ChatAddress, draft_id: int, text: str) -> bool:
        """Show a text still being written, with Telegram's own Stop; false when it was dropped."""

        async def call() -> bool:
            return await self.bot.send_message_draft(
                address.chat,
                draft_id,
                text or None,
                message_thread_id=address.thread,
                api_kwargs={"can_stop": True, "keep_on_stop": True},
            )

        return bool(await self._rate_limited(address, Priority.PREVIEW, call))

    async def answer_callback(self, query_id: str, text: str = "") -> None:
        """Acknowledge a button; idempotent. Telegram does not limit these."""
        try:
            await self.bot.answer_callback_query(query_id, text or None)
        except BadRequest:
            return
        except TelegramError as error:
            raise translated(error) from error

    async def download(self, file_id: str, max_bytes: int) -> bytes:
        """Return the content of a file a person sent.

        Raises TooLarge as soon as Telegram says, or the bytes received show, that it is larger than
        `max_bytes`.
        """
        try:
            file = await self.bot.get_file(file_id)
        except TelegramError as error:
            if isinstance(error, BadRequest) and "too big" in error.message:
                raise TooLarge("getFile") from error
            raise translated(error) from error
        if (file.file_size or 0) > max_bytes:
            raise TooLarge("file_size")
        return await fetch(self._files, str(file.file_path), max_bytes)

    async def is_admin(self, address: ChatAddress, person: int) -> bool:
        """Return whether a person administers the group."""
        try:
            member = await self.bot.get_chat_member(address.chat, person)
        except TelegramError as error:
            raise translated(error) from error
        return member.status in {"creator", "administrator"}

    async def _rate_limited(
        self,
        address: ChatAddress,
        priority: Priority,
        call: Callable[[], Awaitable[T]],
        bucket: tuple[str, float, int] | None = None,
    ) -> T | None:
        """Wait for tokens, call, and obey a 429; None when a preview call is dropped."""
        while True:
            wait_ms = await self._acquire(address, priority, bucket)
            if wait_ms:
                if not priority.waits:
                    return None
                await wait(wait_ms / 1000)
                continue
            try:
                return await call()
            except RetryAfter as error:
                await self._record_retry_after(address, error)
            except TelegramError as error:
                raise translated(error) from error

    async def _acquire(
        self, address: ChatAddress, priority: Priority, bucket: tuple[str, float, int] | None
    ) -> int:
        limits = self._limits
        if bucket is None:
            rate, burst = limits.private_per_s, limits.private_burst
            if not address.private:
                rate, burst = limits.group_per_min / 60, max(1, round(limits.group_per_min))
            bucket = (f"{RATE_KEY}:{self.name(address)}", rate, burst)
        name, rate, burst = bucket
        bot_reserve, chat_reserve, _ = priority.value
        keys = [
            f"{RATE_KEY}:bot", name,
            f"{RETRY_AFTER_KEY}:bot", f"{RETRY_AFTER_KEY}:{self.name(address)}",
        ]  # fmt: skip
        bot_burst = max(1.0, limits.bot_per_s)
        reserve = min(bot_reserve, bot_burst - 1)
        args = [limits.bot_per_s, bot_burst, rate, burst, reserve, chat_reserve]
        return int(await self._redis.run(ACQUIRE_RATE, keys, args))

    async def _record_retry_after(self, address: ChatAddress, error: RetryAfter) -> None:
        after = error.retry_after
        retry_after_s = after if isinstance(after, int) else after.total_seconds()
        names = ("bot", self.name(address), "chats")
        keys = [*(f"{RETRY_AFTER_KEY}:{name}" for name in names), COUNTERS]
        await self._redis.run(
            RECORD_RETRY_AFTER,
            keys,
            [int(retry_after_s * 1000), self.name(address), REFUSED_CHATS_THAT_MEAN_THE_BOT],
        )


async def wait(seconds: float) -> None:
    """Sleep. Raises RateLimited when that is longer than a worker should wait."""
    if seconds > MAX_WAIT_S:
        raise RateLimited(retry_after_s=seconds)
    await asyncio.sleep(seconds + AFTER_DEADLINE_S)


def translated(error: TelegramError) -> Exception:
    """Return our error for one of python-telegram-bot's."""
    match error:
        case ChatMigrated():
            return ChatMoved(error.new_chat_id)
        case Forbidden():
            return BotBlocked(error.message)
        case InvalidToken():
            return NoToken(error.message)
        case BadRequest():
            return TelegramRefused(error.message)
        case NetworkError():
            return TelegramLost(
                type(error.__cause__).__name__, sent=not isinstance(error.__cause__, NEVER_SENT)
            )
    return TelegramRefused(error.message)


def bot_api_entities(message: OutgoingMessage) -> list[MessageEntity]:
    """Return a message's formatting for the Bot API."""
    return [
        MessageEntity(each.type, each.offset, each.length, url=each.url, language=each.language)
        for each in message.entities
    ]


def keyboard(message: OutgoingMessage) -> InlineKeyboardMarkup | None:
    """Return a message's buttons for the Bot API."""
    if not message.buttons:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(b.label, callback_data=b.data, url=b.url) for b in row]
            for row in message.buttons
        ]
    )


def reply_to(message: OutgoingMessage) -> ReplyParameters | None:
    """Return the message replied to; ours is sent even if that one was deleted."""
    if message.reply_to is None:
        return None
    return ReplyParameters(message.reply_to, allow_sending_without_reply=True)
