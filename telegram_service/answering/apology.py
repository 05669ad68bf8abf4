"""The apology for an update that could not be handled: why, and what to do next.

It is in the language of the message, as far as that can be read, and says first who to call where
the message tells of danger.
"""

from collections.abc import Iterator

import orjson
import structlog

from shared.distress import help_lines
from shared.privacy.encryption import DecryptionFailed
from telegram_service.addresses import ChatAddress, ChatId, is_private
from telegram_service.answering.services import Services
from telegram_service.answering.update_context import spoken_language
from telegram_service.channels.message import OutgoingMessage
from telegram_service.errors import ChannelRefused
from telegram_service.queue.update_queue import Lease
from telegram_service.sending.outbox import Outbox

log = structlog.get_logger()

WORDS = ("text", "caption", "body")
UNREADABLE = "unreadable"
"""Reason of a dead letter that is no update we know."""


async def apologise(services: Services, lease: Lease, chat: ChatId, reason: str) -> None:
    """Say, once, that a message is given up, in place of its placeholder if there is one."""
    outbox = await Outbox.open(services.redis, services.channels.of(chat), lease)
    address = ChatAddress(chat, private=is_private(chat))
    text = text_of(services, lease)
    chosen = await services.preferences.get(chat)
    before = (await services.sessions.get(address)).language
    language = spoken_language(text, before, chosen.language if chosen else "fr")
    key = "apology_unreadable" if reason == UNREADABLE else "apology_failures"
    message = OutgoingMessage(text=services.texts.say(key, language))
    try:
        if lines := help_lines(text, language):
            await outbox.send("help_lines", address, OutgoingMessage(text=lines.sentence))
        if placeholder := outbox.message_id("placeholder"):
            await outbox.edit("apology", address, placeholder, message)
        else:
            await outbox.send("apology", address, message)
    except ChannelRefused as refusal:
        log.info("apology not sent", reason=refusal.code)


def text_of(services: Services, lease: Lease) -> str:
    """Return what was written, read without the schema that the update may break; empty: nothing.

    Every channel names the words of a message `text`, `caption` or `body`.
    """
    try:
        _, payload = services.queue.payload(lease.updates[0])
        return next(_words(orjson.loads(payload)), "")
    except (DecryptionFailed, orjson.JSONDecodeError):
        return ""


def _words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in WORDS and isinstance(inner, str):
                yield inner
            else:
                yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
