"""What goes to Telegram: paced across all workers, with its refusals turned into our errors.

Limits are Redis buckets (the bot, the chat) and deadlines after a 429, so that no process calls
inside a window another one was told to respect. python-telegram-bot makes the calls; its rate
limiter, its persistence and its dispatching are not used (docs/decisions/0021).
"""

import asyncio
import mimetypes
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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

from shared.stores.redis_connection import Script
from telegram_service.errors import (
    BotBlocked,
    ChatMoved,
    Held,
    NoToken,
    TelegramLost,
    TelegramRefused,
)
from telegram_service.queue.update_queue import COUNTS
from telegram_service.redis_keys import TAG, Keyspace
from telegram_service.sending.formatting import Letter
from telegram_service.settings import LimitSettings

LUA = Path(__file__).parent / "lua"
PACE = Script.read(LUA / "pace.lua")
HOLD = Script.read(LUA / "hold.lua")
PACE_KEY, HOLD_KEY = f"{TAG}:pace", f"{TAG}:hold"
T = TypeVar("T")

mimetypes.init()  # reads files: now, not when the first document is sent

log = structlog.get_logger()

CALL_TIMEOUT_S = 15.0
GREETING_EVERY_S = 2.0
POOL = 64
LONGEST_WAIT_S = 20.0
"""A longer wait is not worth a worker's place: the chat is put aside until then."""
AFTER_DEADLINE_S = 0.02
CHATS_THAT_MEAN_THE_BOT = 5
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
PROBES_PER_S, PROBE_BURST = 10.0, 10


class Priority(Enum):
    """What a call may use of the buckets: tokens kept for the others (bot, chat), and patience."""

    FINAL = (0, 0, True)
    REPLY = (1, 0, True)
    PASSING = (5, 2, False)
    """Drafts, edits while writing, chat actions: dropped when the budget is low."""

    @property
    def waits(self) -> bool:
        """Tell whether the call waits for leave."""
        return self.value[2]


@dataclass(frozen=True)
class Place:
    """Where to write: a chat and, in a forum, its thread."""

    chat: int
    thread: int | None = None
    private: bool = True


def new_bot(token: str, api_url: str) -> Bot:
    """Return python-telegram-bot's client, with a deadline on everything."""
    base = api_url.rstrip("/")

    def request() -> HTTPXRequest:
        return HTTPXRequest(
            connection_pool_size=POOL,
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
    """Calls the Bot API. All methods raise BotBlocked, ChatMoved, Held, TelegramRefused,
    TelegramLost, and MailboxLost when the buckets cannot be read.
    """

    def __init__(self, bot: Bot, redis: Keyspace, limits: LimitSettings) -> None:
        self.bot = bot
        self._redis = redis
        self._limits = limits

    async def introduce(self) -> User:
        """Return who the bot is, as soon as Telegram says so. Raises NoToken for a wrong token."""
        while True:
            try:
                await self.bot.initialize()
            except InvalidToken as error:
                raise NoToken(error.message) from error
            except TelegramError as error:
                log.warning("telegram does not answer", reason=type(error).__name__)
                await asyncio.sleep(GREETING_EVERY_S)
            else:
                return self.bot.bot

    async def send(self, place: Place, letter: Letter, priority: Priority) -> int:
        """Send a message and return its id. Not idempotent: see the outbox."""

        async def call() -> Message:
            return await self.bot.send_message(
                place.chat,
                letter.text,
                message_thread_id=place.thread,
                entities=entities(letter),
                reply_markup=keyboard(letter),
                reply_parameters=reply_to(letter),
                disable_web_page_preview=True,
            )

        sent = await self._paced(place, priority, call)
        assert sent is not None  # noqa: S101 - a call that waits is never dropped
        return sent.message_id

    async def send_file(self, place: Place, name: str, content: bytes, caption: str) -> int:
        """Send a document and return the message's id."""

        async def call() -> Message:
            return await self.bot.send_document(
                place.chat, content, filename=name, caption=caption, message_thread_id=place.thread
            )

        sent = await self._paced(place, Priority.FINAL, call)
        assert sent is not None  # noqa: S101 - a call that waits is never dropped
        return sent.message_id

    async def edit(self, place: Place, message_id: int, letter: Letter, priority: Priority) -> bool:
        """Make a message say what `letter` says; idempotent. False when it was dropped."""

        async def call() -> bool:
            try:
                await self.bot.edit_message_text(
                    letter.text,
                    place.chat,
                    message_id,
                    entities=entities(letter),
                    reply_markup=keyboard(letter),
                    disable_web_page_preview=True,
                )
            except BadRequest as error:
                if "not modified" not in error.message:
                    raise
            return True

        return bool(await self._paced(place, priority, call))

    async def set_buttons(self, place: Place, message_id: int, letter: Letter) -> None:
        """Change the buttons under a message; idempotent."""

        async def call() -> bool:
            try:
                await self.bot.edit_message_reply_markup(
                    place.chat, message_id, reply_markup=keyboard(letter)
                )
            except BadRequest as error:
                if "not modified" not in error.message:
                    raise
            return True

        await self._paced(place, Priority.REPLY, call)

    async def is_ours(self, place: Place, message_id: int, letter: Letter) -> bool:
        """Tell whether that message of the chat is one of ours, by giving it `letter`'s buttons.

        Telegram refuses this for other people's messages and for messages that do not exist.
        """

        async def call() -> bool:
            try:
                await self.bot.edit_message_reply_markup(
                    place.chat, message_id, reply_markup=keyboard(letter)
                )
            except BadRequest as error:
                return "not modified" in error.message
            return True

        bucket = (f"{PACE_KEY}:probe:{place.chat}", PROBES_PER_S, PROBE_BURST)
        return bool(await self._paced(place, Priority.REPLY, call, bucket))

    async def draft(self, place: Place, draft_id: int, text: str) -> bool:
        """Show a text that is still being written, with Telegram's own Stop; may be dropped."""

        async def call() -> bool:
            return await self.bot.send_message_draft(
                place.chat,
                draft_id,
                text or None,
                message_thread_id=place.thread,
                api_kwargs={"can_stop": True, "keep_on_stop": True},
            )

        return bool(await self._paced(place, Priority.PASSING, call))

    async def answer_tap(self, tap_id: str, text: str = "") -> None:
        """Acknowledge a button; late or repeated is no matter. Telegram does not limit these."""
        try:
            await self.bot.answer_callback_query(tap_id, text or None)
        except BadRequest:
            return
        except TelegramError as error:
            raise translated(error) from error

    async def download(self, file_id: str) -> bytes:
        """Return the content of a file a person sent (Telegram gives up to 20 MB)."""
        try:
            file = await self.bot.get_file(file_id)
            return bytes(await file.download_as_bytearray())
        except TelegramError as error:
            raise translated(error) from error

    async def is_admin(self, place: Place, person: int) -> bool:
        """Tell whether somebody runs the group."""
        try:
            member = await self.bot.get_chat_member(place.chat, person)
        except TelegramError as error:
            raise translated(error) from error
        return member.status in {"creator", "administrator"}

    async def _paced(
        self,
        place: Place,
        priority: Priority,
        call: Callable[[], Awaitable[T]],
        bucket: tuple[str, float, int] | None = None,
    ) -> T | None:
        """Wait for leave, call, and obey a 429; None when a passing call is dropped."""
        while True:
            wait_ms = await self._ask(place, priority, bucket)
            if wait_ms:
                if not priority.waits:
                    return None
                await wait(wait_ms / 1000)
                continue
            try:
                return await call()
            except RetryAfter as error:
                await self._hold(place, error)
            except TelegramError as error:
                raise translated(error) from error

    async def _ask(
        self, place: Place, priority: Priority, bucket: tuple[str, float, int] | None
    ) -> int:
        limits = self._limits
        if bucket is None:
            rate, burst = limits.private_per_s, limits.private_burst
            if not place.private:
                rate, burst = limits.group_per_min / 60, max(1, round(limits.group_per_min))
            bucket = (f"{PACE_KEY}:{place.chat}", rate, burst)
        name, rate, burst = bucket
        for_bot, for_chat, _ = priority.value
        keys = [f"{PACE_KEY}:bot", name, f"{HOLD_KEY}:bot", f"{HOLD_KEY}:{place.chat}"]
        bot_burst = max(1.0, limits.bot_per_s)
        words = [limits.bot_per_s, bot_burst, rate, burst, min(for_bot, bot_burst - 1), for_chat]
        return int(await self._redis.run(PACE, keys, words))

    async def _hold(self, place: Place, error: RetryAfter) -> None:
        told = error.retry_after
        seconds = told if isinstance(told, int) else told.total_seconds()
        keys = [f"{HOLD_KEY}:bot", f"{HOLD_KEY}:{place.chat}", f"{HOLD_KEY}:chats", COUNTS]
        await self._redis.run(
            HOLD, keys, [int(seconds * 1000), place.chat, CHATS_THAT_MEAN_THE_BOT]
        )


async def wait(seconds: float) -> None:
    """Wait for leave. Raises Held when that is longer than a worker should."""
    if seconds > LONGEST_WAIT_S:
        raise Held(retry_after_s=seconds)
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
                type(error.__cause__).__name__, sent=not isinstance(error.__cause__, NEVER_LEFT)
            )
    return TelegramRefused(error.message)


def entities(letter: Letter) -> list[MessageEntity]:
    """Return a letter's marks as the Bot API wants them."""
    return [
        MessageEntity(mark.type, mark.offset, mark.length, url=mark.url, language=mark.language)
        for mark in letter.marks
    ]


def keyboard(letter: Letter) -> InlineKeyboardMarkup | None:
    """Return a letter's buttons as the Bot API wants them."""
    if not letter.buttons:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(b.label, callback_data=b.data, url=b.url) for b in row]
            for row in letter.buttons
        ]
    )


def reply_to(letter: Letter) -> ReplyParameters | None:
    """Return which message a letter answers; it is sent all the same when that one is gone."""
    if letter.reply_to is None:
        return None
    return ReplyParameters(letter.reply_to, allow_sending_without_reply=True)
