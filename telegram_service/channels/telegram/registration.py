"""Registers the bot with Telegram: its webhook, its commands, its description."""

from collections.abc import Iterable

from telegram import Bot, BotCommand

from shared.languages import LANGUAGES
from shared.texts import Texts
from telegram_service.channels.telegram.parsing import ALLOWED_UPDATES
from telegram_service.settings import Settings


async def register(
    bot: Bot, settings: Settings, texts: Texts, command_names: Iterable[str]
) -> None:
    """Register, in French for everybody and in the client's language where it is another of ours.

    Pending updates are never dropped. Raises telegram.error.TelegramError.
    """
    if settings.webhook.url:
        await bot.set_webhook(
            settings.webhook.url,
            allowed_updates=ALLOWED_UPDATES,
            secret_token=settings.webhook.secret.get_secret_value(),
            max_connections=settings.webhook.max_connections,
            drop_pending_updates=False,
        )
    for language in LANGUAGES:
        code = None if language == "fr" else language
        commands = [
            BotCommand(name, texts.say(f"command_{name}", language)) for name in command_names
        ]
        await bot.set_my_commands(commands, language_code=code)
        await bot.set_my_description(texts.say("description", language), language_code=code)
