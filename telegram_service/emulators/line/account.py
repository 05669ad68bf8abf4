"""A LINE Official Account on LINE's side: friends, groups, messages, reply tokens, retry keys.

Tests and demos act as people through `say`, `attach`, `tap`, `follow`, …; what the bot wrote to a
chat is `written(chat)`. A chat is the id of a user (U…), a group (C…) or a room (R…): a letter and
32 hexadecimal digits.
"""

import itertools
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telegram_service.emulators.line.errors import LineError

JsonObject = dict[str, Any]

BOT_ID = f"U{0xB07:032x}"
BOT_NAME = "Code du Travail Neo"
BOT_BASIC_ID = "@neo0000"
REPLY_TOKEN_S = 60.0
"""A reply token is to be used within one minute of the webhook, once ("Send reply message")."""
RETRY_KEY_S = 86_400.0
TRANSCODED = frozenset({"audio", "video"})


@dataclass(frozen=True)
class Call:
    """One call of the bot, with the status of its response."""

    at_s: float
    method: str
    path: str
    chat: str
    status: int


@dataclass
class Content:
    """A file a person sent; one that is transcoded is handed out after `ready_s`."""

    data: bytes
    kind: str
    ready_s: float = 0.0


@dataclass
class ReplyToken:
    """The right to answer one event, once."""

    chat: str
    expires_s: float
    used: bool = False


@dataclass(frozen=True)
class Accepted:
    """A push that was accepted under a retry key."""

    at_s: float
    request_id: str
    sent: tuple[JsonObject, ...]


def user_id(number: int) -> str:
    """Return the id of an invented person."""
    return f"U{number:032x}"


def group_id(number: int) -> str:
    """Return the id of an invented group."""
    return f"C{number:032x}"


def room_id(number: int) -> str:
    """Return the id of an invented multi-person chat."""
    return f"R{number:032x}"


@dataclass
class Account:
    """See the module. `quota` is how many messages may be pushed this month; None: unlimited."""

    languages: dict[str, str] = field(default_factory=dict)
    friends: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    members: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    left: set[str] = field(default_factory=set)
    messages: defaultdict[str, list[JsonObject]] = field(default_factory=lambda: defaultdict(list))
    contents: dict[str, Content] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    tokens: dict[str, ReplyToken] = field(default_factory=dict)
    accepted: dict[str, Accepted] = field(default_factory=dict)
    loading: list[tuple[str, int]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    events: deque[JsonObject] = field(default_factory=deque)
    reply_token_s: float = REPLY_TOKEN_S
    transcoding_s: float = 0.0
    quota: int | None = None
    pushed: int = 0
    limited_until_s: float = 0.0
    violations: int = 0
    _numbers: Iterator[int] = field(
        default_factory=lambda: itertools.count(500_000_000_000_000_001)
    )

    # What people do

    def follow(self, person: str, *, language: str = "fr", unblocked: bool = False) -> JsonObject:
        """A person adds the account as a friend, or allows it again."""
        self.friends.add(person)
        self.blocked.discard(person)
        self.languages.setdefault(person, language)
        return self._queue("follow", person, person, {"follow": {"isUnblocked": unblocked}})

    def unfollow(self, person: str) -> JsonObject:
        """A person blocks the account; such an event cannot be answered."""
        self.blocked.add(person)
        return self._queue("unfollow", person, person, {}, answerable=False)

    def join(self, chat: str, *people: str) -> JsonObject:
        """The account is invited to a group of some people."""
        self.members[chat] |= set(people)
        self.left.discard(chat)
        return self._queue("join", chat, "", {})

    def leave(self, chat: str) -> JsonObject:
        """The account is removed from a group."""
        self.left.add(chat)
        return self._queue("leave", chat, "", {}, answerable=False)

    def member_joins(self, chat: str, person: str) -> JsonObject:
        """Somebody joins a group the account is in."""
        self.members[chat].add(person)
        joined = {"joined": {"members": [{"type": "user", "userId": person}]}}
        return self._queue("memberJoined", chat, "", joined)

    def say(
        self,
        person: str,
        text: str,
        *,
        chat: str = "",
        mention: bool = False,
        quoted: str = "",
        **more: Any,
    ) -> JsonObject:
        """A person writes: to the account alone, or in a group, mentioning it or not."""
        message: JsonObject = {"type": "text", "text": text, "quoteToken": secrets.token_hex(8)}
        if mention:
            name = f"@{BOT_NAME}"
            message["text"] = f"{name} {text}"
            me = {"type": "user", "index": 0, "length": len(name), "userId": BOT_ID, "isSelf": True}
            message["mention"] = {"mentionees": [me]}
        if quoted:
            message["quotedMessageId"] = quoted
        return self._say(person, chat, {**message, **more})

    def attach(
        self, person: str, kind: str, content: bytes, *, name: str = "", chat: str = ""
    ) -> JsonObject:
        """A person sends a file: `kind` is image, audio, video or file."""
        message: JsonObject = {"type": kind}
        if kind == "file":
            message |= {"fileName": name, "fileSize": len(content)}
        else:
            message["contentProvider"] = {"type": "line"}
        if kind in TRANSCODED:
            message["duration"] = 2_000
        event = self._say(person, chat, message)
        ready_s = time.monotonic() + (self.transcoding_s if kind in TRANSCODED else 0.0)
        self.contents[event["message"]["id"]] = Content(content, kind, ready_s)
        return event

    def stick(self, person: str, *, chat: str = "") -> JsonObject:
        """A person sends a sticker."""
        sticker = {"packageId": "446", "stickerId": "1988", "stickerResourceType": "STATIC"}
        return self._say(person, chat, {"type": "sticker", "quoteToken": "q", **sticker})

    def locate(self, person: str, *, chat: str = "") -> JsonObject:
        """A person sends a place."""
        place = {"title": "Mairie", "address": "1 place X", "latitude": 48.8, "longitude": 2.3}
        return self._say(person, chat, {"type": "location", **place})

    def unsend(self, event: JsonObject) -> JsonObject:
        """A person takes a message back; its content is not handed out any more."""
        number = event["message"]["id"]
        self.gone.add(number)
        chat = chat_of(event)
        person = event["source"]["userId"]
        return self._queue(
            "unsend", chat, person, {"unsend": {"messageId": number}}, answerable=False
        )

    def tap(self, person: str, label: str, *, chat: str = "") -> JsonObject | None:
        """A person taps what shows `label`; the event it caused, None for an address opened.

        Quick replies are shown under the newest message only, and vanish once the person has
        written; the texts and buttons of cards stay.
        """
        where = chat or person
        action = next((each for shown, each in self.shown_actions(where) if label in shown), None)
        if action is None:
            raise AssertionError(f"nothing shows {label}: {self.shown_actions(where)}")
        if action["type"] == "uri":
            return None
        if action["type"] == "message":
            return self.say(person, action["text"], chat=chat)
        return self._queue("postback", where, person, {"postback": {"data": action["data"]}})

    def shown_actions(self, chat: str) -> list[tuple[str, JsonObject]]:
        """Return what can be tapped in a chat, the newest first: what it shows, its action."""
        found: list[tuple[str, JsonObject]] = []
        newest = self.messages[chat][-1:] if chat in self.messages else []
        for message in newest:
            items = message.get("quickReply", {}).get("items", [])
            found += [(item["action"]["label"], item["action"]) for item in items]
        for message in reversed(self.written(chat)):
            found += list(card_actions(message.get("contents")))
        return found

    def written(self, chat: str) -> list[JsonObject]:
        """Return the bot's messages in a chat, in order."""
        return [message for message in self.messages[chat] if message["by"] == BOT_ID]

    def texts(self, chat: str) -> list[str]:
        """Return the texts of the bot's messages in a chat: a card's is its alternative text."""
        return [message.get("text") or message["altText"] for message in self.written(chat)]

    def _say(self, person: str, chat: str, message: JsonObject) -> JsonObject:
        where = chat or person
        if not chat:
            self.friends.add(person)
        self.members[where].add(person)
        message = {"id": str(next(self._numbers)), **message}
        self.messages[where].append({**message, "by": person})
        return self._queue("message", where, person, {"message": message})

    def _queue(
        self, kind: str, chat: str, person: str, content: JsonObject, *, answerable: bool = True
    ) -> JsonObject:
        event: JsonObject = {
            "type": kind,
            "mode": "active",
            "timestamp": time.time_ns() // 1_000_000,
            "source": source_of(chat, person),
            "webhookEventId": f"01{secrets.token_hex(12).upper()}",
            "deliveryContext": {"isRedelivery": False},
            **content,
        }
        if answerable:
            token = secrets.token_hex(16)
            self.tokens[token] = ReplyToken(chat, time.monotonic() + self.reply_token_s)
            event["replyToken"] = token
        self.events.append(event)
        return event

    # What the bot does

    def reply(self, token: str, messages: list[JsonObject]) -> list[JsonObject]:
        """Answer an event: free, once, within a minute."""
        found = self.tokens.get(token)
        if found is None or found.used or time.monotonic() > found.expires_s:
            raise LineError(400, "Invalid reply token")
        found.used = True
        return self._store(found.chat, messages, "reply")

    def push(self, chat: str, messages: list[JsonObject]) -> list[JsonObject]:
        """Write unasked: counted against the month's quota, for each person who gets it."""
        known = chat in self.friends or (chat in self.members and chat not in self.left)
        if not known:
            raise LineError(400, "Failed to send messages")
        people = 1 if chat.startswith("U") else max(1, len(self.members[chat]))
        if self.quota is not None and self.pushed + people > self.quota:
            raise LineError(429, "You have reached your monthly limit.")
        self.pushed += 0 if chat in self.blocked else people
        return self._store(chat, messages, "push")

    def push_once(self, key: str, chat: str, messages: list[JsonObject]) -> list[JsonObject]:
        """Write unasked, once under this retry key ("Retry failed API requests")."""
        before = self.accepted.get(key)
        if before and time.monotonic() < before.at_s + RETRY_KEY_S:
            raise LineError(
                409,
                "The retry key is already accepted",
                headers={"X-Line-Accepted-Request-Id": before.request_id},
                sentMessages=list(before.sent),
            )
        sent = self.push(chat, messages)
        self.accepted[key] = Accepted(time.monotonic(), secrets.token_hex(16), tuple(sent))
        return sent

    def load(self, person: str, seconds: int) -> None:
        """Show the loading animation in the chat with one person."""
        if not person.startswith("U") or seconds % 5 or not 5 <= seconds <= 60:
            raise LineError(400, "The request body has 1 error(s)")
        self.loading.append((person, seconds))

    def profile(self, person: str) -> JsonObject:
        """Return the profile of a friend."""
        if person not in self.friends or person in self.blocked:
            raise LineError(404, "Not found")
        found: JsonObject = {"userId": person, "displayName": f"Personne {person[-4:]}"}
        if language := self.languages.get(person):
            found["language"] = language
        return found

    def check_rate(self) -> None:
        """Refuse a call while the account is limited."""
        if time.monotonic() < self.limited_until_s:
            self.violations += 1
            raise LineError(429, "The API rate limit has been exceeded. Try again later.")

    def rate_limit(self, duration_s: float) -> None:
        """Refuse every call for a while. LINE says nothing of when to come back."""
        self.limited_until_s = time.monotonic() + duration_s

    def _store(self, chat: str, messages: list[JsonObject], via: str) -> list[JsonObject]:
        sent = []
        for message in messages:
            number = str(next(self._numbers))
            if chat not in self.blocked:  # LINE answers 200 all the same
                self.messages[chat].append({**message, "id": number, "by": BOT_ID, "via": via})
            sent.append({"id": number, "quoteToken": secrets.token_hex(8)})
        return sent


def source_of(chat: str, person: str) -> JsonObject:
    """Return the source of an event."""
    kind = {"U": "user", "C": "group", "R": "room"}[chat[0]]
    where = {} if kind == "user" else {f"{kind}Id": chat}
    return {"type": kind, **where, **({"userId": person} if person else {})}


def chat_of(event: Mapping[str, Any]) -> str:
    """Return the chat an event is of."""
    source = event["source"]
    found = source.get("groupId") or source.get("roomId") or source["userId"]
    return str(found)


def card_actions(component: Any) -> Iterator[tuple[str, JsonObject]]:
    """Yield what a card shows that can be tapped, and the action."""
    if isinstance(component, list):
        for child in component:
            yield from card_actions(child)
    if not isinstance(component, Mapping):
        return
    if action := component.get("action"):
        yield str(component.get("text") or action.get("label", "")), action
    for name in ("header", "hero", "body", "footer", "contents"):
        yield from card_actions(component.get(name))
