"""Access tokens for mailboxes that take no password: Microsoft 365 and Gmail (OAuth 2.0, RFC 6749).

A token is asked for with a refresh token, or as the application itself (client credentials), kept
until shortly before it ends, and presented as XOAUTH2. Secrets are read from files each time, so
that a rotated one needs no restart.
"""

import asyncio
from pathlib import Path

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson

from mail_service.errors import LoginRefused, MailboxLost
from mail_service.settings import OAuthSettings
from shared.clock import Clock, SystemClock

TIMEOUT_S = 15.0
RENEWED_BEFORE_END_S = 120.0
DEFAULT_LIFE_S = 600.0
RETRY_AFTER_S = 30.0


class AccessTokens:
    """The access tokens of one account."""

    def __init__(self, settings: OAuthSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._token, self._until_s = "", 0.0
        self._refresh_token = ""
        """The newest one, where the provider gives another with each token."""
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is valid for a while.

        Raises LoginRefused when the provider refuses our credentials, MailboxLost when it does not
        answer.
        """
        async with self._asking:
            if not self._token or self._clock.elapsed_s() >= self._until_s:
                await self._renew()
            return self._token

    def forget(self) -> None:
        """Ask for another token next time: the server has refused this one."""
        self._token = ""

    async def _renew(self) -> None:
        form = await asyncio.to_thread(self._form)
        client = await asyncio.to_thread(_client)
        try:
            async with client as http:
                response = await http.post(self._settings.token_url, data=form)
        except httpx2.HTTPError as error:
            raise MailboxLost(type(error).__name__, retry_after_s=RETRY_AFTER_S) from error
        if response.status_code in {400, 401, 403}:
            raise LoginRefused
        try:
            answer = orjson.loads(response.content)
            token, life_s = answer["access_token"], float(answer.get("expires_in", DEFAULT_LIFE_S))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise MailboxLost("no access token", retry_after_s=RETRY_AFTER_S) from error
        if not isinstance(token, str) or not token.isascii():
            raise MailboxLost("no access token", retry_after_s=RETRY_AFTER_S)
        self._token = token
        self._until_s = self._clock.elapsed_s() + max(0.0, life_s - RENEWED_BEFORE_END_S)
        if isinstance(newer := answer.get("refresh_token"), str):
            self._refresh_token = newer

    def _form(self) -> dict[str, str]:
        settings = self._settings
        form = {"client_id": settings.client_id}
        if settings.client_secret_file:
            form["client_secret"] = _secret(settings.client_secret_file)
        if settings.scope:
            form["scope"] = settings.scope
        if settings.refresh_token_file is None:
            return {**form, "grant_type": "client_credentials"}
        refresh_token = self._refresh_token or _secret(settings.refresh_token_file)
        return {**form, "grant_type": "refresh_token", "refresh_token": refresh_token}


def _client() -> httpx2.AsyncClient:
    """Return a client. It reads certificates: not in the event loop."""
    return httpx2.AsyncClient(timeout=TIMEOUT_S)


def _secret(path: Path) -> str:
    """Return a secret from its file. Raises LoginRefused when there is none."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LoginRefused(path.name) from error


def access_tokens_of(settings: OAuthSettings) -> AccessTokens | None:
    """Return the tokens of an account; None where it logs in with a password."""
    return AccessTokens(settings) if settings.token_url else None
