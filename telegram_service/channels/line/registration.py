"""Registers the webhook with LINE, and has LINE try it."""

import asyncio

import structlog

from telegram_service.channels.line.client import new_api
from telegram_service.settings import LineSettings

log = structlog.get_logger()


async def register_line(settings: LineSettings) -> bool:
    """Set the webhook's address where there is one, and test it; whether LINE reached it.

    Without an address the one of LINE's console stays. Raises ChannelLost, ChannelRefused, NoToken.
    """
    api = await asyncio.to_thread(new_api, settings)
    try:
        if settings.webhook_url:
            await api.set_webhook(settings.webhook_url)
        test = await api.test_webhook()
    finally:
        await api.close()
    reached = test.get("success") is True
    said = {"status": test.get("statusCode"), "reason": test.get("reason")}
    log.info("line webhook registered", reached=reached, **said)
    return reached
