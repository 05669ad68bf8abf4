"""Guessing at the desk is slowed down, and never keeps an owner out."""

import asyncio
from contextlib import suppress
from ipaddress import ip_address

import pyotp
import pytest

from ai_core.console import lockout
from ai_core.console.audit_log import HOST
from ai_core.console.lockout import PER_ACCOUNT, PER_ADDRESS, PER_SECOND_FACTOR
from ai_core.errors import TooManySignIns
from tests.ai_core.console.conftest import Browser, RunningDesk

pytestmark = pytest.mark.slow


async def enter(browser: Browser, name: str, password: str) -> int:
    await browser.get("/console/login")
    answer = await browser.post("/console/login", {"name": name, "password": password})
    return answer.status_code


async def test_an_account_is_locked_and_a_browser_that_knows_it_is_not(desk: RunningDesk) -> None:
    account, password = await desk.account()
    account, secret, _ = await desk.with_second_factor(account)
    owner = desk.browser()
    await enter(owner, account.name, password)
    await owner.get("/console/code")
    await owner.post("/console/code", {"code": pyotp.TOTP(secret).now()})
    await owner.get("/console/own")
    assert (await owner.post("/console/logout")).status_code == 303

    thief = desk.browser()
    told = [await enter(thief, account.name, f"guess {n}") for n in range(PER_ACCOUNT + 3)]
    assert told == [401] * PER_ACCOUNT + [429] * 3
    answer = await thief.post("/console/login", {"name": account.name, "password": password})
    assert answer.status_code == 429  # the right password too
    assert 0 < int(answer.headers["retry-after"]) <= lockout.LOCK_S
    assert await enter(desk.browser(), account.name, password) == 429
    assert await enter(owner, account.name, password) == 303  # the owner's browser is not locked
    assert await enter(desk.browser(), "another-name", "x") == 401  # nor are other accounts

    await desk.on(desk.desk.accounts.reset(HOST, account))
    named = desk.desk.visitors.pseudonym_of(account.name)
    assert not await desk.redis("EXISTS", f"{{ai}}:console:lock:account:{named}")


async def test_a_device_is_trusted_for_its_own_account_and_counted_too(desk: RunningDesk) -> None:
    locks = desk.desk.lockout
    device = await desk.on(locks.remember_device("ada"))
    address = ip_address("192.0.2.7")
    [mine] = await desk.on(locks.subjects("ada", address, device))
    others = await desk.on(locks.subjects("bob", address, device))
    forged = await desk.on(locks.subjects("ada", address, device[:-1] + "_"))
    assert mine.name.startswith("device:")
    assert [one.name.partition(":")[0] for one in others] == ["account", "address"]
    assert [one.name.partition(":")[0] for one in forged] == ["account", "address"]

    async def tries() -> int:
        let_in = 0
        for _ in range(mine.limit + 5):
            try:
                await locks.attempt((mine,))
                let_in += 1
            except TooManySignIns:
                pass
        return let_in

    assert await desk.on(tries()) == mine.limit


async def test_attempts_at_once_are_no_more_than_the_limit(desk: RunningDesk) -> None:
    locks = desk.desk.lockout
    subjects = await desk.on(locks.subjects("carol", ip_address("192.0.2.8"), None))

    async def burst() -> int:
        tries = (locks.attempt(subjects) for _ in range(200))
        told = await asyncio.gather(*tries, return_exceptions=True)
        return sum(one is None for one in told)

    assert await desk.on(burst()) == PER_ACCOUNT


async def test_an_address_is_locked_for_all_the_names_it_tries(desk: RunningDesk) -> None:
    locks = desk.desk.lockout
    address = ip_address("2001:db8::1")
    neighbour = ip_address("2001:db8::2")  # of the same /64

    async def spray() -> int:
        let_in = 0
        for n in range(PER_ADDRESS + 20):
            where = address if n % 2 else neighbour
            try:
                await locks.attempt(await locks.subjects(f"name-{n}", where, None))
                let_in += 1
            except TooManySignIns:
                pass
        return let_in

    assert await desk.on(spray()) == PER_ADDRESS


async def test_codes_are_counted_and_the_waiting_session_ends(desk: RunningDesk) -> None:
    account, password = await desk.account()
    account, secret, _ = await desk.with_second_factor(account)
    thief = desk.browser()
    await enter(thief, account.name, password)
    await thief.get("/console/code")
    told = [
        (await thief.post("/console/code", {"code": "123456"})).status_code
        for _ in range(PER_SECOND_FACTOR + 1)
    ]
    assert told == [401] * PER_SECOND_FACTOR + [429]
    answer = await thief.post("/console/code", {"code": pyotp.TOTP(secret).now()})
    assert answer.headers["location"] == "/console/login"


async def test_a_lock_ends_by_itself_whatever_comes_meanwhile(desk: RunningDesk) -> None:
    locks = desk.desk.lockout
    subject = lockout.Subject("account:short", 1)

    async def left() -> tuple[int, int]:
        for _ in range(3):
            try:
                await locks.attempt((subject,))
            except TooManySignIns:
                continue
        key = "{ai}:console:lock:account:short"
        await desk.desk.connection.call("EXPIRE", key, 100)
        with suppress(TooManySignIns):
            await locks.attempt((subject,))
        counted = await desk.desk.connection.call("EXISTS", "{ai}:console:attempts:account:short")
        return int(await desk.desk.connection.call("TTL", key)), int(counted)

    ttl, counted = await desk.on(left())
    assert 0 < ttl <= 100  # not prolonged
    assert counted == 0
