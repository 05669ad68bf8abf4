"""Context of one update: its sender, chat, language, and what was already sent for it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from shared.errors import Unavailable
from shared.languages import LANGUAGES, Language, language_of
from telegram_service.addresses import ChatAddress, ChatId, MessageId
from telegram_service.answering.services import Services
from telegram_service.channels.channel import Channel, Priority
from telegram_service.channels.message import Button, FoldedText, OutgoingMessage, Rows
from telegram_service.channels.update import Chat, IncomingMessage, Person, Update
from telegram_service.queue.update_queue import Lease, now_ms
from telegram_service.sending.outbox import Outbox
from telegram_service.state.preferences import Preferences
from telegram_service.state.records import PreferencesChosen

FEW_WORDS = 4
STORE_TIMEOUT_S = 1.0
"""How long an answer waits for preferences that only Postgres has."""


@dataclass
class UpdateContext:
    """See the module. `stopped` is set when the person wants no answer any more; `spoken` is the
    language of the message, once it was read (`hear`).
    """

    services: Services
    channel: Channel
    lease: Lease
    update: Update
    outbox: Outbox
    chat: Chat
    thread: int | None
    person: Person
    preferences: Preferences
    parts: tuple[IncomingMessage, ...] = ()
    """The messages that are one question, where these are several."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    spoken: Language | None = None
    quiet: bool = False
    """Do what is asked and say nothing."""
    first_sign_counted: bool = False

    @cached_property
    def address(self) -> ChatAddress:
        """Return where to answer."""
        query = self.update.callback_query
        event = self.message or (query.message if query else None)
        return ChatAddress(
            self.chat.id,
            self.thread,
            self.chat.is_private,
            event.reply_token if event else "",
            self.lease.updates[0].received_ms,
        )

    @property
    def owner(self) -> ChatId:
        """Return whose preferences apply: the person's in private, the group's in a group."""
        return self.person.id if self.chat.is_private else self.chat.id

    @property
    def language(self) -> Language:
        """Return the language of every sentence: the message's, else the one of the menus."""
        return self.spoken or self.preferences.language

    async def hear(self, text: str) -> None:
        """Speak the language of a message from now on; where it tells none, its conversation's."""
        before = (await self.services.sessions.get(self.address)).language
        self.spoken = spoken_language(text, before, self.preferences.language)

    def speak(self, language: str) -> None:
        """Speak the language of an answer, where it is one of ours."""
        self.spoken = next((one for one in LANGUAGES if one == language), self.spoken)

    @property
    def message(self) -> IncomingMessage | None:
        """Return the message, when the update is one."""
        return self.update.any_message

    @property
    def messages(self) -> tuple[IncomingMessage, ...]:
        """Return the messages that are one question; none when the update is no message."""
        return self.parts or ((self.message,) if self.message else ())

    @property
    def event_id(self) -> MessageId:
        """Return the id of what the person did: wrote a message, or pressed a button."""
        query = self.update.callback_query
        if self.message:
            return self.message.message_id
        return query.id if query else ""

    @property
    def reply_to(self) -> MessageId | None:
        """Return the id of the message that an answer in a group replies to.

        Where a button was pressed it is the one with the button, so that comments on a channel's
        post stay under the post.
        """
        query = self.update.callback_query
        message = self.message or (query.message if query else None)
        return message.message_id if message and not self.chat.is_private else None

    @property
    def age_ms(self) -> int:
        """Return how long ago the update was accepted."""
        return now_ms() - self.lease.updates[0].received_ms

    @property
    def retention(self) -> timedelta:
        """Return how long the messages of this exchange are kept."""
        return timedelta(days=self.preferences.retention_days)

    def say(self, key: str, **values: str | int) -> str:
        """Return a sentence in the person's language."""
        return self.services.texts.say(key, self.language, **values)

    def button(self, label: str, action: str, value: str = "") -> Button:
        """Return a button that sends `action` back, signed for this chat."""
        return Button(label=label, data=self.services.buttons.data(self.chat.id, action, value))

    async def reply(self, key: str, buttons: Rows = (), **values: str | int) -> None:
        """Send a sentence, once; nothing when quiet."""
        if self.quiet:
            return
        await self.send_markdown(key, self.say(key, **values), buttons)

    async def send_markdown(self, part: str, markdown: str, buttons: Rows = ()) -> None:
        """Send a Markdown text, each of its messages once."""
        messages = self.channel.compose(FoldedText(markdown), buttons, self.reply_to)
        for number, message in enumerate(messages):
            await self.send(f"{part}/{number}", message)

    async def send(
        self, part: str, message: OutgoingMessage, priority: Priority = Priority.REPLY
    ) -> int:
        """Send one message, once; return its number, 0 where the channel has none."""
        message_id = await self.outbox.send(part, self.address, message, priority)
        await self.count_first_sign()
        return message_id

    async def edit_button_message(self, markdown: str, buttons: Rows = ()) -> None:
        """Replace the text of the message whose button was pressed; send it where none can be."""
        query = self.update.callback_query
        if not self.channel.edits:
            await self.send_markdown("pressed", markdown, buttons)
            return
        if query is None or query.message is None:
            return
        message = self.channel.compose(FoldedText(markdown), buttons)[0]
        await self.channel.edit(self.address, query.message.message_id, message, Priority.REPLY)

    async def answer_press(self, press_id: str, text: str = "") -> None:
        """Acknowledge a button, with a text if need be."""
        if not await self.channel.answer_press(press_id, text) and text:
            await self.send("pressed_note", OutgoingMessage(text=text))

    async def is_erased(self) -> bool:
        """Whether the person has asked to erase what they had sent until this update.

        Ask after something was kept, and delete it then: an erasure that is asked for later deletes
        it itself.
        """
        received_ms = self.lease.updates[0].received_ms
        return await self.services.erasures.covers(self.person.id, received_ms)

    async def count_first_sign(self) -> None:
        """Observe how long the person waited for something to see, the first time."""
        if not self.first_sign_counted:
            self.first_sign_counted = True
            await self.services.counters.observe("first_sign", self.age_ms)

    async def choose(self, **changes: str | int | bool | None) -> Preferences:
        """Change the preferences that apply here."""
        values: Mapping[str, object] = {**self.preferences.model_dump(), **changes}
        self.preferences = Preferences.model_validate(values)
        await self.services.preferences.set(self.owner, self.preferences)
        record = PreferencesChosen(
            person=self.person.id,
            at=self.services.clock.now(),
            owner=self.owner,
            preferences=self.preferences,
        )
        await self.services.journal.put(record)
        return self.preferences

    async def keep_language(self) -> None:
        """Let a group keep the language of who spoke to the bot there first, until it chooses."""
        if not self.chat.is_private and await self.services.preferences.get(self.owner) is None:
            await self.choose()

    async def may_choose(self) -> bool:
        """Whether this person may change the preferences here."""
        return self.chat.is_private or await self.channel.is_admin(self.address, self.person.id)


async def open_context(services: Services, lease: Lease, update: Update) -> UpdateContext | None:
    """Load what answering needs; None for an update that names no person. Raises ChannelOff."""
    person = update.sender
    query = update.callback_query
    message = update.any_message or (query.message if query else None)
    others = update.my_chat_member or update.stopped_message_generation
    chat = message.chat if message else (others.chat if others else None)
    if person is None and chat is not None and chat.is_private:
        person = Person(id=chat.id)
    if person is None or chat is None:
        return None
    chat = chat.model_copy(update={"id": await services.sessions.current_chat(chat.id)})
    owner = person.id if chat.is_private else chat.id
    channel = services.channels.of(chat.id)
    preferences = await preferences_of(services, channel, owner, person)
    outbox = await Outbox.open(services.redis, channel, lease)
    placed = message or update.stopped_message_generation
    thread = placed.message_thread_id if placed else None
    return UpdateContext(
        services, channel, lease, update, outbox, chat, thread, person, preferences
    )  # fmt: skip


def spoken_language(text: str, before: Language | None, default: Language) -> Language:
    """Return the language of a message that goes on in a conversation in `before`.

    A few words of French or English ("Syntec, cadre") change no conversation in Thai or Chinese, as
    in ai_core.
    """
    told = language_of(text, before or default)
    few = len(text.split()) <= FEW_WORDS
    if few and before in ("th", "zh") and told in ("fr", "en"):
        return before
    return told


def _language_of_client(code: str) -> Language:
    """Return the language for a client's IETF tag: English for one we do not write, else French."""
    primary = code.lower().partition("-")[0]
    known = next((language for language in LANGUAGES if language == primary), None)
    return known or ("en" if primary else "fr")


async def preferences_of(
    services: Services, channel: Channel, owner: ChatId, person: Person
) -> Preferences:
    """Return an owner's preferences: cached, stored, or defaults in the person's language."""
    if cached := await services.preferences.get(owner):
        return cached
    stored = None
    try:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            stored = await services.store.preferences(owner)
    except (Unavailable, TimeoutError):
        stored = None
    if stored is None:
        code = person.language_code or await channel.language(person.id)
        language = _language_of_client(code)
        days = services.settings.store.retention_days
        return Preferences(language=language, retention_days=days)
    await services.preferences.set(owner, stored)
    return stored
