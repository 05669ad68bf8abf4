"""Routes each kind of update to its handler."""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from pydantic import ValidationError

from shared.courtesies import Courtesy, courtesy_of
from shared.privacy.encryption import DecryptionFailed
from telegram_service.answering import kept_agreement
from telegram_service.answering.conversation import converse
from telegram_service.answering.edits import end_placeholder, is_left_alone, remember_words
from telegram_service.answering.final_text import ASK
from telegram_service.answering.joining import is_late_in_album
from telegram_service.answering.kept_document import REASK
from telegram_service.answering.moved_group import follow_group
from telegram_service.answering.question import read_question, typed_text
from telegram_service.answering.quota import tell_help_lines
from telegram_service.answering.services import Services
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.update import ChatMemberUpdated, IncomingMessage
from telegram_service.commands import (
    article,
    cancel,
    feedback,
    help,
    mesdonnees,
    models,
    question,
    reset,
    settings,
    sources,
    start,
    status,
    stop,
    supprimer,
)
from telegram_service.commands.ask import ask, ask_again
from telegram_service.commands.start import greet_group
from telegram_service.errors import ChannelOff
from telegram_service.queue.command_text import CommandText, command_of
from telegram_service.queue.update_queue import READY, Outcome, QueuedUpdate
from telegram_service.state.records import PersonSeen
from telegram_service.state.repeats import ANY_COMMAND, COMMANDS_AT_ONCE, SAME_AT_ONCE

log = structlog.get_logger()

Command = Callable[[UpdateContext, str], Awaitable[None]]

COMMANDS: Mapping[str, Command] = {
    "start": start.run,
    "question": question.run,
    "help": help.run,
    "article": article.run,
    "settings": settings.run,
    "models": models.run,
    "switch": models.switch,
    "status": status.run,
    "reset": reset.run,
    "stop": stop.run,
    "mesdonnees": mesdonnees.run,
    "supprimer": supprimer.run,
}
BUTTON_ACTIONS: Mapping[str, Command] = {
    "art": article.on_button,
    "src": sources.on_button,
    "set": settings.on_button,
    "model": models.on_button,
    "stop": stop.on_button,
    "erase": supprimer.on_button,
    "up": feedback.up,
    "down": feedback.down,
    "why": feedback.why,
    "forget": kept_agreement.forget,
    "no": cancel.on_button,
}
ACKNOWLEDGED = {"up": "thanks", "why": "thanks", "down": "why", "stop": "stop_done"}
UNDER_ANSWERS = frozenset({"art", "src", "up", "down", "why", "forget", "stop", ASK, REASK})
"""Actions of buttons under answers: what they say is in the language of the conversation."""
OTHER_NAMES = {"ask": "question"}
ASKING_COMMANDS = frozenset({"question", "ask"})
"""What follows is a question: the only way to ask where privacy mode is on (Bot Features)."""
ENDING = frozenset({"stop", "reset"})
"""Commands that are carried out however often they come."""


async def answer(context: UpdateContext) -> Outcome:
    """Answer an update; each of its messages is sent once."""
    update = context.update
    if not context.chat.is_answered:
        return "ignored"
    if update.callback_query:
        return await press_button(context)
    if update.stopped_message_generation:
        await stop.stop_earlier(context)
        return "answered"
    if update.my_chat_member:
        return await joined_or_left(context, update.my_chat_member)
    message = context.message
    if message is None or context.person.is_bot or message.is_automatic_forward:
        return "ignored"
    if new := message.migrate_to_chat_id:
        await follow_group(context.services, message.chat.id, new)
        return "ignored"
    if old := message.migrate_from_chat_id:
        await follow_group(context.services, old, message.chat.id)
        return "ignored"
    outcome = await answer_message(context, message)
    await end_placeholder(context)
    return outcome


async def answer_message(context: UpdateContext, message: IncomingMessage) -> Outcome:
    """Answer a message that is for us."""
    text = addressed_text(context, message)
    if text is None or await is_left_alone(context, message, text):
        return "ignored"
    words, command = text, command_of(text)
    if command and not names_us(context, command):
        return "ignored"
    if command and asks(command, message):
        text, command = command.arguments, None
    if command is None:
        await context.hear(text)
    allowed = context.services.settings.bot.allowed_users
    if allowed and context.person.id not in allowed:
        return await refuse(context, "not_invited", text)
    await context.keep_language()
    await remember_words(context, context.messages, words, command=command is not None)
    if command:
        return await run_command(context, command)
    return await answer_words(context, message, text)


async def answer_words(context: UpdateContext, message: IncomingMessage, text: str) -> Outcome:
    """Answer what somebody has written, or sent a file with."""
    if await is_late_in_album(context, context.messages):
        return "ignored"
    if courtesy := courtesy_in(context, message, text):
        return await return_courtesy(context, courtesy)
    question = await read_question(context, text)
    if question is None:
        return "answered"
    return await converse(context, question.text, question.document, notes=question.notes)


async def refuse(context: UpdateContext, key: str, text: str) -> Outcome:
    """Say why a message is not answered, after who to call where it tells of danger."""
    await tell_help_lines(context, text)
    await context.reply(key)
    return "answered"


def courtesy_in(context: UpdateContext, message: IncomingMessage, text: str) -> Courtesy | None:
    """Return what a message says that asks nothing; None where it holds more than its words."""
    if len(context.parts) > 1 or message.attachments or message.forward_origin:
        return None
    return courtesy_of(text)


async def return_courtesy(context: UpdateContext, courtesy: Courtesy) -> Outcome:
    """Answer "ok" or "merci" with a sentence, in the language of the conversation."""
    session = await context.services.sessions.get(context.address)
    context.spoken = session.language or courtesy.language
    await context.reply(f"courtesy_{courtesy.kind}")
    return "answered"


def asks(command: CommandText, message: IncomingMessage) -> bool:
    """Return whether a command asks: in words, about a file, or about the message replied to."""
    replied = message.reply_to_message
    about = message.attachments or (replied and (replied.text or replied.caption))
    return command.name in ASKING_COMMANDS and bool(command.arguments or about)


def names_us(context: UpdateContext, command: CommandText) -> bool:
    """Return whether a command names no bot, or us."""
    return command.bot.lower() in {"", context.channel.bot_name.lower()}


async def run_command(context: UpdateContext, command: CommandText) -> Outcome:
    """Run a command."""
    await tell_help_lines(context, command.arguments)
    run = COMMANDS.get(OTHER_NAMES.get(command.name, command.name))
    if run is None:
        if context.chat.is_private:
            await context.reply("unknown_command")
        return "answered" if context.chat.is_private else "ignored"
    if await is_repeated(context, command):
        if command.name not in ENDING:
            return "ignored"
        context.quiet = True
    elif command.name not in ENDING and await are_too_many(context):
        return "answered"
    await run(context, command.arguments)
    return "answered"


async def are_too_many(context: UpdateContext) -> bool:
    """Whether this command comes after many others without a pause, which is then said once."""
    repeats, update_id = context.services.repeats, context.update.update_id
    before = await repeats.place(context.chat.id, ANY_COMMAND, update_id)
    if before == COMMANDS_AT_ONCE:
        await context.reply("commands_many")
    return before >= COMMANDS_AT_ONCE


async def is_repeated(context: UpdateContext, command: CommandText) -> bool:
    """Whether the same command waits behind this one, or came several times at once.

    Those that overtake questions wait behind nothing: they are counted.
    """
    services, lease = context.services, context.lease
    if lease.stream == READY:
        return any(is_same(services, command, later) for later in lease.updates[1:])
    words = f"{command.name} {command.arguments}"
    return await services.repeats.place(context.chat.id, words, lease.update_id) >= SAME_AT_ONCE


def is_same(services: Services, command: CommandText, later: QueuedUpdate) -> bool:
    """Whether a later update is the same command."""
    try:
        message = services.channels.read(later).message
    except (ValidationError, DecryptionFailed, ChannelOff):
        return False
    return message is not None and command_of(message.text) == command


async def press_button(context: UpdateContext) -> Outcome:
    """Run a button's action, after acknowledging it at once."""
    query = context.update.callback_query
    assert query is not None  # noqa: S101 - the caller has looked
    action = context.services.buttons.read(context.chat.id, query.data)
    if action and action.name in UNDER_ANSWERS:
        context.spoken = (await context.services.sessions.get(context.address)).language
    if action and action.name == ASK:
        return await ask(context, query)
    if action and action.name == REASK:
        return await ask_again(context, query, action.value)
    known = action is not None and action.name in BUTTON_ACTIONS
    key = acknowledgement(context, action.name) if action and known else "old_button"
    await context.answer_press(query.id, context.say(key) if key else "")
    if action and known:
        await BUTTON_ACTIONS[action.name](context, action.value)
    return "answered"


def acknowledgement(context: UpdateContext, action: str) -> str:
    """Return the key of what a press is acknowledged with; empty where the handler says it."""
    if action == "down" and not context.channel.edits:
        return ""
    return ACKNOWLEDGED.get(action, "")


async def joined_or_left(context: UpdateContext, change: ChatMemberUpdated) -> Outcome:
    """Greet a group that the bot joins; record whether the chat can be reached now.

    Telegram tells every change of the bot's rights too: those say nothing here.
    """
    services, before, after = context.services, change.old_chat_member, change.new_chat_member
    if context.chat.is_private or before.is_in != after.is_in:
        now = services.clock.now()
        seen = PersonSeen(person=context.chat.id, at=now, reachable=after.is_in)
        await services.journal.put(seen)
    joined = after.may_write and not before.is_in
    if context.chat.is_private or not joined:
        return "ignored"
    await context.keep_language()
    if await services.sessions.greeted_s_ago(context.chat.id) is not None:
        return "ignored"
    await services.sessions.set_greeted(context.chat.id)
    await greet_group(context)
    return "answered"


def addressed_text(context: UpdateContext, message: IncomingMessage) -> str | None:
    """Return the text for the bot, or None; in a group: a mention, a reply, a command."""
    text = typed_text(context.parts or (message,))
    if context.chat.is_private or command_of(text):
        return text
    return text if message.addressed else None
