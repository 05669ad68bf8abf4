"""`python -m telegram_service.emulators.whatsapp [--port 8083]`: a Cloud API to develop against.

Say something as a person: POST /emulator/say {"person": 1, "text": "…"}; read what was written to
them: GET /emulator/messages/1.
"""

import argparse
import asyncio

import uvicorn

from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.api import CloudApi


async def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m telegram_service.emulators.whatsapp")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8083)
    parser.add_argument("--token", default="emulator")
    parser.add_argument("--app-secret", default="emulator")
    parser.add_argument("--verify-token", default="emulator")
    parser.add_argument("--webhook", default="http://127.0.0.1:8001/whatsapp/webhook")
    options = parser.parse_args()
    api = CloudApi(Account(), options.token, options.app_secret)
    config = uvicorn.Config(api.app, host=options.host, port=options.port, access_log=False)
    delivering = asyncio.create_task(api.delivery.run())
    verifying = asyncio.create_task(api.set_webhook(options.webhook, options.verify_token))
    await uvicorn.Server(config).serve()
    for task in (delivering, verifying):
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
