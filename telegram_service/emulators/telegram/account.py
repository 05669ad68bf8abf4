"""The bot's account on Telegram's side: chats, messages, drafts, files, and their rules.

Shapes and refusals follow the Bot API's documentation and tdlib/telegram-bot-api; a refusal is a
`BotApiError` with Telegram's own wording. Message ids: a supergroup numbers its own, all other
chats share the account's.
"""

import itertools
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BOT_ID = 424_242
BOT_NAME = "CodeDuTravailNeoBot"
MAX_UNITS = 4_096
MAX_ENTITIES = 100
MAX_DATA_BYTES = 64
DRAFT_S = 30.0
MAX_FILE_BYTES = 20 * 1024 * 1024
ENTITY_TYPES = frozenset(
    {
        "bold", "italic", "underline", "strikethrough", "spoiler", "blockquote",
        "expandable_blockquote", "code", "pre", "text_link", "text_mention", "custom_emoji",
    }
)  # fmt: skip
SUPERGROUP = "-100"

JsonObject = dict[str, Any]


class BotApiError(Exception):
    """An error as Telegram returns it."""

    def __init__(self, code: int, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Call:
    """One call of the bot, with its error."""

    at_s: float
    method: str
    chat: int
    error: str = ""


@dataclass
class Account:
    """See the module's docstring. Tests act as people through `say`, `tap`, `stop_draft`."""

    privacy: bool = True
    messages: dict[tuple[int, int], JsonObject] = field(default_factory=dict)
    drafts: dict[tuple[int, int], tuple[float, str]] = field(default_factory=dict)
    shown_drafts: list[tuple[int, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    answered_callbacks: list[str] = field(default_factory=list)
    admins: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    moved: dict[int, int] = field(default_factory=dict)
    commands: dict[str, list[JsonObject]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    limited_until: dict[int, float] = field(default_factory=dict)
    violations: int = 0
    max_per_s: int | None = None
    updates: deque[JsonObject] = field(default_factory=deque)
    edits: Counter[tuple[int, int]] = field(default_factory=Counter)
    _recent: defaultdict[int, deque[float]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=200))
    )
    _update_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_001))
    _account_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _group_ids: defaultdict[int, Iterator[int]] = field(
        default_factory=lambda: defaultdict(lambda: itertools.count(1))
    )

    # What people do

    def say(self, chat: int, text: str, *, person: int | None = None, **more: Any) -> JsonObject:
        """A person writes `text`; return the update, delivered or not."""
        message = self._received(chat, person, {"text": text, **more})
        return self._queue_message(message, "message")

    def attach(self, chat: int, name: str, content: bytes, caption: str = "") -> JsonObject:
        """A person sends a file."""
        file_id = f"file{len(self.files)}"
        self.files[file_id] = content
        document = {"file_id": file_id, "file_name": name, "file_size": len(content)}
        message = self._received(chat, None, {"document": document, "caption": caption})
        return self._queue_message(message, "message")

    def change(self, update: JsonObject, text: str) -> JsonObject:
        """A person edits the message of an update."""
        message = {**update["message"], "text": text, "edit_date": int(time.time())}
        return self._queue_message(message, "edited_message")

    def tap(
        self, chat: int, message_id: int, data: str, *, person: int | None = None
    ) -> JsonObject:
        """A person presses a button."""
        query = {
            "id": f"tap{next(self._account_ids)}",
            "from": user_object(person or chat),
            "chat_instance": "1",
            "message": self.messages[chat, message_id],
            "data": data,
        }
        return self._queue({"callback_query": query})

    def stop_draft(self, chat: int, draft_id: int) -> JsonObject:
        """A person presses Telegram's own Stop."""
        stopped = {"chat": chat_object(chat), "draft_id": draft_id}
        return self._queue({"stopped_message_generation": stopped})

    def texts(self, chat: int) -> list[str]:
        """Return the current texts of the bot's messages in a chat, in order."""
        return [message["text"] for message in self.written(chat)]

    def written(self, chat: int) -> list[JsonObject]:
        """Return the bot's messages in a chat, in order."""
        return [
            message
            for (in_chat, _), message in sorted(self.messages.items())
            if in_chat == chat and message["from"]["id"] == BOT_ID
        ]

    def _received(self, chat: int, person: int | None, content: Mapping[str, Any]) -> JsonObject:
        message: JsonObject = {
            "message_id": self._next_id(chat),
            "date": int(time.time()),
            "chat": chat_object(chat),
            "from": user_object(person or chat),
            **content,
        }
        self.messages[chat, message["message_id"]] = message
        return message

    def _queue_message(self, message: JsonObject, kind: str) -> JsonObject:
        update = {kind: message}
        text = message.get("text") or message.get("caption") or ""
        replied = message.get("reply_to_message") or {}
        to_bot = (replied.get("from") or {}).get("id") == BOT_ID
        if self.privacy and message["chat"]["id"] < 0 and not (text.startswith("/") or to_bot):
            return {"update_id": 0, **update}
        return self._queue(update)

    def _queue(self, content: JsonObject) -> JsonObject:
        update = {"update_id": next(self._update_ids), **content}
        self.updates.append(update)
        return update

    def _next_id(self, chat: int) -> int:
        own = str(chat).startswith(SUPERGROUP)
        return next(self._group_ids[chat] if own else self._account_ids)

    # What the bot does

    def send(self, chat: int, content: Mapping[str, Any]) -> JsonObject:
        """Store a message of the bot."""
        self._may_write(chat)
        message: JsonObject = {
            "message_id": self._next_id(chat),
            "date": int(time.time()),
            "chat": chat_object(chat),
            "from": BOT,
            **content,
        }
        self.messages[chat, message["message_id"]] = message
        for key in [key for key in self.drafts if key[0] == chat]:
            del self.drafts[key]
        return message

    def edit(self, chat: int, message_id: int, content: Mapping[str, Any]) -> JsonObject:
        """Change a message of the bot; `content` without a text changes the buttons only."""
        self._may_write(chat)
        old = self.messages.get((chat, message_id))
        if old is None:
            raise BotApiError(400, "Bad Request: message to edit not found")
        if old["from"]["id"] != BOT_ID:
            raise BotApiError(400, "Bad Request: message can't be edited")
        new = {key: value for key, value in old.items() if key not in {"entities", "reply_markup"}}
        if "text" not in content:
            new |= {key: old[key] for key in ("entities",) if key in old}
        new |= content
        if {**new, "edit_date": 0} == {**old, "edit_date": 0}:
            raise BotApiError(
                400,
                "Bad Request: message is not modified: specified new message content and reply "
                "markup are exactly the same as a current content and reply markup of the message",
            )
        new["edit_date"] = int(time.time())
        self.edits[chat, message_id] += 1
        self.messages[chat, message_id] = new
        return new

    def draft(self, chat: int, draft_id: int, text: str) -> None:
        """Show a draft, for 30 seconds."""
        self._may_write(chat)
        if chat < 0:
            raise BotApiError(400, "Bad Request: method is available only in private chats")
        if draft_id == 0:
            raise BotApiError(400, "Bad Request: draft_id must be non-zero")
        self.drafts[chat, draft_id] = (time.monotonic() + DRAFT_S, text)
        self.shown_drafts.append((chat, text))

    def check_rate(self, chat: int) -> None:
        """Refuse a call before a retry-after is over, or beyond `max_per_s` where that is set."""
        now = time.monotonic()
        until = self.limited_until.get(chat, 0.0)
        if now < until:
            self.violations += 1
            raise too_many_requests(until - now)
        recent = self._recent[chat]
        recent.append(now)
        if self.max_per_s and sum(now - at < 1 for at in recent) > self.max_per_s:
            self.rate_limit(chat, 3.0)
            raise too_many_requests(3.0)

    def rate_limit(self, chat: int, duration_s: float) -> None:
        """Answer 429 to every call to a chat for a while; the first one carries the retry-after."""
        self.limited_until[chat] = time.monotonic() + duration_s

    def _may_write(self, chat: int) -> None:
        if chat in self.blocked:
            raise BotApiError(403, "Forbidden: bot was blocked by the user")
        if chat in self.moved:
            raise BotApiError(400, "Bad Request: group chat was upgraded to a supergroup chat")


BOT: JsonObject = {
    "id": BOT_ID,
    "is_bot": True,
    "first_name": "Code du Travail Neo",
    "username": BOT_NAME,
}


def too_many_requests(duration_s: float) -> BotApiError:
    """Return Telegram's 429."""
    wait_s = max(1, round(duration_s + 0.499))
    return BotApiError(429, f"Too Many Requests: retry after {wait_s}", wait_s)


def user_object(person: int) -> JsonObject:
    """Return a User of the Bot API."""
    return {
        "id": abs(person),
        "is_bot": False,
        "first_name": f"Personne {abs(person)}",
        "language_code": "fr",
    }


def chat_object(chat: int) -> JsonObject:
    """Return a Chat of the Bot API."""
    if chat > 0:
        return {"id": chat, "type": "private", "first_name": f"Personne {chat}"}
    kind = "supergroup" if str(chat).startswith(SUPERGROUP) else "group"
    return {"id": chat, "type": kind, "title": f"Groupe {chat}"}


def check_text(text: str, entities: Sequence[Mapping[str, Any]]) -> None:
    """Validate a message's text and entities as Telegram does. Raises BotApiError."""
    if not text.strip():
        raise BotApiError(400, "Bad Request: message text is empty")
    encoded = text.encode("utf-16-le")
    if len(encoded) // 2 > MAX_UNITS:
        raise BotApiError(400, "Bad Request: message is too long")
    if len(entities) > MAX_ENTITIES:
        raise BotApiError(400, "Bad Request: too many entities")
    check_quotations(entities)
    open_ends: list[int] = []
    for entity in sorted(entities, key=lambda each: (each["offset"], -each["length"])):
        check_entity(entity, encoded)
        start, end = entity["offset"], entity["offset"] + entity["length"]
        while open_ends and open_ends[-1] <= start:
            open_ends.pop()
        if open_ends and end > open_ends[-1]:
            raise BotApiError(400, "Bad Request: entities overlap")
        open_ends.append(end)


def check_quotations(entities: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a quotation inside another."""
    quoted_until = 0
    for entity in sorted(entities, key=lambda each: each["offset"]):
        if entity["type"].endswith("blockquote"):
            if entity["offset"] < quoted_until:
                raise BotApiError(400, "Bad Request: quotations can't be nested")
            quoted_until = entity["offset"] + entity["length"]


def check_entity(entity: Mapping[str, Any], encoded: bytes) -> None:
    """Refuse an entity of an unknown type, out of the text, or through a character."""
    start, end = entity["offset"], entity["offset"] + entity["length"]
    if entity["type"] not in ENTITY_TYPES:
        raise BotApiError(400, f"Bad Request: unsupported entity type {entity['type']}")
    if start < 0 or end > len(encoded) // 2 or end <= start:
        raise BotApiError(400, "Bad Request: entity out of bounds")
    if splits_pair(encoded, start) or splits_pair(encoded, end):
        raise BotApiError(400, "Bad Request: entity begins or ends inside a character")


def splits_pair(encoded: bytes, offset: int) -> bool:
    """Return whether an offset in UTF-16 units is inside a surrogate pair."""
    if not 0 < offset < len(encoded) // 2:
        return False
    return 0xDC <= encoded[offset * 2 + 1] <= 0xDF


def check_keyboard(markup: Mapping[str, Any] | None) -> None:
    """Refuse a button without data or address, or with too much data."""
    for row in (markup or {}).get("inline_keyboard", []):
        for button in row:
            data = button.get("callback_data")
            if not data and not button.get("url"):
                raise BotApiError(
                    400, "Bad Request: text buttons are unallowed in the inline keyboard"
                )
            if data and len(data.encode()) > MAX_DATA_BYTES:
                raise BotApiError(400, "Bad Request: BUTTON_DATA_INVALID")
