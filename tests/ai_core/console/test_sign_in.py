"""Signing in at the desk: what lets somebody in, what does not, and what is told."""

import asyncio
import re
import time
from http.cookies import SimpleCookie
from unittest import mock

import pyotp
import pytest
from argon2.profiles import RFC_9106_LOW_MEMORY

from ai_core.api.console.visit import DEVICE_COOKIE, SESSION_COOKIE
from ai_core.console import passwords as passwords_module
from ai_core.console.audit_log import HOST
from ai_core.console.passwords import Passwords
from ai_core.console.roles import Role
from ai_core.console.second_factor import STEP_S
from tests.ai_core.console.conftest import Browser, RunningDesk

pytestmark = pytest.mark.slow

SECRET = re.compile(r"<code>([A-Z2-7 ]{39,})</code>")
RECOVERY = re.compile(r"<code>([a-z2-7]{5}(?:-[a-z2-7]{5}){2})</code>")


async def enter(browser: Browser, name: str, password: str) -> int:
    """Send a name and a password; return the status."""
    await browser.get("/console/login")
    answer = await browser.post("/console/login", {"name": name, "password": password})
    return answer.status_code


def code_of(secret: str, steps: int = 0) -> str:
    """Return the code of now, or some steps from now (one step off is tolerated)."""
    return pyotp.TOTP(secret).at(int(time.time()) + steps * STEP_S)


async def test_a_new_account_enrols_then_signs_in_with_both_factors(desk: RunningDesk) -> None:
    account, password = await desk.account(Role.EDITOR)
    browser = desk.browser()
    page = await browser.get("/console/keys")
    assert page.headers["location"] == "/console/login?next=/console/keys"

    assert await enter(browser, account.name, password) == 303
    before = browser.cookies[SESSION_COOKIE]
    # With a password alone nothing but the enrolment opens.
    for path in ("/console", "/console/models", "/console/code", "/console/own"):
        assert (await browser.get(path)).headers["location"] == "/console/enrol"
    shown = await browser.get("/console/enrol")
    found = SECRET.search(shown.text)
    assert found
    secret = found[1].replace(" ", "")
    assert "<svg" in shown.text
    assert secret in (await browser.get("/console/enrol")).text.replace(" ", "")  # not a new one
    assert (await browser.post("/console/enrol", {"code": "000000"})).status_code == 422
    confirmed = await browser.post("/console/enrol", {"code": code_of(secret)})
    assert confirmed.headers["location"].startswith("/console/own/recovery-codes")
    assert browser.cookies[SESSION_COOKIE] != before
    codes = RECOVERY.findall((await browser.get("/console/own/recovery-codes")).text)
    assert len(set(codes)) == 10
    assert (await browser.get("/console/own/recovery-codes")).status_code == 303  # shown once

    again = desk.browser()
    await enter(again, account.name, password)
    await again.get("/console/code")
    # The code that confirmed the enrolment was used: it does not count a second time.
    assert (await again.post("/console/code", {"code": code_of(secret)})).status_code == 401


async def test_a_code_opens_a_new_session_and_each_recovery_code_one(desk: RunningDesk) -> None:
    account, password = await desk.account()
    account, secret, codes = await desk.with_second_factor(account)
    again = desk.browser()
    assert await enter(again, account.name, password) == 303
    waiting = again.cookies[SESSION_COOKIE]
    await again.get("/console/code")
    assert (await again.post("/console/code", {"code": code_of(secret)})).status_code == 303
    assert again.cookies[SESSION_COOKIE] != waiting
    assert (await again.get("/console/models")).status_code == 200
    stale = desk.browser()
    stale.cookies[SESSION_COOKIE] = waiting
    assert (await stale.get("/console/models")).status_code == 303  # the id before is worth nothing

    for number, status in ((0, 303), (0, 401), (1, 303)):
        other = desk.browser()
        await enter(other, account.name, password)
        await other.get("/console/code")
        answer = await other.post("/console/code", {"code": codes[number].upper() + " "})
        assert answer.status_code == status
    told = [row.action for row in await desk.rows(account=account.name)]
    assert told.count("sign_in.accept") == 3
    assert told.count("sign_in.refuse") == 1
    assert told.count("sign_in.use_recovery_code") == 2


async def test_cookies_are_for_this_host_over_https_and_no_script(desk: RunningDesk) -> None:
    account, password = await desk.account()
    account, secret, _ = await desk.with_second_factor(account)
    browser = desk.browser()
    await enter(browser, account.name, password)
    await browser.get("/console/code")
    answer = await browser.post("/console/code", {"code": code_of(secret)})
    lines = answer.headers.get_list("set-cookie")
    names = {name for line in lines for name in SimpleCookie(line)}
    assert {SESSION_COOKIE, DEVICE_COOKIE} <= names
    for line in lines:
        assert line.startswith("__Host-")
        assert "; Path=/; Secure; HttpOnly; SameSite=strict" in line
        assert "omain=" not in line
    assert answer.headers["cache-control"] == "no-store"


async def test_who_is_refused_is_not_told_why(desk: RunningDesk) -> None:
    known, password = await desk.account()
    disabled, second = await desk.account()
    await desk.on(desk.desk.accounts.disable(HOST, disabled))
    tries = [
        (known.name, "not the password"),
        (disabled.name, second),
        ("nobody-at-all", "not the password"),
        ("Not A Name !", "zebra-zebra"),
        ("", ""),
        (known.name, ""),
        (known.name, password.upper()),
    ]
    pages = set()
    for name, written in tries:
        browser = desk.browser()
        await browser.get("/console/login")
        answer = await browser.post("/console/login", {"name": name, "password": written})
        assert answer.status_code == 401
        assert SESSION_COOKIE not in browser.cookies
        text = re.sub(r' value="[^"]*"', "", answer.text)
        assert written not in text or not written
        pages.add(text)
    assert len(pages) == 1
    rows = await desk.rows(subject="sign_in")
    assert not [row for row in rows if "nobody-at-all" in repr(row)]
    reasons = {
        row.account_name: row.detail["reason"] for row in rows if row.action == "sign_in.refuse"
    }
    assert reasons[disabled.name] == "disabled"


async def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    """In processor time of the threads that hash, which a busy machine does not change."""
    with mock.patch.object(passwords_module, "PARAMETERS", RFC_9106_LOW_MEMORY):
        passwords = Passwords()
    stored = await passwords.hash("quatre chevaux gris")

    async def spent(hashed: str | None) -> float:
        before = time.process_time()
        for _ in range(2):
            assert not await passwords.matches(hashed, "not the password")
        return time.process_time() - before

    await passwords.matches(None, "the first one makes the decoy")
    known, unknown = await spent(stored), await spent(None)
    await passwords.close()
    assert unknown > 0.02
    assert 1 / 2 < known / unknown < 2


async def test_a_flood_of_sign_ins_waits_for_nobody(desk: RunningDesk) -> None:
    passwords = desk.desk.sign_in.passwords

    async def flood() -> list[object]:
        tries = (passwords.matches(None, "x") for _ in range(60))
        return list(await asyncio.gather(*tries, return_exceptions=True))

    told = await desk.on(flood())
    refused = [one for one in told if isinstance(one, Exception)]
    assert {type(one).__name__ for one in refused} == {"TooManySignIns"}
    assert len(refused) == 60 - 16


async def test_a_session_ends_with_what_it_signed_in_with(desk: RunningDesk) -> None:
    account, password = await desk.account(Role.OPERATOR)
    browser, other = await desk.session_of(account), await desk.session_of(account)
    wanted = "quatre chevaux gris au trot"
    await browser.get("/console/own")
    for fields, problem in (
        ({"present": "wrong", "wanted": wanted, "again": wanted}, "actuel"),
        ({"present": password, "wanted": wanted, "again": "other words here"}, "diffèrent"),
        ({"present": password, "wanted": "trop court", "again": "trop court"}, "12 caractères"),
        ({"present": password, "wanted": "motdepasse123", "again": "motdepasse123"}, "se devine"),
    ):
        answer = await browser.post("/console/own/password", fields)
        assert answer.status_code == 422
        assert problem in answer.text
    before = browser.cookies[SESSION_COOKIE]
    fields = {"present": password, "wanted": wanted, "again": wanted}
    assert (await browser.post("/console/own/password", fields)).status_code == 303
    assert browser.cookies[SESSION_COOKIE] != before
    assert (await browser.get("/console/own")).status_code == 200
    assert (await other.get("/console/own")).status_code == 303

    await desk.on(desk.desk.accounts.disable(HOST, account))
    assert (await browser.get("/console/own")).headers["location"].startswith("/console/login")
    told = [row.action for row in await desk.rows(account=account.name)]
    assert told == ["own.change_password"]


async def test_sessions_are_listed_and_ended_by_their_owner_alone(desk: RunningDesk) -> None:
    mine, account = await desk.signed_in(Role.READER)
    second, third = await desk.session_of(account), await desk.session_of(account)
    stranger, _ = await desk.signed_in(Role.OWNER)
    page = await mine.get("/console/own")
    digests = re.findall(r'name="session" value="([0-9a-f]{64})"', page.text)
    assert len(digests) == 2
    await stranger.get("/console/own")
    await stranger.post("/console/own/sessions/close", {"session": digests[0]})
    assert [(await one.get("/console/own")).status_code for one in (second, third)] == [200, 200]
    await mine.post("/console/own/sessions/close", {"session": digests[0]})
    states = sorted([(await one.get("/console/own")).status_code for one in (second, third)])
    assert states == [200, 303]
    await mine.post("/console/own/sessions/close", {"session": "others"})
    assert [(await one.get("/console/own")).status_code for one in (second, third)] == [303, 303]
    assert (await mine.get("/console/own")).status_code == 200
    left = await mine.post("/console/logout")
    assert left.headers["location"] == "/console/login?done=left"
    assert SESSION_COOKIE not in mine.cookies


async def test_nothing_in_redis_opens_a_session(desk: RunningDesk) -> None:
    browser, account = await desk.signed_in()
    call = desk.desk.connection.call

    async def stored() -> bytes:
        found = b""
        for key in await call("KEYS", "*"):
            kind = await call("TYPE", key)
            read = {b"string": "GET", b"set": "SMEMBERS", b"hash": "HGETALL"}
            found += key + repr(await call(read[kind], key)).encode() if kind in read else key
        return found

    everything = await desk.on(stored())
    assert browser.cookies[SESSION_COOKIE].encode() not in everything
    assert account.name.encode() not in everything
    assert b"127.0.0.1" not in everything


async def test_the_second_factor_is_replaced_after_the_password_was_given_again(
    desk: RunningDesk,
) -> None:
    account, password = await desk.account(Role.REVIEWER)
    account, first, _ = await desk.with_second_factor(account)
    browser = await desk.session_of(account)
    assert (await browser.get("/console/own/second-factor")).headers["location"] == "/console/own"
    await browser.get("/console/own")
    assert (await browser.post("/console/own/prove", {"present": "wrong"})).status_code == 422
    await browser.post("/console/own/prove", {"present": password})
    found = SECRET.search((await browser.get("/console/own/second-factor")).text)
    assert found
    second = found[1].replace(" ", "")
    answer = await browser.post("/console/own/second-factor", {"code": code_of(second)})
    assert answer.headers["location"].startswith("/console/own/recovery-codes")
    assert len(RECOVERY.findall((await browser.get("/console/own/recovery-codes")).text)) == 10
    other = desk.browser()
    await enter(other, account.name, password)
    await other.get("/console/code")
    assert (await other.post("/console/code", {"code": code_of(first, 1)})).status_code == 401
    assert (await other.post("/console/code", {"code": code_of(second, 1)})).status_code == 303


async def test_after_signing_in_one_goes_to_a_page_of_the_desk_only(desk: RunningDesk) -> None:
    account, password = await desk.account()
    for wanted, arrives in (
        ("/console/law", "/console/law"),
        ("//evil.example/", "/console"),
        ("https://evil.example", "/console"),
        ("/console/../admin", "/console"),
        ("/console\\evil", "/console"),
    ):
        account, secret, _ = await desk.with_second_factor(account)
        browser = desk.browser()
        await browser.get("/console/login")
        fields = {"name": account.name, "password": password, "next": wanted}
        await browser.post("/console/login", fields)
        await browser.get("/console/code")
        answer = await browser.post("/console/code", {"code": code_of(secret)})
        if answer.status_code == 401:  # a step used by the round before
            answer = await browser.post("/console/code", {"code": code_of(secret, 1)})
        assert answer.headers["location"] == arrives
        await desk.redis("DEL", f"{{ai}}:console:step:{account.id}")
