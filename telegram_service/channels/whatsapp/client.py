"""The channel WhatsApp: messages within Meta's limits, each once, within 24 hours of a person's.

Sending has no idempotency key. Each message carries a name, which Meta's statuses bring back to the
webhook; after a crash, or a reply that was lost, the outbox asks for that name, waiting for a
status that may still be on its way. Outside of the 24 hours only a template approved by Meta goes
through: one is sent that asks the person to write again, and the message itself is given up.
"""

import asyncio
import re
from pathlib import PurePosixPath

import structlog

from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChannelName, ChatAddress, ChatId, MessageId
from telegram_service.channels.channel import Preview, Priority
from telegram_service.channels.message import FoldedText, OutgoingMessage, Rows
from telegram_service.channels.rates import RateLimits, Rates
from telegram_service.channels.update import Update
from telegram_service.channels.whatsapp.api import CloudApi, JsonObject, WindowClosed
from telegram_service.channels.whatsapp.formatting import compose, content, cut
from telegram_service.channels.whatsapp.parsing import PREFIX, origin, parsed
from telegram_service.channels.whatsapp.receipts import Receipts
from telegram_service.errors import ChannelRefused, Unreachable
from telegram_service.queue.update_queue import now_ms
from telegram_service.settings import WhatsAppSettings
from telegram_service.vault import Vault

log = structlog.get_logger()

USER_ID = re.compile(r"[A-Z]{2}\.\w")
"""A business-scoped user id: a country, a dot, letters and digits (business-scoped-user-ids)."""
MAX_CAPTION = 1_024
DOCUMENT_TYPES = {".pdf": "application/pdf"}
PLAIN = "text/plain"
"""Of every other file of ours: Meta takes neither JSON nor Markdown by their own names."""


async def open_whatsapp(
    settings: WhatsAppSettings, redis: RedisConnection, vault: Vault
) -> "WhatsApp":
    """Return the channel. It asks Meta nothing yet: while Meta is away the others go on."""
    api = await asyncio.to_thread(CloudApi, settings)
    return WhatsApp(api, settings, redis, vault)


class WhatsApp:
    """The channel: see channels/channel.py. Nothing that was sent can be changed."""

    name: ChannelName = "whatsapp"
    bot_name = ""
    edits = False
    folds = False
    sends_files = True

    def __init__(
        self, api: CloudApi, settings: WhatsAppSettings, redis: RedisConnection, vault: Vault
    ) -> None:
        self.api = api
        self._settings = settings
        self._receipts = Receipts(redis, vault)
        pair_per_s = settings.pair_per_min / 60
        rates = Rates(
            settings.per_s, pair_per_s, settings.pair_burst, pair_per_s, settings.pair_burst
        )
        self._rates = RateLimits(redis, vault, self.name, rates)

    @property
    def account(self) -> str:
        """Return the id of our phone number."""
        return self._settings.phone_number_id

    async def close(self) -> None:
        """Close the connections."""
        await self.api.close()

    def parse(self, payload: bytes, update_id: int) -> Update:
        """Return what a message says. Raises ValidationError."""
        return parsed(payload, update_id)

    def origin(self, payload: bytes) -> tuple[ChatId | None, ChatId | None]:
        """Return chat and sender of a message, as far as they can be read; see Channel."""
        return origin(payload)

    def compose(
        self, text: FoldedText, buttons: Rows = (), reply_to: MessageId | None = None
    ) -> list[OutgoingMessage]:
        """Return the messages, in WhatsApp's markup."""
        return compose(text, buttons)

    def preview(self, address: ChatAddress) -> Preview:
        """Return the typing indicator: no message can be changed."""
        return "typing"

    async def language(self, person: ChatId) -> str:
        """Return nothing: WhatsApp does not say."""
        return ""

    async def mark(self, address: ChatAddress) -> str:
        """Return the moment, in ms since 1970."""
        return str(now_ms())

    async def find(
        self, address: ChatAddress, message: OutgoingMessage, mark: str, key: str
    ) -> int | None:
        """Return 0 when a status says that the message was accepted, waiting for it for a while."""
        until_s = int(mark) / 1000 + self._settings.status_wait_s
        if await self._receipts.accepted(self._receipts.name(key), until_s):
            await self._receipts.count("found_again")
            return 0
        await self._receipts.count("sent_again")
        return None

    async def send(
        self, address: ChatAddress, message: OutgoingMessage, priority: Priority, key: str
    ) -> int:
        """Send a message; return 0. Raises Unreachable outside of the person's 24 hours."""
        await self._send(address, content(message), priority, key)
        return 0

    async def send_file(
        self, address: ChatAddress, name: str, content: bytes, caption: str, key: str
    ) -> int:
        """Send a document; return 0."""
        mime_type = DOCUMENT_TYPES.get(PurePosixPath(name).suffix, PLAIN)
        media_id = await self.api.upload(name, content, mime_type)
        document = {"id": media_id, "filename": name, "caption": cut(caption, MAX_CAPTION)}
        body: JsonObject = {"type": "document", "document": document}
        await self._send(address, body, Priority.FINAL, key)
        return 0

    async def edit(
        self, address: ChatAddress, message_id: MessageId, message: OutgoingMessage,
        priority: Priority,
    ) -> bool:  # fmt: skip
        """Refuse. Raises ChannelRefused."""
        raise ChannelRefused("WhatsApp changes no message")

    async def set_buttons(
        self, address: ChatAddress, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        """Refuse. Raises ChannelRefused."""
        raise ChannelRefused("WhatsApp changes no message")

    async def draft(self, address: ChatAddress, draft_id: int, text: str) -> bool:
        """Show nothing; false."""
        return False

    async def typing(self, address: ChatAddress, message_id: MessageId) -> bool:
        """Mark a message read, and show for up to 25 s that an answer is being written."""
        await self.api.post_message(
            {"status": "read", "message_id": message_id, "typing_indicator": {"type": "text"}}
        )
        return True

    async def answer_press(self, press_id: str, text: str = "") -> bool:
        """Return False: a button needs no acknowledgement, and shows no text."""
        return False

    async def download(self, file_id: str, max_bytes: int) -> bytes:
        """Return what a person sent. Raises TooLarge."""
        return await self.api.download(file_id, max_bytes)

    async def is_admin(self, address: ChatAddress, person: ChatId) -> bool:
        """Return True: messages of groups are not taken, a person is alone with the bot."""
        return True

    async def _send(
        self, address: ChatAddress, body: JsonObject, priority: Priority, key: str
    ) -> None:
        if not await self._receipts.window_is_open(address.chat):
            await self._remind(address, key)
        whole = {
            **recipient(address.chat),
            **body,
            "biz_opaque_callback_data": self._receipts.name(key),
        }
        try:
            await self._rates.call(address, priority, lambda: self.api.post_message(whole))
        except WindowClosed:
            await self._receipts.close_window(address.chat)
            await self._remind(address, key)

    async def _remind(self, address: ChatAddress, key: str) -> None:
        """Ask a person to write again, once a day, by the template; raise Unreachable."""
        settings = self._settings
        await self._receipts.count("whatsapp_window_closed")
        if settings.template and await self._receipts.first_reminder(address.chat):
            language = {"code": settings.template_language}
            template = {"name": settings.template, "language": language}
            whole = {
                **recipient(address.chat),
                "type": "template",
                "template": template,
                "biz_opaque_callback_data": self._receipts.name(f"{key}/template"),
            }
            await self._rates.call(address, Priority.REPLY, lambda: self.api.post_message(whole))
        log.warning("message given up", reason="window_closed", template=bool(settings.template))
        raise Unreachable("more than 24 hours since the person wrote")


def recipient(chat: ChatId) -> JsonObject:
    """Return whom a message goes to: by the user id where that is how we know the person."""
    person = str(chat).removeprefix(PREFIX)
    field = "recipient" if USER_ID.match(person) else "to"
    return {"recipient_type": "individual", field: person}
