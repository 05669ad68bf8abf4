"""`set-webhook` on LINE: the address is registered, and LINE tries it."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telegram_service.channels.line.registration import register_line
from telegram_service.emulators.line.account import Account
from telegram_service.emulators.line.api import MessagingApi
from telegram_service.errors import NoToken
from telegram_service.settings import LineSettings
from tests.servers.loopback import served
from tests.telegram_service.channels.line.running_line import SECRET, TOKEN


@pytest.fixture
async def api() -> AsyncIterator[tuple[MessagingApi, str]]:
    api = MessagingApi(Account(), SECRET, TOKEN)
    async with served(api.app) as url:
        yield api, url


def settings_at(url: str, **more: str) -> LineSettings:
    values = {"channel_secret": SECRET, "access_token": TOKEN, "api_url": url, "data_url": url}
    return LineSettings.model_validate({**values, **more})


async def test_the_address_of_the_console_is_tried(api: tuple[MessagingApi, str]) -> None:
    async def answer(_request: Request) -> Response:
        return Response(status_code=status)

    emulator, url = api
    async with served(Starlette(routes=[Route("/", answer, methods=["POST"])])) as webhook:
        emulator.delivery.url = webhook
        status = 200
        assert await register_line(settings_at(url))
        status = 401
        assert not await register_line(settings_at(url))


async def test_an_address_of_ours_is_registered(api: tuple[MessagingApi, str]) -> None:
    emulator, url = api
    wanted = "https://127.0.0.1:9/line/webhook"  # nobody is there
    assert not await register_line(settings_at(url, webhook_url=wanted))
    assert emulator.delivery.url == wanted


async def test_a_wrong_token_is_said(api: tuple[MessagingApi, str]) -> None:
    with pytest.raises(NoToken):
        await register_line(settings_at(api[1], access_token="wrong"))  # noqa: S106 - a made-up one
