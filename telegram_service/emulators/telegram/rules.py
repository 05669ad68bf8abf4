"""What Telegram refuses in a message, its buttons, and the bot's own settings.

Each rule names the section of the Bot API's documentation (core.telegram.org/bots/api), or the file
of tdlib, that it is from.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from telegram_service.emulators.telegram.objects import BotApiError, JsonObject, units

MAX_UNITS = 4_096
"""sendMessage, "text": 1 to 4096 characters. Counted in UTF-16 units, the stricter reading."""
MAX_CAPTION_UNITS = 1_024
"""sendDocument, "caption": 0 to 1024 characters."""
MAX_ENTITIES = 100
MAX_BUTTONS = 100
"""More are REPLY_MARKUP_TOO_LONG (Client.cpp: "reply markup is too long")."""
MAX_DATA_BYTES = 64
"""InlineKeyboardButton, "callback_data": 1 to 64 bytes."""
MAX_TOAST_UNITS = 200
"""answerCallbackQuery, "text": 0 to 200 characters."""
MAX_COMMANDS, MAX_COMMAND_DESCRIPTION = 100, 256
"""setMyCommands, "commands": at most 100; BotCommand, "description": 1 to 256 characters."""
MAX_DESCRIPTION = 512
"""setMyDescription, "description": 0 to 512 characters."""
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
"""BotCommand, "command": 1 to 32 lower-case English letters, digits and underscores."""
SECRET = re.compile(r"[A-Za-z0-9_-]{0,256}")
"""setWebhook, "secret_token": 1 to 256 characters of this alphabet."""
WEBHOOK_PORTS = frozenset({443, 80, 88, 8443})
"""setWebhook, notes: the ports supported for webhooks."""
MAX_CONNECTIONS = 100
"""setWebhook, "max_connections": 1 to 100."""
BUTTON_PROTOCOLS = frozenset({"http", "https", "tg", "tonsite"})
"""InlineKeyboardButton, "url": an HTTP or tg:// address."""
ENTITY_TYPES = frozenset(
    {
        "bold", "italic", "underline", "strikethrough", "spoiler", "blockquote",
        "expandable_blockquote", "code", "pre", "text_link", "text_mention", "custom_emoji",
    }
)  # fmt: skip
"""MessageEntity, "type": those a bot may give; the others Telegram finds by itself."""


def refused(reason: str) -> BotApiError:
    """Return Telegram's 400."""
    return BotApiError(400, f"Bad Request: {reason}")


def trimmed(text: str, entities: Sequence[Mapping[str, Any]]) -> tuple[str, list[JsonObject]]:
    """Return a text as Telegram keeps it, without white space around it, and its entities with it.

    td/telegram/MessageEntity.cpp, fix_formatted_text: entities are cut to what is left.
    """
    kept = text.strip()
    lost, length = units(text[: len(text) - len(text.lstrip())]), units(kept)
    moved = []
    for entity in entities:
        start = max(0, entity["offset"] - lost)
        end = min(length, entity["offset"] + entity["length"] - lost)
        if start < end:
            moved.append({**entity, "offset": start, "length": end - start})
    return kept, moved


def check_text(text: str, entities: Sequence[Mapping[str, Any]], most: int = MAX_UNITS) -> None:
    """Validate a message's text and entities as Telegram does. Raises BotApiError."""
    if not text.strip():
        raise refused("message text is empty")
    if units(text) > most:
        raise refused("message is too long")
    check_entities(text, entities)


def check_caption(caption: str, entities: Sequence[Mapping[str, Any]]) -> None:
    """Validate a caption. Raises BotApiError."""
    if units(caption) > MAX_CAPTION_UNITS:
        raise refused("message caption is too long")
    check_entities(caption, entities)


def check_entities(text: str, entities: Sequence[Mapping[str, Any]]) -> None:
    """Refuse entities that are too many, partly overlap, or are wrong in themselves.

    Formatting options: entities may be nested, but must not partly overlap; blockquotes cannot be
    nested.
    """
    encoded = text.encode("utf-16-le")
    if len(entities) > MAX_ENTITIES:
        raise refused("too many entities")
    check_quotations(entities)
    open_ends: list[int] = []
    for entity in sorted(entities, key=lambda each: (each["offset"], -each["length"])):
        check_entity(entity, encoded)
        start, end = entity["offset"], entity["offset"] + entity["length"]
        while open_ends and open_ends[-1] <= start:
            open_ends.pop()
        if open_ends and end > open_ends[-1]:
            raise refused("entities overlap")
        open_ends.append(end)


def check_quotations(entities: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a quotation inside another."""
    quoted_until = 0
    for entity in sorted(entities, key=lambda each: int(each["offset"])):
        if entity["type"].endswith("blockquote"):
            if entity["offset"] < quoted_until:
                raise refused("quotations can't be nested")
            quoted_until = entity["offset"] + entity["length"]


def check_entity(entity: Mapping[str, Any], encoded: bytes) -> None:
    """Refuse an entity of an unknown type, out of the text, through a character, without address.

    MessageEntity, "url": for "text_link" only; Client.cpp demands it there.
    """
    start, end = entity["offset"], entity["offset"] + entity["length"]
    if entity["type"] not in ENTITY_TYPES:
        raise refused(f"unsupported entity type {entity['type']}")
    if start < 0 or end > len(encoded) // 2 or end <= start:
        raise refused("entity out of bounds")
    if splits_pair(encoded, start) or splits_pair(encoded, end):
        raise refused("entity begins or ends inside a character")
    if entity["type"] == "text_link" and not entity.get("url"):
        raise refused("can't parse MessageEntity: Can't find field \"url\"")


def splits_pair(encoded: bytes, offset: int) -> bool:
    """Return whether an offset in UTF-16 units is inside a surrogate pair."""
    if not 0 < offset < len(encoded) // 2:
        return False
    return 0xDC <= encoded[offset * 2 + 1] <= 0xDF


def check_keyboard(markup: Mapping[str, Any] | None) -> None:
    """Refuse a keyboard with too many buttons, or with a wrong one."""
    rows = (markup or {}).get("inline_keyboard", [])
    if sum(map(len, rows)) > MAX_BUTTONS:
        raise refused("reply markup is too long")
    for row in rows:
        for button in row:
            check_button(button)


def check_button(button: Mapping[str, Any]) -> None:
    """Refuse a button without label, without data or address, with too much or a wrong one.

    InlineKeyboardButton: "text" is required, and exactly one of the other fields.
    """
    if not str(button.get("text", "")).strip():
        raise refused("can't parse inline keyboard button: Text must be non-empty")
    data, url = button.get("callback_data"), button.get("url")
    if not data and not url:
        raise refused("text buttons are unallowed in the inline keyboard")
    if data and len(data.encode()) > MAX_DATA_BYTES:
        raise refused("BUTTON_DATA_INVALID")
    if url and urlsplit(url).scheme.lower() not in BUTTON_PROTOCOLS:
        raise refused(f"inline keyboard button URL '{url}' is invalid: Unsupported URL protocol")


def check_toast(text: str) -> None:
    """Refuse a notification at the top of the chat that is too long."""
    if units(text) > MAX_TOAST_UNITS:
        raise refused("MESSAGE_TOO_LONG")


def check_commands(commands: Sequence[Mapping[str, Any]]) -> None:
    """Refuse too many commands, and a wrong one."""
    if len(commands) > MAX_COMMANDS:
        raise refused("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not COMMAND.fullmatch(str(command.get("command", ""))):
            raise refused("BOT_COMMAND_INVALID")
        if not 1 <= units(str(command.get("description", "")).strip()) <= MAX_COMMAND_DESCRIPTION:
            raise refused("BOT_COMMAND_DESCRIPTION_INVALID")


def check_language(code: str) -> None:
    """Refuse what is no two-letter ISO 639-1 code (setMyCommands, "language_code")."""
    if code and not re.fullmatch("[a-z]{2}", code):
        raise refused("invalid language code specified")


def check_description(description: str) -> None:
    """Refuse a description of the bot that is too long."""
    if units(description) > MAX_DESCRIPTION:
        raise refused("description is too long")


def check_webhook(url: str, secret: str, connections: int) -> None:
    """Refuse an address that Telegram does not post to, and a wrong secret (setWebhook)."""
    if len(secret) > 256:
        raise refused("secret token is too long")
    if not SECRET.fullmatch(secret):
        raise refused("secret token contains unallowed characters")
    if not 1 <= connections <= MAX_CONNECTIONS:
        raise refused("max_connections must be between 1 and 100")
    if not url:
        return
    address = urlsplit(url)
    if not address.hostname:
        raise refused("invalid webhook URL specified")
    if address.scheme != "https":
        raise refused("bad webhook: An HTTPS URL must be provided for webhook")
    if (address.port or 443) not in WEBHOOK_PORTS:
        raise refused("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    check_reachable(address.hostname)


def check_reachable(host: str) -> None:
    """Refuse an address of a private network (WebhookActor.cpp)."""
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not address.is_global:
        raise refused(f"bad webhook: IP address {host} is reserved")
