"""Static files of a web page, served from memory with strict security headers, compressed."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".xml": "application/xml",
}
POLICY: Mapping[str, str] = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
)
"""https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/: nothing is loaded from
another host, and as no policy can be created, no script can turn a text into markup."""


def security_headers(policy: Mapping[str, str] = POLICY) -> dict[str, str]:
    """Return the security headers of a page under a content security policy."""
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


SECURITY = security_headers()


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file of a page, in memory; `etag` is a hash of its bytes.

    `compressed` are the same bytes by gzip, None where that saves nothing.
    """

    body: bytes
    media_type: str
    etag: str
    compressed: bytes | None = None

    @classmethod
    def of(cls, body: bytes, suffix: str) -> "WebFile":
        """Return the file with these bytes; `suffix` is that of its name."""
        smaller = gzip.compress(body, mtime=0)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        kept = smaller if len(smaller) < len(body) else None
        return cls(body, MEDIA_TYPES[suffix], etag, kept)

    def answer(
        self, request: Request, cache_control: str, security: Mapping[str, str] = SECURITY
    ) -> Response:
        """Return the file, or 304 when the client has this version (RFC 9110, 13.1.2).

        Each encoding has an ETag of its own (RFC 9110, 8.8.3.3).
        """
        body, etag, encoding = self._encoded(request.headers.get("accept-encoding", ""))
        headers = {
            **security,
            **encoding,
            "Cache-Control": cache_control,
            "ETag": etag,
            "Vary": "Accept-Encoding",
        }
        held = request.headers.get("if-none-match", "").replace("W/", "")
        if etag in (tag.strip() for tag in held.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=self.media_type)

    def _encoded(self, accepted: str) -> tuple[bytes, str, dict[str, str]]:
        if self.compressed is None or not _takes_gzip(accepted):
            return self.body, self.etag, {}
        return self.compressed, f'{self.etag[:-1]}-gzip"', {"Content-Encoding": "gzip"}


def _takes_gzip(accepted: str) -> bool:
    """Tell whether an Accept-Encoding names gzip, and not with the weight 0."""
    for one in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        if name == "gzip":
            return not any(re.fullmatch(r"q=0(\.0*)?", part) for part in parameters)
    return False


def serve(
    router: APIRouter,
    path: str,
    file: WebFile,
    cache_control: str = "no-cache",
    security: Mapping[str, str] = SECURITY,
) -> None:
    """Serve a file at `path`; such routes are not part of the API."""

    async def answer(request: Request) -> Response:
        return file.answer(request, cache_control, security)

    router.add_route(path, answer, methods=["GET", "HEAD"], include_in_schema=False)
