"""A provider of access tokens (RFC 6749) that also says whether one is good (RFC 7662)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.servers.loopback import served


@dataclass
class OAuthProvider:
    """Gives tokens to who knows the secret; `url` is where it is served."""

    user: str
    secret: str = "s3cret"  # noqa: S105 - a made-up one
    refresh_token: str = "first-refresh"  # noqa: S105 - a made-up one
    life_s: int = 3600
    rotates: bool = False
    url: str = ""
    given: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)

    async def token(self, request: Request) -> JSONResponse:
        """Answer a token request."""
        form = dict(parse_qsl((await request.body()).decode()))
        self.forms.append(form)
        if form.get("client_secret") != self.secret:
            return JSONResponse({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh_token:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.given.append(f"token-{len(self.given)}")
        answer = {"access_token": self.given[-1], "expires_in": self.life_s}
        if self.rotates:
            self.refresh_token = answer["refresh_token"] = f"refresh-{len(self.given)}"
        return JSONResponse(answer)

    async def introspect(self, request: Request) -> JSONResponse:
        """Answer a mail server that asks about a token."""
        token = dict(parse_qsl((await request.body()).decode())).get("token", "")
        active = token in self.given and token not in self.revoked
        return JSONResponse({"active": active, "username": self.user})


@asynccontextmanager
async def oauth_provider(user: str) -> AsyncIterator[OAuthProvider]:
    """Serve a provider."""
    provider = OAuthProvider(user)
    routes = [
        Route("/token", provider.token, methods=["POST"]),
        Route("/introspect", provider.introspect, methods=["POST"]),
    ]
    async with served(Starlette(routes=routes)) as url:
        provider.url = url
        yield provider
