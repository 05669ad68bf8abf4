"""The channel Telegram: calls to the Bot API, rate-limited across all workers, errors translated.

Limits: channels/rates.py. python-telegram-bot makes the calls; its rate limiter, its persistence
and its dispatching are not used (docs/decisions/0021).
"""

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import structlog
from telegram import (
    Bot,
    File,
    Message,
    User,
)
from telegram.error import (
    BadRequest,
    InvalidToken,
    TelegramError,
)

from shared.errors import TooLarge
from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChannelName, ChatAddress, ChatId, MessageId
from telegram_service.channels.channel import Preview, Priority
from telegram_service.channels.message import FoldedText, OutgoingMessage, Rows
from telegram_service.channels.rates import Bucket, RateLimits, Rates
from telegram_service.channels.telegram.bot_api import in_thread, new_bot, translated
from telegram_service.channels.telegram.downloads import fetch, new_file_client
from telegram_service.channels.telegram.formatting import (
    bot_api_entities,
    folded_messages,
    keyboard,
    reply_to,
)
from telegram_service.channels.telegram.parsing import origin, parsed
from telegram_service.channels.update import Update
from telegram_service.errors import (
    NoToken,
)
from telegram_service.queue.update_queue import COUNTERS, message_ids_key
from telegram_service.settings import BotSettings, LimitSettings
from telegram_service.vault import Vault

T = TypeVar("T")

mimetypes.init()  # reads files: now, not when the first document is sent

log = structlog.get_logger()

RETRY_GET_ME_S = 2.0
PROBES_PER_S, PROBE_BURST = 10.0, 10
IDS_AFTER_NEWEST = 10
"""Ids probed after the newest known one: what was sent just before a crash."""
MAX_PROBES = 24
GROUP_BURST = 1 / 3
"""Share of a group's messages of a minute that may come at once."""
FILES = ChatAddress(0, private=False)
"""Calls for files name no chat, so they share one window."""
FILES_PER_S, FILES_AT_ONCE = 10.0, 10
MEMBERS_PER_S, MEMBERS_AT_ONCE = 5.0, 10


async def open_telegram(
    settings: BotSettings, limits: LimitSettings, redis: RedisConnection, vault: Vault
) -> "Telegram":
    """Return the channel, once Telegram has said who the bot is. Raises NoToken."""
    bot = new_bot(settings.token.get_secret_value(), str(settings.api_url))
    files = await asyncio.to_thread(new_file_client)
    telegram = Telegram(bot, files, redis, limits, vault, drafts=settings.drafts)
    try:
        await telegram.get_me()
    except BaseException:
        await telegram.close()
        raise
    return telegram


def rates_of(limits: LimitSettings) -> Rates:
    """Return Telegram's limits as the rate limits have them.

    A group's are of any minute, so what may come at once is taken from what comes back in it.
    """
    return Rates(
        bot_per_s=limits.bot_per_s,
        private_per_s=limits.private_per_s,
        private_burst=limits.private_burst,
        group_per_s=limits.group_per_min * (1 - GROUP_BURST) / 60,
        group_burst=max(1, round(limits.group_per_min * GROUP_BURST)),
    )


class Telegram:
    """The channel: see channels/channel.py. `files` downloads what people send."""

    name: ChannelName = "telegram"
    edits = True
    folds = True
    sends_files = True

    def __init__(
        self,
        bot: Bot,
        files: httpx.AsyncClient,
        redis: RedisConnection,
        limits: LimitSettings,
        vault: Vault,
        *,
        drafts: bool = True,
    ) -> None:
        self.bot = bot
        self._files = files
        self._redis = redis
        self._rates = RateLimits(redis, vault, self.name, rates_of(limits))
        self._vault = vault
        self._drafts = drafts

    @property
    def account(self) -> str:
        """Return the bot's id."""
        return str(self.bot.id)

    @property
    def bot_name(self) -> str:
        """Return the bot's user name, without the `@`."""
        return self.bot.username or ""

    async def close(self) -> None:
        """Close the connections."""
        await self._files.aclose()
        await self.bot.shutdown()

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

    def parse(self, payload: bytes, update_id: int) -> Update:
        """Return the update. Raises ValidationError."""
        return parsed(payload, self.bot.id, self.bot_name)

    def origin(self, payload: bytes) -> tuple[ChatId | None, ChatId | None]:
        """Return chat and sender of an update, as far as they can be read; see Channel."""
        return origin(payload)

    def compose(
        self, text: FoldedText, buttons: Rows = (), reply_to: MessageId | None = None
    ) -> list[OutgoingMessage]:
        """Return the messages; the folded part becomes an expandable quotation."""
        return folded_messages(text, buttons, reply_to)

    def preview(self, address: ChatAddress) -> Preview:
        """Return drafts for private chats, edits of a placeholder elsewhere."""
        return "draft" if address.private and self._drafts else "edit"

    async def language(self, person: ChatId) -> str:
        """Return nothing: each update says it."""
        return ""

    async def mark(self, address: ChatAddress) -> str:
        """Return the newest id known in the chat."""
        newest = await self._redis.call("ZREVRANGE", self._ids_key(address), 0, 0)
        return newest[0].decode() if newest else "0"

    async def find(
        self, address: ChatAddress, message: OutgoingMessage, mark: str, key: str
    ) -> int | None:
        """Return the id of a message of ours that no outbox knows, sent after `mark`.

        sendMessage has no idempotency key; see docs/decisions/0022.
        """
        since = int(mark)
        known = {
            int(number)
            for number in await self._redis.call(
                "ZRANGEBYSCORE", self._ids_key(address), since, "+inf"
            )
        }
        top = max(known, default=since) + IDS_AFTER_NEWEST
        gaps = [number for number in range(since + 1, top + 1) if number not in known]
        for number in gaps[:MAX_PROBES]:
            if await self.is_ours(address, number, message):
                await self._redis.call("HINCRBY", COUNTERS, "found_again", 1)
                return number
        if len(gaps) > MAX_PROBES:
            await self._redis.call("HINCRBY", COUNTERS, "resent_blindly", 1)
        return None

    def _ids_key(self, address: ChatAddress) -> str:
        return message_ids_key(self._vault.name(address.chat))

    async def send(
        self, address: ChatAddress, message: OutgoingMessage, priority: Priority, key: str = ""
    ) -> int:
        """Send a message and return its id. Not idempotent: see the outbox."""

        async def call(thread: int | None) -> Message:
            return await self.bot.send_message(
                address.chat,
                message.text,
                message_thread_id=thread,
                entities=bot_api_entities(message),
                reply_markup=keyboard(message),
                reply_parameters=reply_to(message),
                disable_web_page_preview=True,
            )

        sent = await self._rate_limited(address, priority, in_thread(address, call))
        assert sent is not None  # noqa: S101 - a call that waits is never dropped
        return sent.message_id

    async def send_file(
        self, address: ChatAddress, name: str, content: bytes, caption: str, key: str = ""
    ) -> int:
        """Send a document and return the message's id."""

        async def call(thread: int | None) -> Message:
            return await self.bot.send_document(
                address.chat,
                content,
                filename=name,
                caption=caption,
                message_thread_id=thread,
            )

        sent = await self._rate_limited(address, Priority.FINAL, in_thread(address, call))
        assert sent is not None  # noqa: S101 - a call that waits is never dropped
        return sent.message_id

    async def edit(
        self,
        address: ChatAddress,
        message_id: MessageId,
        message: OutgoingMessage,
        priority: Priority,
    ) -> bool:
        """Replace the text of a message of ours; idempotent. False when the call was dropped."""

        async def call() -> bool:
            try:
                await self.bot.edit_message_text(
                    message.text,
                    address.chat,
                    _number(message_id),
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
        self, address: ChatAddress, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        """Change the buttons under a message; idempotent."""

        async def call() -> bool:
            try:
                await self.bot.edit_message_reply_markup(
                    address.chat, _number(message_id), reply_markup=keyboard(message)
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
                    address.chat, _number(message_id), reply_markup=keyboard(message)
                )
            except BadRequest as error:
                return "not modified" in error.message
            return True

        bucket = self._rates.bucket("probe", address, PROBES_PER_S, PROBE_BURST)
        return bool(await self._rate_limited(address, Priority.REPLY, call, bucket))

    async def draft(self, address: ChatAddress, draft_id: int, text: str) -> bool:
        """Show a text still being written, with Telegram's own Stop; false when it was dropped."""

        async def call(thread: int | None) -> bool:
            return await self.bot.send_message_draft(
                _number(address.chat),
                draft_id,
                text or None,
                message_thread_id=thread,
                api_kwargs={"can_stop": True, "keep_on_stop": True},
            )

        drafting = in_thread(address, call)
        return bool(await self._rate_limited(address, Priority.PREVIEW, drafting))

    async def typing(self, address: ChatAddress, message_id: MessageId) -> bool:
        """Show nothing: drafts and placeholders say more."""
        return False

    async def answer_press(self, press_id: str, text: str = "") -> bool:
        """Acknowledge a button; idempotent. Telegram does not limit these."""
        try:
            await self.bot.answer_callback_query(press_id, text or None)
        except BadRequest:
            return True
        except TelegramError as error:
            raise translated(error) from error
        return True

    async def download(self, file_id: str, max_bytes: int) -> bytes:
        """Return the content of a file a person sent.

        Raises TooLarge as soon as Telegram says, or the bytes received show, that it is larger than
        `max_bytes`.
        """

        async def call() -> File:
            try:
                return await self.bot.get_file(file_id)
            except BadRequest as error:
                if "too big" in error.message:
                    raise TooLarge("getFile") from error
                raise

        bucket = self._rates.bucket("files", FILES, FILES_PER_S, FILES_AT_ONCE)
        file = await self._rate_limited(FILES, Priority.REPLY, call, bucket)
        assert file is not None  # noqa: S101 - a call that waits is never dropped
        if (file.file_size or 0) > max_bytes:
            raise TooLarge("file_size")
        return await fetch(self._files, str(file.file_path), max_bytes)

    async def is_admin(self, address: ChatAddress, person: ChatId) -> bool:
        """Return whether a person administers the group, as who writes on its behalf does.

        The Bot API promises an answer only to a bot that is an administrator (getChatMember).
        """
        if person == address.chat:
            return True

        async def call() -> bool:
            try:
                member = await self.bot.get_chat_member(address.chat, _number(person))
            except BadRequest as error:
                log.info("member not known", reason=error.message)
                return False
            return member.status in {"creator", "administrator"}

        bucket = self._rates.bucket("members", address, MEMBERS_PER_S, MEMBERS_AT_ONCE)
        return bool(await self._rate_limited(address, Priority.REPLY, call, bucket))

    async def _rate_limited(
        self,
        address: ChatAddress,
        priority: Priority,
        call: Callable[[], Awaitable[T]],
        bucket: Bucket | None = None,
    ) -> T | None:
        """Call within the rate limits, errors translated; None when a preview call is dropped."""

        async def request() -> T:
            try:
                return await call()
            except TelegramError as error:
                raise translated(error) from error

        return await self._rates.call(address, priority, request, bucket)


def _number(telegram_id: ChatId | MessageId) -> int:
    return int(telegram_id)
