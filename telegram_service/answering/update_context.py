"""One update being answered: who asks, where, in which language, what was already sent for it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from opentelemetry.trace import Tracer

from shared.ai.client import AiClient
from shared.clock import Clock
from shared.errors import Unavailable
from shared.languages import Language
from shared.texts import Texts
from telegram_service.answering.buttons import Buttons
from telegram_service.queue.update_queue import Lease, Mailbox, now_ms
from telegram_service.redis_keys import TAG, Keyspace
from telegram_service.sending.formatting import Button, Letter, letters
from telegram_service.sending.outbox import Record
from telegram_service.sending.sender import Place, Priority, Sender
from telegram_service.settings import Settings
from telegram_service.state.counters import Counter
from telegram_service.state.journal import Journal
from telegram_service.state.preferences import PreferenceCache, Preferences
from telegram_service.state.records import Chosen
from telegram_service.state.sessions import Sessions
from telegram_service.state.slots import Slots
from telegram_service.state.store import Store
from telegram_service.state.throttle import Throttle
from telegram_service.updates import Chat, Person, Post, Update

Rows = tuple[tuple[Button, ...], ...]
STORE_PATIENCE_S = 1.0
"""How long an answer waits for choices only Postgres knows."""


@dataclass(frozen=True)
class Parts:
    """Everything answering needs; made once, in app.py."""

    settings: Settings
    texts: Texts
    redis: Keyspace
    mailbox: Mailbox
    sender: Sender
    sessions: Sessions
    preferences: PreferenceCache
    store: Store
    journal: Journal
    throttle: Throttle
    counter: Counter
    ai: AiClient
    tracer: Tracer
    slots: Slots
    buttons: Buttons
    clock: Clock
    bot_id: int
    bot_name: str


@dataclass
class Turn:
    """See the module's docstring. `stopped` is set when the person wants no answer any more."""

    parts: Parts
    lease: Lease
    update: Update
    record: Record
    chat: Chat
    thread: int | None
    person: Person
    chosen: Preferences
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    signed: bool = False

    @property
    def place(self) -> Place:
        """Return where to answer."""
        return Place(self.chat.id, self.thread, self.chat.is_private)

    @property
    def owner(self) -> int:
        """Return whose preferences hold here: the person's in private, the group's in a group."""
        return self.person.id if self.chat.is_private else self.chat.id

    @property
    def language(self) -> Language:
        """Return the language to answer in."""
        return self.chosen.language

    @property
    def post(self) -> Post | None:
        """Return the message, when the update is one."""
        return self.update.post

    def say(self, key: str, **facts: str | int) -> str:
        """Return a sentence in the turn's language."""
        return self.parts.texts.say(key, self.language, **facts)

    def button(self, label: str, act: str, value: str = "") -> Button:
        """Return a button that sends `act` back, signed for this chat."""
        return Button(label=label, data=self.parts.buttons.data(self.chat.id, act, value))

    async def reply(self, key: str, buttons: Rows = (), **facts: str | int) -> None:
        """Send a sentence, once."""
        await self.write(key, self.say(key, **facts), buttons)

    async def write(self, part: str, markdown: str, buttons: Rows = ()) -> None:
        """Send a Markdown text, each of its messages once."""
        replied = self.post.message_id if self.post and not self.chat.is_private else None
        for number, letter in enumerate(letters(markdown, buttons, replied)):
            await self.send(f"{part}/{number}", letter)

    async def send(self, part: str, letter: Letter, priority: Priority = Priority.REPLY) -> int:
        """Send one message, once; return its id."""
        message_id = await self.record.send(part, self.place, letter, priority)
        await self.first_sign()
        return message_id

    async def edit_tapped(self, markdown: str, buttons: Rows = ()) -> None:
        """Turn the message whose button was tapped into another text."""
        tap = self.update.callback_query
        if tap is None or tap.message is None:
            return
        letter = letters(markdown, buttons)[0]
        await self.parts.sender.edit(self.place, tap.message.message_id, letter, Priority.REPLY)

    async def first_sign(self) -> None:
        """Note that the person has seen something, the first time."""
        if not self.signed:
            self.signed = True
            await self.parts.counter.observe("first_sign", self.age_ms)

    @property
    def age_ms(self) -> int:
        """Return how long ago the update was accepted."""
        return now_ms() - self.lease.entries[0].received_ms

    async def choose(self, **changes: str | int | bool | None) -> Preferences:
        """Change the preferences that hold here."""
        values: Mapping[str, object] = {**self.chosen.model_dump(), **changes}
        self.chosen = Preferences.model_validate(values)
        await self.parts.preferences.set(self.owner, self.chosen)
        record = Chosen(
            person=self.person.id,
            at=self.parts.clock.now(),
            owner=self.owner,
            preferences=self.chosen,
        )
        await self.parts.journal.put(record)
        return self.chosen

    async def may_choose(self) -> bool:
        """Tell whether this person may change the settings here."""
        return self.chat.is_private or await self.parts.sender.is_admin(self.place, self.person.id)

    def due_in(self) -> timedelta:
        """Return how long messages of this turn are kept."""
        return timedelta(days=self.chosen.retention_days)


async def chosen_by(parts: Parts, owner: int, person: Person) -> Preferences:
    """Return what holds for an owner: chosen, stored, or the default in the person's language."""
    if known := await parts.preferences.get(owner):
        return known
    stored = None
    try:
        async with asyncio.timeout(STORE_PATIENCE_S):
            stored = await parts.store.preferences(owner)
    except (Unavailable, TimeoutError):
        stored = None
    if stored is None:
        code = person.language_code.lower()
        language: Language = "en" if code and not code.startswith("fr") else "fr"
        days = parts.settings.store.retention_days
        return Preferences(language=language, retention_days=days)
    await parts.preferences.set(owner, stored)
    return stored


def moved_key(chat: int) -> str:
    """Return where it is noted which supergroup a group became."""
    return f"{TAG}:moved:{chat}"


async def open_turn(parts: Parts, lease: Lease, update: Update) -> Turn | None:
    """Gather what answering needs; None for an update that names no person."""
    person = update.sender
    tap = update.callback_query
    post = update.post or (tap.message if tap else None)
    others = update.my_chat_member or update.stopped_message_generation
    chat = post.chat if post else (others.chat if others else None)
    if person is None and chat is not None and chat.is_private:
        person = Person(id=chat.id)
    if person is None or chat is None:
        return None
    moved = await parts.redis.call("GET", moved_key(chat.id))
    if moved:
        chat = chat.model_copy(update={"id": int(moved)})
    owner = person.id if chat.is_private else chat.id
    chosen = await chosen_by(parts, owner, person)
    record = await Record.open(parts.redis, parts.sender, lease)
    thread = post.message_thread_id if post and not chat.is_private else None
    return Turn(parts, lease, update, record, chat, thread, person, chosen)
