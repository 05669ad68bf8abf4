"""The channel LINE: one message per event by its reply token, the others pushed, each once.

A reply token is free and serves once, for about a minute; a push costs one of the month's messages
for each person who gets it, and has an idempotency key. So the first message of an event goes by
its reply token while that is fresh, and the others are pushed. Redis remembers which message a
token was used for: after a crash the same message may try the token again, and LINE's "Invalid
reply token" then means that it was sent. Past the token's life this cannot be told, and the message
is pushed (`resent_blindly`): see docs/decisions/0162-line-over-http.md.
"""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from shared.errors import AppError
from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChannelName, ChatAddress, ChatId, MessageId
from telegram_service.channels.channel import Preview, Priority
from telegram_service.channels.line.api import (
    InvalidReplyToken,
    JsonObject,
    MessagingApi,
    QuotaUsedUp,
)
from telegram_service.channels.line.formatting import (
    compose,
    file_messages,
    message_objects,
    without_headings,
)
from telegram_service.channels.line.parsing import line_id, origin, parsed
from telegram_service.channels.message import FoldedText, OutgoingMessage, Rows
from telegram_service.channels.update import Update
from telegram_service.errors import ChannelRefused, RateLimited
from telegram_service.queue.update_queue import COUNTERS, now_ms
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.settings import LineSettings
from telegram_service.vault import Vault

log = structlog.get_logger()

FIRST_USE_MS, LIFE_MS = 30_000, 55_000
"""A token is used for the first time within 30 s of the event, and tried again within 55: LINE
promises about one minute, and a worker that died is replaced within a few seconds."""
TOKEN_TTL_S = 3_600
SENT = b"sent"
RETRY_KEYS = uuid.UUID("6f1d8f0e-6f5b-5c39-9a51-6b6d2f9f7c11")
"""Namespace of our retry keys (RFC 9562, version 5)."""
LOADING_S = 60
"""The longest that LINE shows; shown again meanwhile, and gone with the first message."""
HELD_KEY = f"{KEY_PREFIX}:retry_after:line"
MAX_LANGUAGES = 4_096
LANGUAGE_TIMEOUT_S = 1.0
"""How long an answer waits to know the language of the app."""


def new_api(settings: LineSettings) -> MessagingApi:
    """Return the client of LINE's API."""
    token = settings.access_token.get_secret_value()
    return MessagingApi(str(settings.api_url), str(settings.data_url), token)


async def open_line(settings: LineSettings, redis: RedisConnection, vault: Vault) -> "Line":
    """Return the channel. It asks LINE nothing yet: while LINE is away the others go on."""
    return Line(await asyncio.to_thread(new_api, settings), redis, vault)


class Line:
    """The channel: see channels/channel.py. Nothing that was sent can be changed."""

    name: ChannelName = "line"
    account = "line"
    """People's ids are the account's own already."""
    bot_name = ""
    edits = False
    folds = False
    sends_files = False

    def __init__(self, api: MessagingApi, redis: RedisConnection, vault: Vault) -> None:
        self.api = api
        self._redis = redis
        self._vault = vault
        self._languages: OrderedDict[ChatId, str] = OrderedDict()

    async def close(self) -> None:
        """Close the connections."""
        await self.api.close()

    def parse(self, payload: bytes, update_id: int) -> Update:
        """Return what an event says. Raises ValidationError."""
        return parsed(payload, update_id)

    def origin(self, payload: bytes) -> tuple[ChatId | None, ChatId | None]:
        """Return chat and sender of an event, as far as they can be read; see Channel."""
        return origin(payload)

    def compose(
        self, text: FoldedText, buttons: Rows = (), reply_to: MessageId | None = None
    ) -> list[OutgoingMessage]:
        """Return the messages: plain text, a card for the sources, quick replies."""
        return compose(text, buttons)

    def preview(self, address: ChatAddress) -> Preview:
        """Return the loading animation: no message can be changed, and each one is counted."""
        return "typing"

    async def language(self, person: ChatId) -> str:
        """Return the language of a friend's app, remembered; empty: LINE does not say."""
        if person not in self._languages:
            try:
                async with asyncio.timeout(LANGUAGE_TIMEOUT_S):
                    self._languages[person] = await self.api.language(line_id(person))
            except TimeoutError:
                return ""
            except ChannelRefused:  # no friend, or a group
                self._languages[person] = ""
            except AppError as error:
                log.info("language not known", reason=error.code)
                return ""
            if len(self._languages) > MAX_LANGUAGES:
                self._languages.popitem(last=False)
        return self._languages[person]

    async def mark(self, address: ChatAddress) -> str:
        """Return nothing: what was sent is known by its key."""
        return ""

    async def find(
        self, address: ChatAddress, message: OutgoingMessage, mark: str, key: str
    ) -> int | None:
        """Return None: `send` with the same key sends nothing twice."""
        return None

    async def send(
        self, address: ChatAddress, message: OutgoingMessage, priority: Priority, key: str
    ) -> int:
        """Send a message once, by the event's reply token or pushed; return 0."""
        await self._deliver(address, message_objects(message), key)
        return 0

    async def send_file(
        self, address: ChatAddress, name: str, content: bytes, caption: str, key: str
    ) -> int:
        """Send a text file as messages, since LINE takes no files from us; return 0."""
        text = without_headings(content.decode()) if name.endswith(".md") else content.decode()
        for number, objects in enumerate(file_messages(text, caption)):
            await self._deliver(address, objects, f"{key}/{number}")
        return 0

    async def edit(
        self, address: ChatAddress, message_id: MessageId, message: OutgoingMessage,
        priority: Priority,
    ) -> bool:  # fmt: skip
        """Refuse. Raises ChannelRefused."""
        raise ChannelRefused("LINE changes no message")

    async def set_buttons(
        self, address: ChatAddress, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        """Refuse. Raises ChannelRefused."""
        raise ChannelRefused("LINE changes no message")

    async def draft(self, address: ChatAddress, draft_id: int, text: str) -> bool:
        """Show nothing; false."""
        return False

    async def typing(self, address: ChatAddress, message_id: MessageId) -> bool:
        """Show the loading animation; false in a group, where LINE has none."""
        if not address.private:
            return False
        await self._check_held()
        try:
            await self.api.show_loading(line_id(address.chat), LOADING_S)
        except RateLimited as error:
            await self._hold(error)
            raise
        return True

    async def answer_press(self, press_id: str, text: str = "") -> bool:
        """Return False: a button needs no acknowledgement, and shows no text."""
        return False

    async def download(self, file_id: str, max_bytes: int) -> bytes:
        """Return what a person sent, once LINE has transcoded it.

        Raises TooLarge, and ChannelRefused for what was unsent, expired, or is not LINE's.
        """
        if not file_id:
            raise ChannelRefused("not LINE's to hand out")
        return await self.api.content(file_id, max_bytes)

    async def is_admin(self, address: ChatAddress, person: ChatId) -> bool:
        """Return True: LINE shows no roles, each member may change the group's settings."""
        return True

    async def _deliver(self, address: ChatAddress, objects: Sequence[JsonObject], key: str) -> None:
        await self._check_held()
        try:
            if not await self._replied(address, objects, key):
                retry_key = str(uuid.uuid5(RETRY_KEYS, key))
                await self.api.push(line_id(address.chat), objects, retry_key)
        except RateLimited as error:
            await self._hold(error)
            raise
        except QuotaUsedUp:
            await self._redis.call("HINCRBY", COUNTERS, "line_quota_used_up", 1)
            raise

    async def _replied(self, address: ChatAddress, objects: Sequence[JsonObject], key: str) -> bool:
        """Whether the message was sent by the event's reply token, now or before a crash."""
        if not address.reply_token:
            return False
        name, age_ms = self._token_key(address.reply_token), now_ms() - address.received_ms
        first = age_ms <= FIRST_USE_MS and await self._redis.call(
            "SET", name, key, "NX", "EX", TOKEN_TTL_S
        )
        owner = key.encode() if first else await self._redis.call("GET", name)
        if owner == SENT + key.encode():
            return True
        if owner != key.encode():
            return False
        if age_ms > LIFE_MS:
            await self._redis.call("HINCRBY", COUNTERS, "resent_blindly", 1)
            return False
        try:
            await self.api.reply(address.reply_token, objects)
        except InvalidReplyToken:
            now = await self._redis.call("GET", name)
            return not first or now == SENT + key.encode()
        await self._redis.call("SET", name, SENT + key.encode(), "EX", TOKEN_TTL_S)
        return True

    def _token_key(self, token: str) -> str:
        return f"{KEY_PREFIX}:line_reply:{self._vault.fingerprint(token, 'reply token').hex()[:32]}"

    async def _hold(self, error: RateLimited) -> None:
        """Let no worker call LINE for as long."""
        await self._redis.call("HINCRBY", COUNTERS, "refused_429", 1)
        await self._redis.call("SET", HELD_KEY, 1, "PX", int((error.retry_after_s or 1) * 1000))

    async def _check_held(self) -> None:
        """Raise RateLimited while a 429 of LINE's, received by any worker, is in force."""
        left_ms = int(await self._redis.call("PTTL", HELD_KEY))
        if left_ms > 0:
            raise RateLimited("LINE's rate limit", retry_after_s=left_ms / 1000)
