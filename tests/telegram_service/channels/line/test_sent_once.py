"""A message is sent once, whatever response is lost and wherever a worker dies."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telegram_service.addresses import ChatAddress
from telegram_service.channels.channel import Priority
from telegram_service.channels.line.client import FIRST_USE_MS, LIFE_MS, Line, new_api
from telegram_service.channels.message import OutgoingMessage
from telegram_service.emulators.line.account import Account
from telegram_service.emulators.line.api import MessagingApi
from telegram_service.errors import ChannelLost
from telegram_service.queue.update_queue import COUNTERS, now_ms
from telegram_service.redis_client import redis_client
from telegram_service.settings import LineSettings
from telegram_service.vault import Vault
from tests.servers.loopback import served
from tests.telegram_service.channels.line.running_line import ALICE, SECRET, TOKEN, RunningLine

pytestmark = pytest.mark.slow

REPLY, PUSH = "/v2/bot/message/reply", "/v2/bot/message/push"
HELLO = OutgoingMessage(text="Bonjour")


@pytest.mark.parametrize("lost", [REPLY, PUSH])
async def test_an_answer_whose_response_is_lost_is_sent_once(
    line: RunningLine, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lost == PUSH:
        monkeypatch.setattr("telegram_service.channels.line.client.FIRST_USE_MS", -1)
    line.api.lost.append(lost)
    answer = await line.ask(ALICE, "Quel préavis ?")
    assert [message["type"] for message in answer] == ["text", "flex"]
    statuses = [call.status for call in line.account.calls if call.path == lost]
    assert statuses == [200, 400 if lost == REPLY else 409]
    assert line.account.pushed == (lost == PUSH)
    assert len(line.ai.asked) == 1


class Direct:
    """The channel alone, over the emulator; `address` is of an event `age_ms` old."""

    def __init__(self, line: Line, account: Account) -> None:
        self.line = line
        self.account = account

    def address(self, age_ms: int = 0) -> ChatAddress:
        event = self.account.say(ALICE, "Quel préavis ?")
        token = event["replyToken"]
        return ChatAddress(f"line:{ALICE}", reply_token=token, received_ms=now_ms() - age_ms)

    async def send(self, address: ChatAddress, key: str = "k") -> list[str]:
        """Send, and return how each message so far has come."""
        await self.line.send(address, HELLO, Priority.FINAL, key)
        return [message["via"] for message in self.account.written(ALICE)]

    async def claim(self, address: ChatAddress, key: str) -> None:
        """Note that a message is about to use the token, as before a crash."""
        name = self.line._token_key(address.reply_token)
        await self.line._redis.call("SET", name, key)

    async def resent_blindly(self) -> int:
        return int(await self.line._redis.call("HGET", COUNTERS, "resent_blindly") or 0)


@pytest.fixture
async def direct(redis_url: str, key_file: Path) -> AsyncIterator[Direct]:
    account = Account()
    redis = redis_client(redis_url, 2.0)
    await redis.open()
    async with served(MessagingApi(account, SECRET, TOKEN).app) as url:
        values = {"channel_secret": SECRET, "access_token": TOKEN, "api_url": url, "data_url": url}
        settings = LineSettings.model_validate(values)
        api = await asyncio.to_thread(new_api, settings)
        line = Line(api, redis, await asyncio.to_thread(Vault.read, key_file))
        yield Direct(line, account)
        await line.close()
    await redis.close()


async def test_a_token_serves_the_first_message_and_the_others_are_pushed(direct: Direct) -> None:
    address = direct.address()
    assert await direct.send(address, "a") == ["reply"]
    assert await direct.send(address, "b") == ["reply", "push"]
    assert await direct.send(address, "a") == ["reply", "push"]
    assert await direct.send(address, "b") == ["reply", "push"]


async def test_after_a_crash_before_the_call_the_token_still_serves(direct: Direct) -> None:
    address = direct.address(FIRST_USE_MS + 1_000)
    await direct.claim(address, "k")
    assert await direct.send(address) == ["reply"]


async def test_after_a_crash_behind_the_call_nothing_is_sent_again(direct: Direct) -> None:
    address = direct.address()
    await direct.send(address)
    await direct.claim(address, "k")  # the crash came before the success was noted
    assert await direct.send(address) == ["reply"]
    assert await direct.resent_blindly() == 0


async def test_past_the_token_s_life_a_claimed_message_is_pushed_and_counted(
    direct: Direct,
) -> None:
    address = direct.address(LIFE_MS + 1_000)
    await direct.claim(address, "k")
    assert await direct.send(address) == ["push"]
    assert await direct.resent_blindly() == 1
    assert await direct.send(address) == ["push"]


async def test_an_old_event_and_a_dead_token_are_answered_by_a_push(direct: Direct) -> None:
    assert await direct.send(direct.address(FIRST_USE_MS + 1_000), "a") == ["push"]
    direct.account.reply_token_s = -1
    assert await direct.send(direct.address(), "b") == ["push", "push"]
    assert await direct.resent_blindly() == 0


async def test_a_worker_that_was_frozen_before_its_call_sends_nothing_again(
    direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, reply = direct.address(), direct.line.api.reply

    async def after_another_worker(token: str, messages: object) -> None:
        monkeypatch.undo()
        await direct.line.send(address, HELLO, Priority.FINAL, "k")
        await reply(token, messages)  # type: ignore[arg-type]

    monkeypatch.setattr(direct.line.api, "reply", after_another_worker)
    assert await direct.send(address) == ["reply"]


async def test_a_line_that_does_not_answer_says_whether_it_may_have_been_sent(
    direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct.line.api, "_api", "http://127.0.0.1:9")
    with pytest.raises(ChannelLost) as never:
        await direct.send(direct.address())
    assert not never.value.sent
