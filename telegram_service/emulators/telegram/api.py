"""The Bot API over HTTP: `/bot<token>/<method>` and `/file/bot<token>/<path>`."""

import asyncio
import email
import email.policy
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telegram_service.emulators.telegram.account import (
    BOT,
    MAX_FILE_BYTES,
    Account,
    BotApiError,
    Call,
    JsonObject,
    check_keyboard,
    check_text,
    user_object,
)
from telegram_service.emulators.telegram.delivery import UpdateDelivery

Fields = Mapping[str, Any]
Method = Callable[[Fields], Awaitable[Any]]
NOT_RATE_LIMITED = {"answerCallbackQuery", "editMessageReplyMarkup", "getFile", "getChatMember"}


class BotApi:
    """The methods, over an account and its delivery; `latency_s` is Telegram's own."""

    def __init__(self, account: Account, token: str, latency_s: float = 0.0) -> None:
        self.account = account
        self.delivery = UpdateDelivery(account)
        self.token = token
        self.latency_s = latency_s
        self.methods: Mapping[str, Method] = {
            "getMe": self._get_me,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getUpdates": self._get_updates,
            "setMyCommands": self._set_commands,
            "setMyDescription": self._set_description,
            "sendMessage": self._send,
            "sendDocument": self._send_document,
            "sendMessageDraft": self._draft,
            "editMessageText": self._edit,
            "editMessageReplyMarkup": self._edit_buttons,
            "answerCallbackQuery": self._answer_callback,
            "getFile": self._get_file,
            "getChatMember": self._get_member,
        }

    @property
    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route(f"/bot{self.token}/{{method}}", self._call, methods=["GET", "POST"]),
                Route(f"/file/bot{self.token}/{{name}}", self._download),
                Route("/emulator/say", self._say, methods=["POST"]),
                Route("/emulator/messages/{chat:int}", self._written),
            ]
        )

    async def _call(self, request: Request) -> Response:
        name = request.path_params["method"]
        method = self.methods.get(name)
        if method is None:
            return error_response(BotApiError(404, "Not Found"))
        fields = await read_fields(request)
        chat = int(fields.get("chat_id") or 0)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        error = ""
        try:
            if chat and name not in NOT_RATE_LIMITED:
                self.account.check_rate(chat)
            result = await method(fields)
            return JSONResponse({"ok": True, "result": result})
        except BotApiError as refused:
            error = refused.reason
            return error_response(refused, self.account.moved.get(chat))
        finally:
            self.account.calls.append(Call(time.monotonic(), name, chat, error))

    async def _get_me(self, _fields: Fields) -> JsonObject:
        return {
            **BOT,
            "can_join_groups": True,
            "can_read_all_group_messages": not self.account.privacy,
            "supports_inline_queries": False,
        }

    async def _set_webhook(self, fields: Fields) -> bool:
        self.delivery.set_webhook(
            fields["url"], fields.get("secret_token", ""), int(fields.get("max_connections", 40))
        )
        return True

    async def _delete_webhook(self, _fields: Fields) -> bool:
        self.delivery.set_webhook("", "", 40)
        return True

    async def _webhook_info(self, _fields: Fields) -> JsonObject:
        return {
            "url": self.delivery.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.account.updates) + self.delivery.pending,
        }

    async def _get_updates(self, fields: Fields) -> list[JsonObject]:
        if self.delivery.url:
            raise BotApiError(409, "Conflict: can't use getUpdates method while webhook is active")
        updates, offset = self.account.updates, int(fields.get("offset") or 0)
        while updates and updates[0]["update_id"] < offset:
            updates.popleft()
        until = time.monotonic() + float(fields.get("timeout") or 0)
        while not updates and time.monotonic() < until:  # noqa: ASYNC110 - a deque has no event
            await asyncio.sleep(0.02)
        return list(updates)[:100]

    async def _set_commands(self, fields: Fields) -> bool:
        self.account.commands[fields.get("language_code", "")] = fields["commands"]
        return True

    async def _set_description(self, fields: Fields) -> bool:
        self.account.descriptions[fields.get("language_code", "")] = fields["description"]
        return True

    async def _send(self, fields: Fields) -> JsonObject:
        return self.account.send(int(fields["chat_id"]), content(fields))

    async def _send_document(self, fields: Fields) -> JsonObject:
        name, data = fields["document"]
        document = {"file_id": name, "file_unique_id": name, "file_name": name}
        self.account.files[name] = data
        caption = fields.get("caption", "")
        return self.account.send(
            int(fields["chat_id"]), {"document": document, "text": caption, "caption": caption}
        )

    async def _draft(self, fields: Fields) -> bool:
        text = fields.get("text", "")
        if text:
            check_text(text, fields.get("entities", []))
        self.account.draft(int(fields["chat_id"]), int(fields["draft_id"]), text)
        return True

    async def _edit(self, fields: Fields) -> JsonObject:
        return self.account.edit(int(fields["chat_id"]), int(fields["message_id"]), content(fields))

    async def _edit_buttons(self, fields: Fields) -> JsonObject:
        markup = fields.get("reply_markup")
        check_keyboard(markup)
        return self.account.edit(
            int(fields["chat_id"]),
            int(fields["message_id"]),
            {"reply_markup": markup} if markup else {},
        )

    async def _answer_callback(self, fields: Fields) -> bool:
        self.account.answered_callbacks.append(fields["callback_query_id"])
        return True

    async def _get_file(self, fields: Fields) -> JsonObject:
        file_id = fields["file_id"]
        data = self.account.files.get(file_id)
        if data is None:
            raise BotApiError(400, "Bad Request: wrong file_id")
        if len(data) > MAX_FILE_BYTES:
            raise BotApiError(400, "Bad Request: file is too big")
        return {"file_id": file_id, "file_unique_id": file_id, "file_path": file_id}

    async def _get_member(self, fields: Fields) -> JsonObject:
        person = int(fields["user_id"])
        status = "administrator" if person in self.account.admins else "member"
        member: JsonObject = {"user": user_object(person), "status": status}
        if status == "administrator":
            member |= dict.fromkeys(ADMIN_RIGHTS, False)
        return member

    async def _download(self, request: Request) -> Response:
        data = self.account.files.get(request.path_params["name"])
        return Response(data) if data is not None else Response(status_code=404)

    async def _say(self, request: Request) -> Response:
        message = orjson.loads(await request.body())
        return JSONResponse(self.account.say(int(message["chat"]), message["text"]))

    async def _written(self, request: Request) -> Response:
        return JSONResponse(self.account.written(request.path_params["chat"]))


ADMIN_RIGHTS = (
    "can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages",
    "can_manage_video_chats", "can_restrict_members", "can_promote_members", "can_change_info",
    "can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories",
)  # fmt: skip


def content(fields: Fields) -> JsonObject:
    """Return a message's checked content."""
    text, entities = fields.get("text", ""), fields.get("entities", [])
    check_text(text, entities)
    markup = fields.get("reply_markup")
    check_keyboard(markup)
    found: JsonObject = {"text": text}
    if entities:
        found["entities"] = entities
    if markup:
        found["reply_markup"] = markup
    return found


def error_response(error: BotApiError, moved_to: int | None = None) -> Response:
    """Return an error response of the Bot API."""
    body: JsonObject = {"ok": False, "error_code": error.code, "description": error.reason}
    if error.retry_after_s:
        body["parameters"] = {"retry_after": error.retry_after_s}
    elif moved_to and "upgraded" in error.reason:
        body["parameters"] = {"migrate_to_chat_id": moved_to}
    return JSONResponse(body, error.code)


TEXT_FIELDS = {"text", "caption", "url", "secret_token", "language_code", "description", "file_id"}
TEXT_FIELDS |= {"callback_query_id"}


async def read_fields(request: Request) -> Fields:
    """Return a call's fields, from a form, a multipart form, JSON or the query."""
    body = await request.body()
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        found: Fields = orjson.loads(body)
        return found
    if kind.startswith("multipart/form-data"):
        return read_multipart(kind, body)
    pairs = parse_qsl(body.decode() or str(request.url.query), keep_blank_values=True)
    return {name: value if name in TEXT_FIELDS else loads(value) for name, value in pairs}


def read_multipart(kind: str, body: bytes) -> Fields:
    """Return the fields of a multipart form; a file is its name and content."""
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    fields: dict[str, Any] = {}
    for part in form.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)  # noqa: S101 - a part of a form has no parts
        if file_name := part.get_filename():
            fields[name] = (file_name, data)
        else:
            fields[name] = data.decode() if name in TEXT_FIELDS else loads(data.decode())
    document = fields.get("document")
    if isinstance(document, str) and document.startswith("attach://"):
        fields["document"] = fields[document.removeprefix("attach://")]
    return fields


def loads(value: str) -> Any:
    """Return a field's JSON value, or the text itself."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
