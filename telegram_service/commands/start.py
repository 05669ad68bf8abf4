"""/start: introduces the bot, discloses that it is an AI, and suggests questions."""

from telegram_service.answering.update_context import UpdateContext

JUST_GREETED_S = 120.0
"""A link that adds the bot to a group (`?startgroup=`) writes /start there as well."""


async def run(context: UpdateContext, _arguments: str) -> None:
    """Send the greeting of a private chat, or that of a group which was not greeted just now."""
    if context.chat.is_private:
        await context.reply("start")
        return
    sessions, chat = context.services.sessions, context.chat.id
    greeted_s_ago = await sessions.greeted_s_ago(chat)
    if greeted_s_ago is None or greeted_s_ago > JUST_GREETED_S:
        await sessions.set_greeted(chat)
        await greet_group(context)


async def greet_group(context: UpdateContext) -> None:
    """Send the greeting of a group; only Telegram may hide a group's messages from a bot."""
    telegram = context.channel.name == "telegram"
    await context.reply("group_hello_telegram" if telegram else "group_hello")
