"""Access tokens: asked for, kept, renewed, refused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from mail_service.access_tokens import AccessTokens
from mail_service.errors import LoginRefused, MailboxLost
from mail_service.settings import OAuthSettings
from shared.clock import SystemClock
from tests.mail_service.oauth_provider import OAuthProvider, oauth_provider

USER = "questions@neo.example"


@pytest.fixture
async def provider() -> AsyncIterator[OAuthProvider]:
    async with oauth_provider(USER) as serving:
        yield serving


def settings(provider: OAuthProvider, folder: Path, *, refresh: bool = True) -> OAuthSettings:
    (folder / "secret").write_text(f"{provider.secret}\n")
    (folder / "refresh").write_text(provider.refresh_token)
    return OAuthSettings(
        token_url=f"{provider.url}/token",
        client_id="neo",
        client_secret_file=folder / "secret",
        refresh_token_file=folder / "refresh" if refresh else None,
        scope="https://outlook.office365.com/.default",
    )


async def test_a_token_is_kept_until_shortly_before_it_ends(
    provider: OAuthProvider, tmp_path: Path
) -> None:
    clock = ElapsedClock()
    tokens = AccessTokens(settings(provider, tmp_path), clock)
    assert [await tokens.token() for _ in range(3)] == ["token-0"] * 3
    clock.elapsed += timedelta(seconds=3600 - 60).total_seconds()
    assert await tokens.token() == "token-1"
    assert provider.forms[0]["grant_type"] == "refresh_token"


async def test_an_application_asks_for_itself(provider: OAuthProvider, tmp_path: Path) -> None:
    tokens = AccessTokens(settings(provider, tmp_path, refresh=False))
    assert await tokens.token() == "token-0"
    form = provider.forms[0]
    assert (form["grant_type"], form["scope"]) == (
        "client_credentials",
        "https://outlook.office365.com/.default",
    )


async def test_a_refresh_token_that_was_replaced_is_followed(
    provider: OAuthProvider, tmp_path: Path
) -> None:
    provider.rotates = True
    tokens = AccessTokens(settings(provider, tmp_path))
    await tokens.token()
    tokens.forget()
    assert await tokens.token() == "token-1"
    assert [form["refresh_token"] for form in provider.forms] == ["first-refresh", "refresh-1"]


async def test_a_wrong_secret_or_a_missing_file_is_a_refused_login(
    provider: OAuthProvider, tmp_path: Path
) -> None:
    chosen = settings(provider, tmp_path)
    (tmp_path / "secret").write_text("another")
    with pytest.raises(LoginRefused):
        await AccessTokens(chosen).token()
    (tmp_path / "secret").unlink()
    with pytest.raises(LoginRefused):
        await AccessTokens(chosen).token()


async def test_a_provider_that_is_away_is_tried_again_later(tmp_path: Path) -> None:
    away = OAuthSettings(token_url="http://127.0.0.1:9/token", client_id="neo")  # noqa: S106
    with pytest.raises(MailboxLost):
        await AccessTokens(away).token()


class ElapsedClock(SystemClock):
    """A clock whose elapsed seconds the test sets."""

    elapsed = 0.0

    def elapsed_s(self) -> float:
        """Return what the test has set."""
        return self.elapsed
