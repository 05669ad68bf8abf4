"""`./neo demo whatsapp`: a conversation with the bot through the Cloud API emulator."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from deploy.demos.chat import DemoChat, Shown, in_background, run_demo, running_service, served
from telegram_service.answering.services import Services
from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.api import CloudApi
from telegram_service.emulators.whatsapp.people import PHONE_NUMBER_ID

TOKEN = "the-demo-s-access-token"  # noqa: S105 - the emulator's
APP_SECRET = "the-demo-s-app-secret"  # noqa: S105 - the emulator's
VERIFY_TOKEN = "the-demo-s-verify-token"  # noqa: S105 - the emulator's
PERSON = 7


class WhatsAppChat(DemoChat):
    """A person's chat on WhatsApp."""

    def __init__(self, api: CloudApi, services: Services) -> None:
        super().__init__(services)
        self._api = api

    def write(self, text: str) -> None:
        """Send a message."""
        self._api.account.say(PERSON, text)

    def press(self, label: str) -> str:
        """Press the newest choice that contains `label`; return its whole label, or nothing."""
        for sent in reversed(self._api.account.written(PERSON)):
            for _, title, _ in sent.choices:
                if label in title:
                    self._api.account.tap(PERSON, sent, label)
                    return title
        return ""

    def messages(self) -> Iterator[Shown]:
        """Yield the bot's messages, in order."""
        for sent in self._api.account.written(PERSON):
            choices = tuple(title for _, title, _ in sent.choices)
            file = sent.body.get("document", {}).get("filename", "")
            yield Shown(sent.id, sent.shown, choices, file)

    @property
    def undelivered(self) -> bool:
        """Return whether messages are on their way."""
        return bool(self._api.delivery.waiting)


@asynccontextmanager
async def open_chat(ai_url: str, key: str) -> AsyncIterator[DemoChat]:
    """Start the service and the emulator; yield the chat."""
    api = CloudApi(Account(), TOKEN, APP_SECRET)
    async with served(api.app) as api_url:
        channel = {
            "whatsapp": {
                "app_secret": APP_SECRET,
                "access_token": TOKEN,
                "verify_token": VERIFY_TOKEN,
                "phone_number_id": PHONE_NUMBER_ID,
                "api_url": api_url,
            }
        }
        async with (
            running_service(ai_url, key, channel) as (url, services),
            in_background(api.delivery.run()),
        ):
            await api.set_webhook(f"{url}/whatsapp/webhook", VERIFY_TOKEN)
            yield WhatsAppChat(api, services)


if __name__ == "__main__":
    sys.exit(asyncio.run(run_demo("whatsapp", open_chat, sys.argv[1:])))
