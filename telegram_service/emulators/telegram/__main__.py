"""`python -m telegram_service.emulators.telegram [--port 8081]`: a Bot API to develop against.

Say something as a person: POST /emulator/say {"chat": 1, "text": "…"}; read what the bot wrote:
GET /emulator/messages/1.
"""

import argparse
import asyncio

import uvicorn

from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi


async def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m telegram_service.emulators.telegram")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--token", default="424242:emulator")
    options = parser.parse_args()
    api = BotApi(Account(), options.token)
    delivering = asyncio.create_task(api.delivery.run())
    config = uvicorn.Config(api.app, host=options.host, port=options.port, access_log=False)
    await uvicorn.Server(config).serve()
    delivering.cancel()


if __name__ == "__main__":
    asyncio.run(main())
