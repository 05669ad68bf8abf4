"""/supprimer: erases a person's data, after two confirmations, with a receipt (GDPR, article 17).

Erased: Redis (updates that wait, sessions, choices, dead letters), Postgres (messages, choices,
feedback, the person), and the private conversations in ai_core. Kept: a receipt that holds a
fingerprint instead of the person. A group's conversation in ai_core is the group's, and expires.

The confirmed erasure is stored first (state/erasures.py), so that workers complete it after a
crash, and when Postgres or ai_core is back.
"""

import hashlib

import structlog

from shared.clock import PARIS
from shared.errors import AppError
from shared.languages import LANGUAGES
from telegram_service.addresses import ChatAddress, MessageId
from telegram_service.answering.services import Services
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.channel import Priority
from telegram_service.channels.message import FoldedText
from telegram_service.commands.cancel import cancel_row
from telegram_service.errors import ChannelRefused
from telegram_service.queue.dead_letters import DeadLetters
from telegram_service.state.erasures import Erasure

log = structlog.get_logger()

CONFIRMED = "sure"


async def run(context: UpdateContext, arguments: str) -> None:
    """Ask for the first confirmation; erase where the command itself confirms."""
    if not context.chat.is_private:
        await context.reply("in_private")
        return
    words = {context.services.texts.say("erase_word", each) for each in LANGUAGES}
    if arguments.strip().casefold() in words:
        await erase(context, "")
        return
    asked = context.say("erase_ask")
    if not context.channel.edits:  # buttons vanish there, and some apps show none
        asked += "\n\n" + context.say("erase_typed", word=context.say("erase_word"))
    button = context.button(context.say("erase_button"), "erase")
    await context.send_markdown("erase_ask", asked, ((button,), cancel_row(context)))


async def on_button(context: UpdateContext, value: str) -> None:
    """Ask for the second confirmation, then erase; say so when a part has to wait."""
    query = context.update.callback_query
    if query is None or query.message is None:
        return
    if value != CONFIRMED:
        again = context.button(context.say("erase_button_sure"), "erase", CONFIRMED)
        rows = ((again,), cancel_row(context))
        await context.edit_button_message(context.say("erase_sure"), rows)
        return
    await erase(context, query.message.message_id)


async def erase(context: UpdateContext, message_id: MessageId) -> None:
    """Erase, and say so when a part has to wait; `message_id` is the message to say it in."""
    services = context.services
    asked = Erasure(
        person=context.person.id,
        chat=context.chat.id,
        receipt=receipt_id(context),
        at=services.clock.now(),
        received_ms=context.lease.updates[0].received_ms,
        language=context.language,
        message_id=message_id,
        reply_token=context.address.reply_token,
        conversations=tuple(await services.sessions.conversations(context.chat.id)),
    )
    await services.queue.stop_before(context.lease.chat, context.update.update_id)
    erasure = await services.erasures.begin(asked)
    try:
        await carry_out(services, erasure)
    except AppError as error:
        log.warning("erasure waits", reason=error.code)
        if context.update.callback_query:
            await context.edit_button_message(context.say("erase_waits"))
        else:
            await context.reply("erase_waits")


async def carry_out(services: Services, erasure: Erasure) -> None:
    """Do what is left of an erasure, tell the person, forget it.

    It may be interrupted anywhere, run again, and run in two workers at once. Raises Unavailable
    while a part is down, and what ai_core refuses.
    """
    if not erasure.redis_erased:
        erasure = await erase_in_redis(services, erasure)
    if erasure.messages is None:
        erasure = await erase_in_postgres(services, erasure)
    for conversation in erasure.conversations:
        await services.ai.erase_conversation(conversation)
    await services.erasures.ask_for_rewrite()
    await tell(services, erasure)
    await services.erasures.complete(erasure)


async def erase_in_redis(services: Services, erasure: Erasure) -> Erasure:
    """Erase what the bot's Redis has; return how far the erasure has come."""
    name = services.vault.name(erasure.person)
    await services.queue.drop_waiting(name, erasure.received_ms)
    await DeadLetters(services.redis, services.queue).purge(name)
    await services.sessions.delete(erasure.chat)
    await services.preferences.delete(erasure.person)
    await services.folded_texts.delete(erasure.chat)
    done = erasure.model_copy(update={"redis_erased": True})
    await services.erasures.update(done)
    return done


async def erase_in_postgres(services: Services, erasure: Erasure) -> Erasure:
    """Erase what Postgres has, and what is on its way there; return how far it has come."""
    await services.journal.drain()
    receipt = await services.store.erase(
        erasure.person, erasure.receipt, erasure.at, len(erasure.conversations)
    )
    done = erasure.model_copy(update={"messages": receipt.messages})
    await services.erasures.update(done)
    return done


async def tell(services: Services, erasure: Erasure) -> None:
    """Put the receipt into the message whose button was pressed."""
    text = services.texts.say(
        "erase_done",
        erasure.language,
        messages=erasure.messages or 0,
        conversations=len(erasure.conversations),
        receipt=erasure.receipt,
        date=f"{erasure.at.astimezone(PARIS):%d/%m/%Y %H:%M}",
        days=services.settings.store.backup_days,
    )
    channel, address = services.channels.of(erasure.chat), address_of(erasure)
    message = channel.compose(FoldedText(text))[0]
    try:
        if channel.edits and erasure.message_id:
            await channel.edit(address, erasure.message_id, message, Priority.REPLY)
        else:
            await channel.send(address, message, Priority.REPLY, f"erasure/{erasure.receipt}")
    except ChannelRefused as refusal:  # the person has deleted the message, or blocked the bot
        log.info("receipt not shown", reason=refusal.code)


def address_of(erasure: Erasure) -> ChatAddress:
    """Return where to tell that it is done: a reply to the event that confirmed it is free."""
    return ChatAddress(
        erasure.chat, reply_token=erasure.reply_token, received_ms=erasure.received_ms
    )


async def carry_out_waiting(services: Services) -> None:
    """Try to complete every erasure that was interrupted, or waits for Postgres or ai_core."""
    for erasure in await services.erasures.under_way():
        try:
            await carry_out(services, erasure)
        except AppError as error:
            log.warning("erasure waits", reason=error.code)


def receipt_id(context: UpdateContext) -> str:
    """Return the receipt's number: the same for the same button press, without personal data."""
    query = context.update.callback_query
    seed = f"{context.channel.account}:{context.update.update_id}:{query.id if query else ''}"
    return hashlib.sha256(seed.encode()).hexdigest()[:12].upper()
