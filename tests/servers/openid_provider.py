"""An OpenID provider on loopback that refuses what the specifications let it refuse.

OpenID Connect Core 1.0, RFC 6749, RFC 7636 (S256 only), RFC 9207. `flaw` makes it lie in
one way, to see that its client notices.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = "neo-console"
CLIENT_KEY = "a secret of the client's own"
Claims = dict[str, Any]


@dataclass
class Provider:
    """The provider: who is signed in at it, and which requests it has refused."""

    issuer: str = ""
    redirect_uri: str = ""
    person: Claims = field(default_factory=dict)
    flaw: str = ""
    refused: list[str] = field(default_factory=list)
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/jwks", self.jwks),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
            ]
        )

    async def configuration(self, _request: Request) -> Response:
        issuer = "https://elsewhere.example" if self.flaw == "configuration" else self.issuer
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def jwks(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        wrong = [
            name
            for name, right in {
                "response_type": asked.get("response_type") == "code",
                "client_id": asked.get("client_id") == CLIENT,
                "redirect_uri": asked.get("redirect_uri") == self.redirect_uri,
                "scope": "openid" in asked.get("scope", "").split(),
                "state": len(asked.get("state", "")) >= 32,
                "nonce": len(asked.get("nonce", "")) >= 32,
                "code_challenge": len(asked.get("code_challenge", "")) == 43,
                "code_challenge_method": asked.get("code_challenge_method") == "S256",
            }.items()
            if not right
        ]
        if wrong:
            return self._refuse(f"authorize: {', '.join(wrong)}")
        code = secrets.token_urlsafe(24)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        if self.flaw == "state":
            answer["state"] = "another"
        if self.flaw == "mixed up":
            answer["iss"] = "https://elsewhere.example"
        if self.flaw == "silent issuer":
            del answer["iss"]
        return RedirectResponse(f"{self.redirect_uri}?{urlencode(answer)}", 302)

    async def token(self, request: Request) -> Response:
        form = dict(await request.form())
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{CLIENT_KEY}".encode()).decode()
        if request.headers.get("authorization") != basic:
            return self._refuse("token: client authentication", 401)
        asked = self.codes.pop(str(form.get("code")), None)
        if asked is None:
            return self._refuse("token: code")
        verifier = str(form.get("code_verifier", ""))
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not 43 <= len(verifier) <= 128 or challenge != asked["code_challenge"]:
            return self._refuse("token: code_verifier")
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return self._refuse("token: redirect_uri")
        if form.get("grant_type") != "authorization_code":
            return self._refuse("token: grant_type")
        token = {"access_token": secrets.token_urlsafe(24), "token_type": "Bearer"}
        if self.flaw != "no ID token":
            token["id_token"] = self.id_token(asked["nonce"])
        return JSONResponse(token, headers={"Cache-Control": "no-store"})

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims: Claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": nonce, **self.person}
        lies: dict[str, Claims] = {
            "nonce": {"nonce": "another"},
            "audience": {"aud": "another-client"},
            "party": {"aud": [CLIENT, "other"], "azp": "other"},
            "issuer": {"iss": "https://elsewhere.example"},
            "expired": {"iat": now - 7_200, "exp": now - 3_600},
            "future": {"iat": now + 7_200, "exp": now + 7_300},
        }
        claims |= lies.get(self.flaw, {})
        if self.flaw == "subject":
            del claims["sub"]
        sign: Callable[[], str] = {
            "unsigned": lambda: _unsigned(claims),
            "shared key": lambda: _signed("HS256", claims, OctKey.import_key(CLIENT_KEY * 3)),
            "other key": lambda: _signed(
                "RS256", claims, RSAKey.generate_key(2048, {"kid": "one"})
            ),
            "other kind": lambda: _signed("ES256", claims, ECKey.generate_key("P-256")),
        }.get(self.flaw, lambda: _signed("RS256", claims, self.key))
        return sign()

    def _refuse(self, reason: str, status: int = 400) -> Response:
        self.refused.append(reason)
        return JSONResponse({"error": "invalid_request"}, status)


def _signed(algorithm: str, claims: Claims, key: Any) -> str:
    return str(jwt.encode({"alg": algorithm, "kid": "one"}, claims, key, algorithms=[algorithm]))


def _unsigned(claims: Claims) -> str:

    parts = (orjson.dumps({"alg": "none"}), orjson.dumps(claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
