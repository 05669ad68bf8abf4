"""The Messaging API over HTTP: `/v2/bot/…`, both of api.line.me and of api-data.line.me."""

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telegram_service.emulators.line.account import (
    BOT_BASIC_ID,
    BOT_ID,
    BOT_NAME,
    Account,
    Call,
    JsonObject,
    user_id,
)
from telegram_service.emulators.line.checks import check_messages
from telegram_service.emulators.line.delivery import TIMEOUT_S, EventDelivery
from telegram_service.emulators.line.errors import LineError

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_ENDPOINT = 500
RETRY_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
UNAUTHORIZED = (
    "Authentication failed. Confirm that the access token in the authorization header is valid."
)

Answer = Callable[[Request, JsonObject], Awaitable[tuple[int, object]]]


class MessagingApi:
    """The calls, over an account and its delivery; `latency_s` is LINE's own.

    `lost` names paths whose next response is swallowed after the call took effect.
    """

    def __init__(self, account: Account, secret: str, token: str, latency_s: float = 0.0) -> None:
        self.account = account
        self.delivery = EventDelivery(account, secret)
        self.token = token
        self.latency_s = latency_s
        self.lost: list[str] = []

    @property
    def app(self) -> Starlette:
        """Return the ASGI application."""
        message, group = "/v2/bot/message", "/v2/bot/group/{chat}"
        webhook = "/v2/bot/channel/webhook"
        return Starlette(
            routes=[
                self._route(f"{message}/reply", "POST", self._reply),
                self._route(f"{message}/push", "POST", self._push),
                self._route(f"{message}/quota", "GET", self._quota),
                self._route(f"{message}/quota/consumption", "GET", self._consumption),
                self._route("/v2/bot/chat/loading/start", "POST", self._load),
                self._route("/v2/bot/info", "GET", self._info),
                self._route("/v2/bot/profile/{person}", "GET", self._profile),
                self._route(f"{group}/summary", "GET", self._summary),
                self._route(f"{group}/member/{{person}}", "GET", self._member),
                self._route("/v2/bot/room/{chat}/member/{person}", "GET", self._member),
                self._route(f"{webhook}/endpoint", "PUT", self._set_webhook),
                self._route(f"{webhook}/endpoint", "GET", self._get_webhook),
                self._route(f"{webhook}/test", "POST", self._test_webhook),
                self._route(f"{message}/{{number}}/content", "GET", self._content),
                self._route(f"{message}/{{number}}/content/transcoding", "GET", self._transcoding),
                Route("/emulator/say", self._say, methods=["POST"]),
                Route("/emulator/messages/{chat}", self._written),
            ]
        )

    def _route(self, path: str, method: str, answer: Answer) -> Route:
        async def call(request: Request) -> Response:
            return await self._call(request, answer)

        return Route(path, call, methods=[method])

    async def _call(self, request: Request, answer: Answer) -> Response:
        headers = {"X-Line-Request-Id": secrets.token_hex(16)}
        fields: JsonObject = {}
        try:
            self._authenticate(request)
            self.account.check_rate()
            fields = await read_body(request)
            status, body = await answer(request, fields)
            if isinstance(body, bytes):
                response = Response(body, status, headers, "application/octet-stream")
            else:
                response = JSONResponse(body, status, headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except LineError as refused:
            response = JSONResponse(refused.body, refused.status, {**headers, **refused.headers})
        path, chat = request.url.path, str(fields.get("to") or fields.get("chatId") or "")
        call = Call(time.monotonic(), request.method, path, chat, response.status_code)
        self.account.calls.append(call)
        if self.latency_s:  # what was asked is done: who hangs up meanwhile does not know it
            await asyncio.sleep(self.latency_s)
        if path in self.lost:
            self.lost.remove(path)
            return JSONResponse({"message": "Internal Server Error"}, 500, headers)
        return response

    def _authenticate(self, request: Request) -> None:
        sent = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(sent, f"Bearer {self.token}".encode()):
            raise LineError(401, UNAUTHORIZED)

    async def _reply(self, _request: Request, fields: JsonObject) -> tuple[int, object]:
        check_messages(fields.get("messages"))
        sent = self.account.reply(str(fields.get("replyToken")), fields["messages"])
        return 200, {"sentMessages": sent}

    async def _push(self, request: Request, fields: JsonObject) -> tuple[int, object]:
        check_messages(fields.get("messages"))
        chat, messages = str(fields.get("to")), fields["messages"]
        key = request.headers.get("x-line-retry-key")
        if key is None:
            return 200, {"sentMessages": self.account.push(chat, messages)}
        if not RETRY_KEY.fullmatch(key):
            raise LineError(400, "The retry key is invalid")
        return 200, {"sentMessages": self.account.push_once(key.lower(), chat, messages)}

    async def _quota(self, _request: Request, _fields: JsonObject) -> tuple[int, object]:
        limit = self.account.quota
        return 200, {"type": "none"} if limit is None else {"type": "limited", "value": limit}

    async def _consumption(self, _request: Request, _fields: JsonObject) -> tuple[int, object]:
        return 200, {"totalUsage": self.account.pushed}

    async def _load(self, _request: Request, fields: JsonObject) -> tuple[int, object]:
        self.account.load(str(fields.get("chatId")), int(fields.get("loadingSeconds", 20)))
        return 202, {}

    async def _info(self, _request: Request, _fields: JsonObject) -> tuple[int, object]:
        return 200, {
            "userId": BOT_ID,
            "basicId": BOT_BASIC_ID,
            "displayName": BOT_NAME,
            "chatMode": "bot",
            "markAsReadMode": "auto",
        }

    async def _profile(self, request: Request, _fields: JsonObject) -> tuple[int, object]:
        return 200, self.account.profile(request.path_params["person"])

    async def _summary(self, request: Request, _fields: JsonObject) -> tuple[int, object]:
        chat = request.path_params["chat"]
        if chat not in self.account.members or chat in self.account.left:
            raise LineError(404, "Not found")
        return 200, {"groupId": chat, "groupName": f"Groupe {chat[-4:]}"}

    async def _member(self, request: Request, _fields: JsonObject) -> tuple[int, object]:
        chat, person = request.path_params["chat"], request.path_params["person"]
        if person not in self.account.members.get(chat, set()) or chat in self.account.left:
            raise LineError(404, "Not found")
        return 200, {"userId": person, "displayName": f"Personne {person[-4:]}"}

    async def _set_webhook(self, _request: Request, fields: JsonObject) -> tuple[int, object]:
        url = str(fields.get("endpoint", ""))
        if urlsplit(url).scheme != "https" or len(url) > MAX_ENDPOINT:
            raise LineError(400, "Invalid webhook endpoint URL")
        self.delivery.url = url
        return 200, {}

    async def _get_webhook(self, _request: Request, _fields: JsonObject) -> tuple[int, object]:
        if not self.delivery.url:
            raise LineError(404, "Webhook endpoint not found")
        return 200, {"endpoint": self.delivery.url, "active": True}

    async def _test_webhook(self, _request: Request, fields: JsonObject) -> tuple[int, object]:
        url = str(fields.get("endpoint") or self.delivery.url)
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as http:
            status = await self.delivery.verify(http, url)
        fine = httpx2.codes.is_success(status)
        return 200, {
            "success": fine,
            "timestamp": datetime.now(UTC).isoformat(),
            "statusCode": status,
            "reason": "OK" if fine else ("ERROR_STATUS_CODE" if status else "COULD_NOT_CONNECT"),
            "detail": str(status),
        }

    async def _content(self, request: Request, _fields: JsonObject) -> tuple[int, object]:
        number = request.path_params["number"]
        content = self.account.contents.get(number)
        if content is None:
            raise LineError(404, "Not found")
        if number in self.account.gone:
            raise LineError(410, "Gone")
        if time.monotonic() < content.ready_s:
            return 202, {}
        return 200, content.data

    async def _transcoding(self, request: Request, _fields: JsonObject) -> tuple[int, object]:
        content = self.account.contents.get(request.path_params["number"])
        if content is None:
            raise LineError(404, "Not found")
        ready = time.monotonic() >= content.ready_s
        return 200, {"status": "succeeded" if ready else "processing"}

    async def _say(self, request: Request) -> Response:
        message = orjson.loads(await request.body())
        return JSONResponse(self.account.say(user_id(int(message["person"])), message["text"]))

    async def _written(self, request: Request) -> Response:
        return JSONResponse(self.account.written(request.path_params["chat"]))


async def read_body(request: Request) -> dict[str, Any]:
    """Return a call's JSON. Raises LineError."""
    if request.method not in {"POST", "PUT"}:
        return {}
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise LineError(413, "Payload Too Large")
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind != "application/json":
        raise LineError(415, f"The content type, {kind}, is not supported")
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise LineError(400, "The request body could not be parsed as JSON") from error
    if not isinstance(fields, dict):
        raise LineError(400, "The request body could not be parsed as JSON")
    return fields
