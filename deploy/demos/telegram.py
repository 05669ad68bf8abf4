"""`./neo demo telegram`: a conversation with the bot through the Bot API emulator."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from deploy.demos.chat import DemoChat, Shown, in_background, run_demo, running_service, served
from telegram_service.answering.services import Services
from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi

TOKEN = "424242:demo"  # noqa: S105 - the emulator's
SECRET = "the-demo-s-webhook-secret"  # noqa: S105 - the emulator's
PERSON = 7


class TelegramChat(DemoChat):
    """A person's private chat on Telegram."""

    def __init__(self, api: BotApi, services: Services) -> None:
        super().__init__(services)
        self._api = api

    def write(self, text: str) -> None:
        """Send a message."""
        self._api.account.say(PERSON, text)

    def press(self, label: str) -> str:
        """Press the newest button that contains `label`; return its whole label, or nothing."""
        for message in reversed(self._api.account.written(PERSON)):
            for row in message.get("reply_markup", {}).get("inline_keyboard", []):
                for button in row:
                    if label in button["text"] and "callback_data" in button:
                        number, data = message["message_id"], button["callback_data"]
                        self._api.account.tap(PERSON, number, data)
                        return str(button["text"])
        return ""

    def messages(self) -> Iterator[Shown]:
        """Yield the bot's messages, in order."""
        for message in self._api.account.written(PERSON):
            rows = message.get("reply_markup", {}).get("inline_keyboard", [])
            yield Shown(
                str(message["message_id"]),
                message.get("text") or message.get("caption", ""),
                tuple(button["text"] for row in rows for button in row),
                message.get("document", {}).get("file_name", ""),
            )

    @property
    def undelivered(self) -> bool:
        """Return whether updates are on their way."""
        return bool(self._api.account.updates or self._api.delivery.pending)


@asynccontextmanager
async def open_chat(ai_url: str, key: str) -> AsyncIterator[DemoChat]:
    """Start the service and the emulator; yield the chat."""
    api = BotApi(Account(), TOKEN)
    async with served(api.app) as api_url:
        channel = {"bot": {"token": TOKEN, "api_url": api_url}, "webhook": {"secret": SECRET}}
        async with (
            running_service(ai_url, key, channel) as (url, services),
            in_background(api.delivery.run()),
        ):
            api.delivery.set_webhook(f"{url}/telegram/webhook", SECRET, 40)
            yield TelegramChat(api, services)


if __name__ == "__main__":
    sys.exit(asyncio.run(run_demo("telegram", open_chat, sys.argv[1:])))
