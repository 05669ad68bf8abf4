"""The Cloud API over HTTP: messages, media and the number, under `/{version}/…`."""

import asyncio
import email
import email.policy
import hashlib
import secrets
from dataclasses import dataclass

import httpx2
import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.delivery import WebhookDelivery
from telegram_service.emulators.whatsapp.errors import GraphError, JsonObject
from telegram_service.emulators.whatsapp.people import BUSINESS_NUMBER, contact

URL_S = 300.0
"""media: the address of a file is good for 5 minutes."""
MAX_UPLOAD_BYTES = {"audio": 16 << 20, "video": 16 << 20, "image": 5 << 20, "document": 100 << 20}
"""media, supported types: bytes by kind of file."""
DOCUMENT_TYPES = {
    "text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}  # fmt: skip
OTHER_TYPES = {"image/jpeg", "image/png", "audio/ogg", "audio/mpeg", "audio/mp4", "video/mp4"}


@dataclass(frozen=True)
class Address:
    """Where a file may be fetched, until a moment on Meta's side."""

    media_id: str
    until_s: float


class CloudApi:
    """The API of one phone number, over an account and its delivery.

    `latency_s` is Meta's own. The next `lost_replies` messages are accepted and never answered, the
    next `broken_calls` calls are answered by a 503. `files_at` is where files are said to be.
    """

    def __init__(
        self, account: Account, token: str, app_secret: str, latency_s: float = 0.0
    ) -> None:
        self.account = account
        self.delivery = WebhookDelivery(account, app_secret)
        self.token = token
        self.latency_s = latency_s
        self.lost_replies = self.broken_calls = 0
        self.files_at = ""
        self._addresses: dict[str, Address] = {}

    @property
    def app(self) -> Starlette:
        """Return the ASGI application."""
        number = f"/{{version}}/{self.account.phone_number_id}"
        return Starlette(
            routes=[
                Route(f"{number}/messages", self._messages, methods=["POST"]),
                Route(f"{number}/media", self._upload, methods=["POST"]),
                Route("/attachments/{address}", self._download),
                Route("/emulator/say", self._say, methods=["POST"]),
                Route("/emulator/messages/{number:int}", self._written),
                Route("/{version}/{node}", self._node),
                Route("/{version}/{node}/{edge}", self._nowhere, methods=["GET", "POST"]),
            ],
            exception_handlers={GraphError: refusal},
        )

    async def set_webhook(self, url: str, verify_token: str) -> None:
        """Verify an address with a challenge, then deliver there. Raises GraphError."""
        challenge = str(secrets.randbelow(10**10))
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": verify_token,
        }
        async with httpx2.AsyncClient(timeout=10) as http:
            response = await http.get(url, params=query)
        if response.status_code != 200 or response.text != challenge:
            raise GraphError(100, "The callback URL or verify token couldn't be validated.")
        self.delivery.url = url

    async def _messages(self, request: Request) -> Response:
        self._authorize(request)
        try:
            body = orjson.loads(await request.body())
        except ClientDisconnect:
            return Response(status_code=499)
        except orjson.JSONDecodeError as error:
            raise GraphError(100, "The request is not JSON") from error
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if self.broken_calls:
            self.broken_calls -= 1
            raise self.account.refused(GraphError(2))
        if body.get("status") == "read":
            self.account.mark_read(body)
            return JSONResponse({"success": True})
        sent = self.account.send(body)
        if self.lost_replies:
            self.lost_replies -= 1
            await asyncio.sleep(60)
        who = self.account.people.get(sent.number)
        reply: JsonObject = {"input": body.get("to") or body.get("recipient")}
        if who is None or not who.hidden:
            reply["wa_id"] = sent.number
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "contacts": [reply],
                "messages": [{"id": sent.id}],
            }
        )

    async def _upload(self, request: Request) -> Response:
        self._authorize(request)
        fields = read_multipart(request.headers.get("content-type", ""), await request.body())
        kind, content = fields.get("type", b"").decode(), fields.get("file")
        if fields.get("messaging_product") != b"whatsapp" or content is None:
            raise GraphError(100, "file, type and messaging_product are required")
        if kind not in DOCUMENT_TYPES | OTHER_TYPES:
            raise GraphError(100, f"Received file of type '{kind}'")
        family = "document" if kind in DOCUMENT_TYPES else kind.partition("/")[0]
        if not content or len(content) > MAX_UPLOAD_BYTES[family]:
            raise GraphError(131053, "The file is empty or too large")
        return JSONResponse({"id": self.account.store(content, kind)})

    async def _node(self, request: Request) -> Response:
        self._authorize(request)
        node = request.path_params["node"]
        if node == self.account.phone_number_id:
            return JSONResponse({"display_phone_number": BUSINESS_NUMBER, "id": node})
        media = self.account.media.get(node)
        asked_for = request.query_params.get("phone_number_id", self.account.phone_number_id)
        if media is None or asked_for != self.account.phone_number_id:
            raise GraphError(100, f"Object with ID '{node}' does not exist")
        address = secrets.token_urlsafe(16)
        self._addresses[address] = Address(node, self.account.now_s() + URL_S)
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "url": self.files_at
                or str(request.url.replace(path=f"/attachments/{address}", query="")),
                "mime_type": media.mime_type,
                "sha256": hashlib.sha256(media.content).hexdigest(),
                "file_size": len(media.content),
                "id": node,
            }
        )

    async def _download(self, request: Request) -> Response:
        self._authorize(request)
        address = self._addresses.get(request.path_params["address"])
        if address is None or self.account.now_s() > address.until_s:
            return Response(status_code=404)
        media = self.account.media[address.media_id]
        return Response(media.content, media_type=media.mime_type)

    async def _nowhere(self, request: Request) -> Response:
        self._authorize(request)
        raise GraphError(33, "Unsupported request: the object does not exist")

    def _authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise self.account.refused(GraphError(190))

    async def _say(self, request: Request) -> Response:
        message = orjson.loads(await request.body())
        return JSONResponse(self.account.say(int(message["person"]), message["text"]))

    async def _written(self, request: Request) -> Response:
        person = contact(request.path_params["number"])
        return JSONResponse([sent.body for sent in self.account.written(person)])


async def refusal(_request: Request, error: Exception) -> Response:
    """Return an error response of the Graph API."""
    assert isinstance(error, GraphError)  # noqa: S101 - registered for this class
    return JSONResponse(error.body, error.status)


def read_multipart(kind: str, body: bytes) -> dict[str, bytes]:
    """Return the fields of a multipart form."""
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    fields = {}
    for part in form.iter_parts():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            fields[str(part.get_param("name", header="content-disposition"))] = content
    return fields
