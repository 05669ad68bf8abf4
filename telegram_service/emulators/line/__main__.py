"""`python -m telegram_service.emulators.line [--port 8082]`: a Messaging API to develop against.

Say something as a person: POST /emulator/say {"person": 1, "text": "…"}; read what the bot wrote:
GET /emulator/messages/U… (the source of the event that `say` returned).
"""

import argparse
import asyncio

import uvicorn

from telegram_service.emulators.line.account import Account
from telegram_service.emulators.line.api import MessagingApi


async def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m telegram_service.emulators.line")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8082)
    parser.add_argument("--webhook", default="http://127.0.0.1:8001/line/webhook")
    parser.add_argument("--channel-secret", default="emulator")
    parser.add_argument("--access-token", default="emulator")
    options = parser.parse_args()
    api = MessagingApi(Account(), options.channel_secret, options.access_token)
    api.delivery.url = options.webhook
    delivering = asyncio.create_task(api.delivery.run())
    config = uvicorn.Config(api.app, host=options.host, port=options.port, access_log=False)
    await uvicorn.Server(config).serve()
    delivering.cancel()


if __name__ == "__main__":
    asyncio.run(main())
