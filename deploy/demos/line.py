"""`./neo demo line`: a conversation with the bot through the Messaging API emulator."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from deploy.demos.chat import DemoChat, Shown, in_background, run_demo, running_service, served
from telegram_service.answering.services import Services
from telegram_service.emulators.line.account import Account, JsonObject, card_actions, user_id
from telegram_service.emulators.line.api import MessagingApi

CHANNEL_SECRET = "the-demo-s-channel-secret"  # noqa: S105 - the emulator's
TOKEN = "the-demo-s-access-token"  # noqa: S105 - the emulator's
PERSON = user_id(7)


class LineChat(DemoChat):
    """A person's chat on LINE."""

    def __init__(self, api: MessagingApi, services: Services) -> None:
        super().__init__(services)
        self._api = api

    def write(self, text: str) -> None:
        """Send a message."""
        self._api.account.say(PERSON, text)

    def press(self, label: str) -> str:
        """Tap what shows `label`; return all that it shows, or nothing."""
        shown = (each for each, _ in self._api.account.shown_actions(PERSON))
        found = next((each for each in shown if label in each), "")
        if found:
            self._api.account.tap(PERSON, found)
        return found

    def messages(self) -> Iterator[Shown]:
        """Yield the bot's messages, in order."""
        for message in self._api.account.written(PERSON):
            yield Shown(message["id"], text_of(message), labels_of(message))

    @property
    def undelivered(self) -> bool:
        """Return whether events are on their way."""
        return bool(self._api.account.events or self._api.delivery.pending)


def text_of(message: JsonObject) -> str:
    """Return a message's text; a card is its lines."""
    return str(message.get("text") or "🃏 " + message["altText"])


def labels_of(message: JsonObject) -> tuple[str, ...]:
    """Return what can be tapped: the lines of a card, the quick replies."""
    items = message.get("quickReply", {}).get("items", [])
    lines = (shown for shown, _ in card_actions(message.get("contents")))
    return (*lines, *(item["action"]["label"] for item in items))


@asynccontextmanager
async def open_chat(ai_url: str, key: str) -> AsyncIterator[DemoChat]:
    """Start the service and the emulator; yield the chat."""
    api = MessagingApi(Account(), CHANNEL_SECRET, TOKEN)
    async with served(api.app) as api_url:
        secrets = {"channel_secret": CHANNEL_SECRET, "access_token": TOKEN}
        channel = {"line": {**secrets, "api_url": api_url, "data_url": api_url}}
        async with (
            running_service(ai_url, key, channel) as (url, services),
            in_background(api.delivery.run()),
        ):
            api.delivery.url = f"{url}/line/webhook"
            yield LineChat(api, services)


if __name__ == "__main__":
    sys.exit(asyncio.run(run_demo("line", open_chat, sys.argv[1:])))
