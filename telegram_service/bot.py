"""The bot at a glance: what it does with each kind of update."""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from telegram_service.answering.conversation import converse
from telegram_service.answering.documents import question_about
from telegram_service.answering.update_context import Turn
from telegram_service.commands import (
    article,
    help,
    mesdonnees,
    models,
    reset,
    settings,
    start,
    status,
    stop,
    supprimer,
    thumbs,
)
from telegram_service.queue.update_queue import Outcome
from telegram_service.sending.sender import Place
from telegram_service.state.records import Seen
from telegram_service.updates import Post

log = structlog.get_logger()

Command = Callable[[Turn, str], Awaitable[None]]

COMMANDS: Mapping[str, Command] = {
    "start": start.run,
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
TAPS: Mapping[str, Command] = {
    "art": article.tapped,
    "set": settings.tapped,
    "model": models.tapped,
    "stop": stop.tapped,
    "erase": supprimer.tapped,
    "up": thumbs.up,
    "down": thumbs.down,
    "why": thumbs.why,
}
ACKNOWLEDGED = {"up": "thanks", "why": "thanks", "down": "why", "stop": "stop_done"}
GONE = {"kicked", "left"}


async def answer(turn: Turn) -> Outcome:
    """Do what an update asks for; each message it leads to is sent once."""
    update = turn.update
    if update.callback_query:
        return await tapped(turn)
    if update.stopped_message_generation:
        await stop.halt(turn)
        return "answered"
    if update.my_chat_member:
        return await joined_or_left(turn)
    post = turn.post
    if post is None or turn.person.is_bot:
        return "ignored"
    if post.migrate_to_chat_id:
        new = Place(post.migrate_to_chat_id, turn.thread, private=False)
        await turn.parts.sessions.move(turn.place, new)
        return "ignored"
    return await read(turn, post)


async def read(turn: Turn, post: Post) -> Outcome:
    """Answer a message that is for us."""
    text = addressed(turn, post)
    if text is None or await is_old_edit(turn, post):
        return "ignored"
    allowed = turn.parts.settings.bot.allowed_users
    if allowed and turn.person.id not in allowed:
        await turn.reply("not_invited")
        return "answered"
    if text.startswith("/"):
        return await command(turn, text)
    if post.voice or post.audio:
        await turn.reply("no_voice")
        return "answered"
    if post.photo or post.video or post.video_note:
        await turn.reply("no_picture")
        return "answered"
    if post.document:
        question = await question_about(turn, post.document, text)
        return await converse(turn, question.text, cut=question.cut) if question else "answered"
    return await converse(turn, text) if text else "ignored"


async def command(turn: Turn, text: str) -> Outcome:
    """Run a command, unless it names another bot."""
    head, _, words = text[1:].partition(" ")
    name, _, bot = head.partition("@")
    if bot and bot.lower() != turn.parts.bot_name.lower():
        return "ignored"
    run = COMMANDS.get(name.lower())
    if run is None:
        if turn.chat.is_private:
            await turn.reply("unknown_command")
        return "answered" if turn.chat.is_private else "ignored"
    await run(turn, words.strip())
    return "answered"


async def tapped(turn: Turn) -> Outcome:
    """Do what a button says, having acknowledged it at once."""
    tap = turn.update.callback_query
    assert tap is not None  # noqa: S101 - the caller has looked
    act = turn.parts.buttons.read(turn.chat.id, tap.data)
    known = act is not None and act.name in TAPS
    key = ACKNOWLEDGED.get(act.name) if act and known else "old_button"
    await turn.parts.sender.answer_tap(tap.id, turn.say(key) if key else "")
    if act and known:
        await TAPS[act.name](turn, act.value)
    return "answered"


async def joined_or_left(turn: Turn) -> Outcome:
    """Greet a group; note who has blocked the bot or allowed it again."""
    change = turn.update.my_chat_member
    assert change is not None  # noqa: S101 - the caller has looked
    gone = change.new_chat_member.status in GONE
    if turn.chat.is_private:
        seen = Seen(person=turn.person.id, at=turn.parts.clock.now(), reachable=not gone)
        await turn.parts.journal.put(seen)
    elif not gone:
        await turn.reply("group_hello")
    return "ignored" if gone else "answered"


async def is_old_edit(turn: Turn, post: Post) -> bool:
    """Tell whether an edit concerns another message than the last question: too late for it."""
    replaced_one_that_waited = turn.update.update_id != turn.lease.update_id
    if turn.update.edited_message is None or replaced_one_that_waited:
        return False
    session = await turn.parts.sessions.get(turn.place)
    return session.last_question != post.message_id


def addressed(turn: Turn, post: Post) -> str | None:
    """Return the text that is for us, or None: in a group, a mention, a reply or a command."""
    text = post.text or post.caption
    if turn.chat.is_private or text.startswith("/"):
        return text
    replied = post.reply_to_message
    if replied and replied.sender and replied.sender.id == turn.parts.bot_id:
        return text
    mention = f"@{turn.parts.bot_name}"
    place = text.lower().find(mention.lower())
    if place < 0:
        return None
    return (text[:place] + text[place + len(mention) :]).strip()
