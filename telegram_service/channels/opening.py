"""Opens the channels that are configured."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChannelName, ChatId, channel_of
from telegram_service.channels.channel import Channel
from telegram_service.channels.line.client import open_line
from telegram_service.channels.telegram.client import open_telegram
from telegram_service.channels.update import Update
from telegram_service.channels.whatsapp.client import open_whatsapp
from telegram_service.errors import ChannelOff
from telegram_service.queue.update_queue import QueuedUpdate, UpdateQueue
from telegram_service.settings import Settings
from telegram_service.vault import Vault


class Channels:
    """The open channels, by name and by chat."""

    def __init__(self, channels: dict[ChannelName, Channel], queue: UpdateQueue) -> None:
        self._channels = channels
        self._queue = queue

    def __getitem__(self, name: str) -> Channel:
        """Return a channel by its name. Raises ChannelOff."""
        for known, channel in self._channels.items():
            if known == name:
                return channel
        raise ChannelOff(name)

    def of(self, chat: ChatId) -> Channel:
        """Return the channel a chat is on. Raises ChannelOff."""
        return self[channel_of(chat)]

    def account(self, chat: ChatId) -> str:
        """Return the id of our own account on a chat's channel. Raises ChannelOff."""
        return self.of(chat).account

    def read(self, queued: QueuedUpdate) -> Update:
        """Return what a queued update says.

        Raises ValidationError, DecryptionFailed, and ChannelOff.
        """
        name, payload = self._queue.payload(queued)
        return self[name].parse(payload, queued.update_id)

    def origin(self, queued: QueuedUpdate) -> tuple[ChatId | None, ChatId | None]:
        """Return the chat and the sender of an update that may be unreadable, see Channel.

        Raises DecryptionFailed, ChannelOff, ValueError, KeyError, TypeError, AttributeError.
        """
        name, payload = self._queue.payload(queued)
        return self[name].origin(payload)


@asynccontextmanager
async def open_channels(
    settings: Settings, redis: RedisConnection, vault: Vault, queue: UpdateQueue
) -> AsyncIterator[Channels]:
    """Open every channel that has its secrets. Raises NoToken."""
    channels: dict[ChannelName, Channel] = {}
    async with AsyncExitStack() as stack:
        if settings.channels["telegram"]:
            telegram = await open_telegram(settings.bot, settings.limits, redis, vault)
            stack.push_async_callback(telegram.close)
            channels[telegram.name] = telegram
        if settings.channels["line"]:
            line = await open_line(settings.line, redis, vault)
            stack.push_async_callback(line.close)
            channels[line.name] = line
        if settings.channels["whatsapp"]:
            whatsapp = await open_whatsapp(settings.whatsapp, redis, vault)
            stack.push_async_callback(whatsapp.close)
            channels[whatsapp.name] = whatsapp
        yield Channels(channels, queue)
