"""Signing in with an OpenID provider: authorization code flow with PKCE (OpenID Connect Core 1.0).

Authlib builds the requests and judges the claims; joserfc verifies the signature. Of a provider's
answer only the verified ID token counts. RFC 9700 says what is checked: `state` bound to the
browser, PKCE with S256, `nonce`, the issuer in the answer (RFC 9207), algorithms from our list.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from ai_core.console.roles import Role
from ai_core.console.sign_in import Identity
from ai_core.errors import IdentityRefused, ProviderUnreachable
from ai_core.settings import ConsoleSettings
from shared.clock import Clock
from shared.settings import WrongSettings

TIMEOUT_S = 5.0
KNOWN_S = 3_600.0
LEEWAY_S = 60
MAX_BYTES = 256 * 1024
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures by a key of the provider's alone: never `none`, never HS256 with a shared secret."""
CALLBACK = "/console/openid/callback"


class Metadata(BaseModel):
    """What is used of a provider's configuration (OpenID Connect Discovery 1.0, section 3)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    authorization_response_iss_parameter_supported: bool = False
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Request(NamedTuple):
    """A sign-in that was begun: where to send the browser, and what its return is checked by."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as it was last asked, its signing keys included."""

    metadata: Metadata
    keys: KeySet
    asked_s: float


class OpenId:
    """The provider of the settings."""

    def __init__(self, settings: ConsoleSettings, client_secret: str | None, clock: Clock) -> None:
        self._settings = settings
        self._client_secret = client_secret
        self._clock = clock
        self._provider: Provider | None = None
        self._asking = asyncio.Lock()

    @property
    def return_url(self) -> str:
        """Return where the provider sends the browser back to."""
        return self._settings.oidc_url.rstrip("/") + CALLBACK

    async def begin(self) -> Request:
        """Return the address of the provider's page and what to remember. Raises
        ProviderUnreachable.
        """
        provider = await self._known()
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(48)
        async with self._client(provider.metadata) as client:
            url, _ = client.create_authorization_url(
                provider.metadata.authorization_endpoint,
                state=state,
                code_verifier=verifier,
                nonce=nonce,
            )
        return Request(str(url), state, nonce, verifier)

    async def finish(self, begun: Request | None, answer: Mapping[str, str]) -> Identity:
        """Return whom the provider's answer (the query of our callback) proves.

        `begun` is what this browser began, None when it began nothing. Raises
        IdentityRefused, ProviderUnreachable.
        """
        if begun is None:
            raise IdentityRefused("nothing was begun in this browser")
        provider = await self._known()
        if not secrets.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise IdentityRefused("another state")
        self._check_issuer(provider.metadata, answer)
        code = answer.get("code")
        if not code:
            raise IdentityRefused("no code")
        token = await self._exchange(provider.metadata, code, begun.verifier)
        claims = await self._verified(provider, token, begun.nonce)
        return self._identity(claims)

    @staticmethod
    def _check_issuer(metadata: Metadata, answer: Mapping[str, str]) -> None:
        """Raise IdentityRefused when another provider answered (RFC 9207)."""
        named = answer.get("iss")
        if named is None and not metadata.authorization_response_iss_parameter_supported:
            return
        if named != metadata.issuer:
            raise IdentityRefused("another issuer answered")

    async def _exchange(self, metadata: Metadata, code: str, verifier: str) -> Mapping[str, Any]:
        try:
            async with self._client(metadata) as client:
                token = await client.fetch_token(
                    metadata.token_endpoint, code=code, code_verifier=verifier
                )
        except OAuthError as error:
            raise IdentityRefused("the provider refused the code") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise ProviderUnreachable(type(error).__name__) from error
        if not isinstance(token.get("id_token"), str):
            raise IdentityRefused("no ID token")
        return dict(token)

    async def _verified(
        self, provider: Provider, token: Mapping[str, Any], nonce: str
    ) -> Mapping[str, Any]:
        """Return the claims of an ID token. A key that is not known is asked for once."""
        try:
            decoded = jwt.decode(token["id_token"], provider.keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            provider = await self._ask()
            try:
                decoded = jwt.decode(token["id_token"], provider.keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError) as error:
                raise IdentityRefused("the ID token's signature") from error
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": provider.metadata.issuer},
                "aud": {"essential": True, "value": self._settings.oidc_client_id},
                "exp": {"essential": True},
                "iat": {"essential": True},
                "sub": {"essential": True},
            },
            params={
                "nonce": nonce,
                "client_id": self._settings.oidc_client_id,
                "access_token": token.get("access_token"),
            },
        )
        try:
            claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY_S)
        except (JoseError, ValueError) as error:
            raise IdentityRefused(f"the ID token's claims: {type(error).__name__}") from error
        return dict(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        role = self._role(claims.get(self._settings.oidc_claim))
        if role is None:
            raise IdentityRefused("no claim gives a role")
        name = claims.get("preferred_username") or claims.get("email")
        if not isinstance(name, str):
            raise IdentityRefused("no name")
        return Identity(str(claims["iss"]), str(claims["sub"]), name, role)

    def _role(self, told: object) -> Role | None:
        """Return the most trusted role that a claim gives: a text, or a list of texts."""
        values: Sequence[object] = told if isinstance(told, list) else [told]
        given = {self._settings.oidc_roles.get(one) for one in values if isinstance(one, str)}
        return next((role for role in Role if role in given), None)

    async def _known(self) -> Provider:
        async with self._asking:
            known = self._provider
            if known and self._clock.elapsed_s() - known.asked_s < KNOWN_S:
                return known
            return await self._ask()

    async def _ask(self) -> Provider:
        """Ask the provider for its configuration and its keys."""
        issuer = self._settings.oidc_issuer
        address = issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
                metadata = Metadata.model_validate(await _document(client, address))
                if metadata.issuer != issuer:
                    raise ProviderUnreachable("the configuration is another issuer's")
                for url in (
                    *(metadata.authorization_endpoint, metadata.token_endpoint),
                    metadata.jwks_uri,
                ):
                    if not secure(url):
                        raise ProviderUnreachable("an endpoint is not https")
                keys = KeySet.import_key_set(await _document(client, metadata.jwks_uri))
        except (httpx2.HTTPError, ValidationError, ValueError, JoseError) as error:
            raise ProviderUnreachable(type(error).__name__) from error
        self._provider = Provider(metadata, keys, self._clock.elapsed_s())
        return self._provider

    def _client(self, metadata: Metadata) -> AsyncOAuth2Client:
        methods = metadata.token_endpoint_auth_methods_supported
        basic = "client_secret_basic" in methods
        method = "client_secret_basic" if basic else "client_secret_post"
        return AsyncOAuth2Client(
            client_id=self._settings.oidc_client_id,
            client_secret=self._client_secret,
            token_endpoint_auth_method=method if self._client_secret else "none",
            scope=self._settings.oidc_scopes,
            redirect_uri=self.return_url,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )


async def _document(client: httpx2.AsyncClient, url: str) -> Any:
    """Return a JSON document of bounded size."""
    async with client.stream("GET", url) as response:
        response.raise_for_status()
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_BYTES:
                raise ValueError("too large")
    return httpx2.Response(200, content=body).json()


def secure(url: str) -> bool:
    """Whether an address is https, or on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return True
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def read_openid(settings: ConsoleSettings, clock: Clock) -> OpenId | None:
    """Return the provider of the settings, None without one. Blocks on the disk.

    Raises WrongSettings when a setting it needs is missing.
    """
    if not settings.oidc_issuer:
        return None
    for name in ("oidc_client_id", "oidc_url", "oidc_roles"):
        if not getattr(settings, name):
            raise WrongSettings(f"AI_CORE_CONSOLE__{name.upper()} is needed with OIDC_ISSUER")
    if not (secure(settings.oidc_issuer) and secure(settings.oidc_url)):
        raise WrongSettings("AI_CORE_CONSOLE__OIDC_ISSUER and OIDC_URL must be https")
    return OpenId(settings, _secret(settings.oidc_client_secret_file), clock)


def _secret(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WrongSettings(f"AI_CORE_CONSOLE__OIDC_CLIENT_SECRET_FILE: {error}") from None
