"""Signing in with an OpenID provider as strict as the specifications, and with one that lies."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from ai_core.api.console.visit import SESSION_COOKIE
from ai_core.console.openid import read_openid, secure
from ai_core.console.roles import Role
from ai_core.law.corpus import Corpus
from ai_core.settings import ConsoleSettings
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from shared.settings import WrongSettings
from tests.ai_core.console.conftest import Browser, RunningDesk, in_thread, running_desk
from tests.servers.openid_provider import CLIENT, CLIENT_KEY, Provider

pytestmark = pytest.mark.slow

CALLBACK = "/console/openid/callback"
OPENID_COOKIE = "__Host-console-openid"
FLAWS = (
    *("state", "mixed up", "silent issuer", "no ID token", "nonce", "audience", "party"),
    *("issuer", "expired", "future", "subject", "unsigned", "shared key", "other key"),
    *("other kind",),
)


@dataclass
class House:
    """A desk and the provider it believes."""

    desk: RunningDesk
    provider: Provider

    async def arrive(self, browser: Browser, **person: Any) -> httpx2.Response:
        """Sign in as that person at the provider, and come back from it."""
        self.provider.person = person
        begun = await browser.get("/console/openid")
        assert begun.status_code == 303, begun.text
        async with httpx2.AsyncClient() as client:
            sent = await client.get(begun.headers["location"])
        assert sent.status_code == 302, sent.text
        query = sent.headers["location"].partition("?")[2]
        return await browser.get(f"{CALLBACK}?{query}")


@pytest.fixture(scope="module")
def house(
    postgres_server: PostgresServer,
    desk_redis: RedisServer,
    sample: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    provider = Provider()
    folder = tmp_path_factory.mktemp("openid")
    secret = folder / "client_secret"
    secret.write_text(CLIENT_KEY + "\n")
    with in_thread(provider.app()) as issuer:
        provider.issuer = issuer
        settings: dict[str, Any] = {
            "oidc_issuer": issuer,
            "oidc_name": "the office",
            "oidc_client_id": CLIENT,
            "oidc_client_secret_file": secret,
            "oidc_url": "http://127.0.0.1:1",
            "oidc_roles": {"neo-owners": "owner", "neo-editors": "editor", "neo-all": "reader"},
        }
        provider.redirect_uri = f"http://127.0.0.1:1{CALLBACK}"
        with running_desk(postgres_server, desk_redis, sample, folder, **settings) as desk:
            yield House(desk, provider)


@pytest.fixture(autouse=True)
def honest(house: House) -> Iterator[None]:
    yield
    house.provider.flaw = ""


async def test_an_account_is_made_at_the_first_sign_in_with_the_role_of_its_claims(
    house: House,
) -> None:
    browser = house.desk.browser()
    assert "Sign in with the office" in (await browser.get("/console/login")).text
    person = {"sub": "u-1", "preferred_username": "Ada@example.org"}
    page = await house.arrive(browser, **person, groups=["neo-all", "neo-editors", "staff"])
    assert page.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/console"' in page.text
    assert OPENID_COOKIE not in browser.cookies
    account = await house.desk.on(house.desk.desk.accounts.accounts.by_name("ada@example.org"))
    assert (account.role, account.password_hash) == (Role.EDITOR, None)
    assert (await browser.get("/console/own")).status_code == 200
    assert (await browser.get("/console/accounts")).status_code == 403

    again = house.desk.browser()
    await house.arrive(again, **person, groups="neo-owners")  # one group, as a text
    assert (await again.get("/console/accounts")).status_code == 200
    assert (await browser.get("/console/accounts")).status_code == 200  # the same account
    told = [row.action for row in await house.desk.rows(account="ada@example.org")]
    assert told == ["sign_in.accept", "accounts.set_role", "sign_in.accept", "accounts.add"]
    assert not house.provider.refused


async def test_who_has_no_role_or_another_s_name_is_refused(house: House) -> None:
    account, _ = await house.desk.account(Role.OWNER, "taken")
    for person in (
        {"sub": "u-2", "preferred_username": "bob", "groups": ["staff"]},
        {"sub": "u-2", "preferred_username": "bob"},
        {"sub": "u-2", "preferred_username": "bob", "groups": {"neo-owners": True}},
        {"sub": "u-2", "preferred_username": account.name, "groups": ["neo-owners"]},
        {"sub": "u-2", "preferred_username": "not a name", "groups": ["neo-owners"]},
        {"sub": "u-2", "groups": ["neo-owners"]},
    ):
        browser = house.desk.browser()
        answer = await house.arrive(browser, **person)
        assert (answer.status_code, SESSION_COOKIE in browser.cookies) == (401, False)
        assert 'data-code="identity_refused"' in answer.text
    row = (await house.desk.rows(subject="sign_in"))[0]
    assert (row.action, row.account_name) == ("sign_in.refuse", "")


async def test_a_disabled_account_stays_out(house: House) -> None:
    person = {"sub": "u-3", "preferred_username": "carol", "groups": ["neo-all"]}
    browser = house.desk.browser()
    await house.arrive(browser, **person)
    account = await house.desk.on(house.desk.desk.accounts.accounts.by_name("carol"))
    owner, _ = await house.desk.signed_in(Role.OWNER)
    await owner.get(f"/console/accounts/{account.id}")
    await owner.post(f"/console/accounts/{account.id}/disable")
    assert (await browser.get("/console/own")).status_code == 303
    assert (await house.arrive(house.desk.browser(), **person)).status_code == 401


async def test_a_provider_that_lies_is_not_believed(house: House, subtests: Any) -> None:
    person = {"sub": "u-4", "preferred_username": "dan", "groups": ["neo-owners"]}
    for flaw in FLAWS:
        with subtests.test(flaw):
            house.provider.flaw = flaw
            browser = house.desk.browser()
            answer = await house.arrive(browser, **person)
            assert (answer.status_code, SESSION_COOKIE in browser.cookies) == (401, False)
    assert await house.desk.on(house.desk.desk.accounts.accounts.by_name("dan")) is None


async def test_an_answer_counts_once_and_in_the_browser_that_asked(house: House) -> None:
    house.provider.person = {"sub": "u-5", "preferred_username": "eve", "groups": ["neo-all"]}
    victim, thief = house.desk.browser(), house.desk.browser()
    begun = await thief.get("/console/openid")
    async with httpx2.AsyncClient() as client:
        sent = await client.get(begun.headers["location"])
    query = sent.headers["location"].partition("?")[2]
    # Login CSRF: the thief's answer in the victim's browser.
    assert (await victim.get(f"{CALLBACK}?{query}")).status_code == 401
    await victim.get("/console/openid")
    assert (await victim.get(f"{CALLBACK}?{query}")).status_code == 401
    cookies = dict(thief.cookies)
    assert (await thief.get(f"{CALLBACK}?{query}")).status_code == 200
    thief.cookies = cookies
    assert (await thief.get(f"{CALLBACK}?{query}")).status_code == 401
    assert (await victim.get(f"{CALLBACK}?error=access_denied")).status_code == 401


async def test_new_signing_keys_of_the_provider_are_fetched(house: House) -> None:
    from joserfc.jwk import RSAKey

    house.provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    person = {"sub": "u-6", "preferred_username": "fay", "groups": ["neo-all"]}
    assert (await house.arrive(house.desk.browser(), **person)).status_code == 200


def test_the_settings_of_a_provider_are_checked() -> None:
    whole = {
        "oidc_issuer": "https://id.example.org",
        "oidc_client_id": "neo",
        "oidc_url": "https://neo.example.org",
        "oidc_roles": {"a": "owner"},
    }
    clock = SystemClock()
    assert read_openid(ConsoleSettings(), clock) is None
    assert read_openid(ConsoleSettings.model_validate(whole), clock)
    for name in ("oidc_client_id", "oidc_url", "oidc_roles"):
        part = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(WrongSettings, match=name.upper()):
            read_openid(ConsoleSettings.model_validate(part), clock)
    with pytest.raises(WrongSettings, match="https"):
        read_openid(
            ConsoleSettings.model_validate(whole | {"oidc_issuer": "http://id.example.org"}), clock
        )
    assert secure("http://127.0.0.1:9")
    assert not secure("http://127.0.0.1.evil.example")
    assert not secure("ftp://127.0.0.1")
