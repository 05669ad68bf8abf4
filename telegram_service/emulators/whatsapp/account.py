"""A business phone number on Meta's side: people, what was sent, windows, limits, media.

Tests act as people through `say`, `send_file`, `tap`, `react` and the rest; what they do waits in
`events` for `delivery.py` to bring to the webhook.
"""

import hashlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from telegram_service.emulators.whatsapp.errors import GraphError, JsonObject
from telegram_service.emulators.whatsapp.messages import Event, Media, Sent
from telegram_service.emulators.whatsapp.people import (
    BUSINESS_NUMBER,
    PHONE_NUMBER_ID,
    Contact,
    MessageIds,
    contact,
)
from telegram_service.emulators.whatsapp.rules import check_message

WINDOW_S = 24 * 3600.0
"""messages/send-messages: free-form messages for 24 h after the person's last one."""
PAIR_BURST, PAIR_INTERVAL_S = 45, 6.0
"""about-the-platform: one message every 6 s to one person, and bursts of 45 on credit."""
NUMBER_PER_S = 80
"""throughput: messages a second of one business phone number."""


@dataclass
class Account:
    """See the module. `window_error`: how a closed window is told, in a status or at once."""

    phone_number_id: str = PHONE_NUMBER_ID
    window_error: Literal["status", "response"] = "status"
    pair_burst: int = PAIR_BURST
    pair_interval_s: float = PAIR_INTERVAL_S
    number_per_s: int = NUMBER_PER_S
    status_delay_s: float = 0.0
    templates: set[tuple[str, str]] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    refusals: list[int] = field(default_factory=list)
    people: dict[str, Contact] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    received: dict[str, str] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    typing: list[tuple[str, float]] = field(default_factory=list)
    events: deque[Event] = field(default_factory=deque)
    later_s: float = 0.0
    """How far tests have put the clock forward."""
    _last_written_s: dict[str, float] = field(default_factory=dict)
    _pairs: dict[str, tuple[float, float]] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=deque)
    _ids: MessageIds = field(default_factory=MessageIds)

    # What people do

    def say(self, person: Contact | int, text: str, **more: Any) -> JsonObject:
        """A person writes; return the message as the webhook gets it."""
        return self.receive(person, "text", {"body": text}, **more)

    def send_file(
        self, person: Contact | int, kind: str, content: bytes, mime_type: str, **more: Any
    ) -> JsonObject:
        """A person sends an image, audio, video, document or sticker; `more` goes into it."""
        media_id = self.store(content, mime_type)
        digest = hashlib.sha256(content).hexdigest()
        about = {"id": media_id, "mime_type": mime_type, "sha256": digest, **more}
        return self.receive(person, kind, about)

    def tap(self, person: Contact | int, sent: Sent, label: str) -> JsonObject:
        """A person taps a reply button or chooses a row whose label holds `label`."""
        for kind, title, choice in sent.choices:
            if label in title:
                reply = {"type": kind, kind: {"id": choice, "title": title[:24]}}
                return self.receive(person, "interactive", reply, reply_to=sent.id)
        raise AssertionError(f"no choice {label} in {sent.choices}")

    def react(self, person: Contact | int, message_id: str, emoji: str) -> JsonObject:
        """A person reacts to a message; an empty emoji takes the reaction away."""
        content = {"message_id": message_id, **({"emoji": emoji} if emoji else {})}
        return self.receive(person, "reaction", content)

    def change_number(self, person: Contact | int, new: Contact) -> JsonObject:
        """A person takes a new phone number."""
        old = self.known(person)
        system = {
            "body": f"User {old.name} changed from {old.number} to {new.number}",
            "wa_id": new.number,
            "user_id": new.user_id,
            "type": "user_changed_number",
        }
        return self._queue(old, {"type": "system", "system": system}, contacts=False)

    def receive(self, person: Contact | int, kind: str, content: object, **more: Any) -> JsonObject:
        """A person sends a message of any kind; return it as the webhook gets it.

        `reply_to` names a message replied to, `forwarded` marks a forward; the rest goes into the
        message beside its content.
        """
        who = self.known(person)
        message: JsonObject = {"type": kind, kind: content}
        context: JsonObject = {}
        if reply_to := more.pop("reply_to", ""):
            context |= {"from": BUSINESS_NUMBER, "id": reply_to}
        if more.pop("forwarded", False):
            context |= {"forwarded": True}
        if context:
            message["context"] = context
        self._last_written_s[who.number] = self.now_s()
        return self._queue(who, {**message, **more})

    def _queue(self, who: Contact, message: JsonObject, *, contacts: bool = True) -> JsonObject:
        message_id = self._ids.new(who.number)
        whole: JsonObject = {
            **({} if who.hidden else {"from": who.number}),
            "from_user_id": who.user_id,
            "id": message_id,
            "timestamp": str(int(self.now_s())),
            **message,
        }
        self.received[message_id] = who.number
        about = {"profile": {"name": who.name}, "user_id": who.user_id}
        change: JsonObject = {"messages": [whole]}
        if contacts:
            change["contacts"] = [about if who.hidden else {**about, "wa_id": who.number}]
        self.events.append(Event(who.number, change))
        return whole

    def known(self, person: Contact | int) -> Contact:
        """Return a person, remembered from now on."""
        who = contact(person) if isinstance(person, int) else person
        self.people[who.number] = who
        return who

    def written(self, person: Contact | int) -> list[Sent]:
        """Return our messages to a person, in order."""
        who = contact(person) if isinstance(person, int) else person
        return [each for each in self.sent if each.number == who.number]

    def texts(self, person: Contact | int) -> list[str]:
        """Return our messages to a person as their phone shows them."""
        return [each.shown for each in self.written(person)]

    # What we do

    def send(self, body: JsonObject) -> Sent:
        """Accept a message, and queue its statuses. Raises GraphError."""
        check_message(body)
        number = self._recipient(body)
        self._check_rates(number)
        if body["type"] == "template":
            self._check_template(body["template"])
        elif self.window_error == "response" and not self._window_open(number):
            raise GraphError(131047, "More than 24 hours have passed since the person last replied")
        if body["type"] == "document" and (media := body["document"].get("id")):
            self._check_media(media)
        sent = Sent(self._ids.new(number), number, body, time.monotonic())
        if number in self.blocked:
            self._post_status(sent, "failed", GraphError(131026))
        elif body["type"] != "template" and not self._window_open(number):
            self._post_status(sent, "failed", GraphError(131047))
        else:
            self.sent.append(sent)
            for status in ("sent", "delivered", "read"):
                self._post_status(sent, status)
        return sent

    def mark_read(self, body: Mapping[str, Any]) -> None:
        """Mark a message read, and show a typing indicator when asked. Raises GraphError."""
        number = self.received.get(str(body.get("message_id")))
        if number is None:
            raise GraphError(131009, "Message id is not valid")
        self.read.add(body["message_id"])
        indicator = body.get("typing_indicator")
        if indicator is not None and indicator != {"type": "text"}:
            raise GraphError(100, "Param typing_indicator['type'] must be text")
        if indicator:
            self.typing.append((number, time.monotonic()))

    def store(self, content: bytes, mime_type: str) -> str:
        """Keep a file; return its id."""
        media_id = str(700_000_000_000_000 + len(self.media))
        self.media[media_id] = Media(content, mime_type)
        return media_id

    def now_s(self) -> float:
        """Return the time on Meta's side, in seconds since 1970."""
        return time.time() + self.later_s

    def _recipient(self, body: Mapping[str, Any]) -> str:
        if user_id := body.get("recipient"):
            for who in self.people.values():
                if who.user_id == user_id:
                    return who.number
            raise GraphError(131009, "recipient is not a known business-scoped user id")
        return str(body["to"]).lstrip("+")

    def _window_open(self, number: str) -> bool:
        last = self._last_written_s.get(number)
        return last is not None and self.now_s() - last < WINDOW_S

    def _check_rates(self, number: str) -> None:
        now = time.monotonic()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        if len(self._recent) >= self.number_per_s:
            raise self.refused(GraphError(130429, "Message failed to send: too many in a second"))
        tokens, at = self._pairs.get(number, (float(self.pair_burst), now))
        tokens = min(float(self.pair_burst), tokens + (now - at) / self.pair_interval_s)
        if tokens < 1:
            self._pairs[number] = (tokens, now)
            raise self.refused(GraphError(131056, "Too many messages to the same person"))
        self._pairs[number] = (tokens - 1, now)
        self._recent.append(now)

    def refused(self, error: GraphError) -> GraphError:
        """Count a refusal, and return it."""
        self.refusals.append(error.code)
        return error

    def _check_template(self, template: Mapping[str, Any]) -> None:
        if (template["name"], template["language"]["code"]) not in self.templates:
            raise GraphError(132001, f"template name ({template['name']}) does not exist")

    def _check_media(self, media_id: str) -> None:
        if media_id not in self.media:
            raise GraphError(131009, "Media id is not known")

    def _post_status(self, sent: Sent, status: str, error: GraphError | None = None) -> None:
        who = self.people.get(sent.number) or Contact(sent.number)
        about: JsonObject = {
            "id": sent.id,
            "status": status,
            "timestamp": str(int(self.now_s())),
            **({} if who.hidden else {"recipient_id": who.number}),
            "recipient_user_id": who.user_id,
        }
        if opaque := sent.body.get("biz_opaque_callback_data"):
            about["biz_opaque_callback_data"] = opaque
        if error:
            about["errors"] = [error.in_status]
        due_s = time.monotonic() + self.status_delay_s
        self.events.append(Event(sent.number, {"statuses": [about]}, due_s))
