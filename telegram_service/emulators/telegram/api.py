"""The Bot API over HTTP: `/bot<token>/<method>` and `/file/bot<token>/<path>`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telegram_service.emulators.telegram.account import MAX_FILE_BYTES, Account
from telegram_service.emulators.telegram.delivery import UpdateDelivery
from telegram_service.emulators.telegram.objects import (
    BOT,
    BotApiError,
    Call,
    Fields,
    JsonObject,
    user_object,
)
from telegram_service.emulators.telegram.polling import Polling
from telegram_service.emulators.telegram.requests import read_fields
from telegram_service.emulators.telegram.rules import (
    check_caption,
    check_commands,
    check_description,
    check_keyboard,
    check_language,
    check_text,
    check_webhook,
    refused,
    trimmed,
)

Method = Callable[[Fields], Awaitable[Any]]
PACED = frozenset({"sendMessage", "sendDocument", "sendMessageDraft", "editMessageText"})
"""What counts against the limits of a chat; the other methods have none of their own."""


class BotApi:
    """The methods, over an account and its delivery; `latency_s` is Telegram's own."""

    def __init__(self, account: Account, token: str, latency_s: float = 0.0) -> None:
        self.account = account
        self.delivery = UpdateDelivery(account)
        self.polling = Polling(account, self.delivery)
        self.token = token
        self.latency_s = latency_s
        self.methods: Mapping[str, Method] = {
            "getMe": self._get_me,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getUpdates": self.polling.get_updates,
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
            self.account.refuse(name, fields)
            if chat and name in PACED:
                self.account.pacing.check(chat)
            result = await method(fields)
            return JSONResponse({"ok": True, "result": result})
        except BotApiError as failure:
            error = failure.reason
            return error_response(failure)
        finally:
            self.account.calls.append(Call(time.monotonic(), name, chat, error))

    async def _get_me(self, _fields: Fields) -> JsonObject:
        return {
            **BOT,
            "can_join_groups": True,
            "can_read_all_group_messages": not self.account.privacy,
            "supports_inline_queries": False,
            "has_topics_enabled": self.account.private_topics,
        }

    async def _set_webhook(self, fields: Fields) -> bool:
        url, secret = fields.get("url", ""), fields.get("secret_token", "")
        connections = int(fields.get("max_connections") or 40)
        check_webhook(url, secret, connections)
        self.polling.allow(fields)
        self.polling.end("Conflict: terminated by setWebhook request")
        self.delivery.set_webhook(url, secret, connections)
        return True

    async def _delete_webhook(self, _fields: Fields) -> bool:
        self.delivery.set_webhook("", "", 40)
        return True

    async def _webhook_info(self, _fields: Fields) -> JsonObject:
        info: JsonObject = {
            "url": self.delivery.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.account.updates) + self.delivery.pending,
        }
        if self.account.allowed_updates is not None:
            info["allowed_updates"] = sorted(self.account.allowed_updates)
        return info

    async def _set_commands(self, fields: Fields) -> bool:
        language = fields.get("language_code") or ""
        check_language(language)
        check_commands(fields["commands"])
        self.account.commands[language] = fields["commands"]
        return True

    async def _set_description(self, fields: Fields) -> bool:
        language, description = fields.get("language_code") or "", fields.get("description") or ""
        check_language(language)
        check_description(description)
        self.account.descriptions[language] = description
        return True

    async def _send(self, fields: Fields) -> JsonObject:
        return self.account.send(int(fields["chat_id"]), text_content(fields), fields)

    async def _send_document(self, fields: Fields) -> JsonObject:
        name, data = fields["document"]
        if not data:
            raise refused("file must be non-empty")
        caption, entities = fields.get("caption", ""), fields.get("caption_entities", [])
        check_caption(caption, entities)
        document = {"file_id": name, "file_unique_id": name, "file_name": name}
        self.account.files[name] = data
        content = {"document": document, "caption": caption.strip()}
        return self.account.send(int(fields["chat_id"]), content, fields)

    async def _draft(self, fields: Fields) -> bool:
        text = fields.get("text", "")
        if text:
            check_text(text, fields.get("entities", []))
        self.account.draft(int(fields["chat_id"]), int(fields["draft_id"]), text, fields)
        return True

    async def _edit(self, fields: Fields) -> JsonObject:
        number = int(fields["message_id"])
        return self.account.edit(int(fields["chat_id"]), number, text_content(fields))

    async def _edit_buttons(self, fields: Fields) -> JsonObject:
        markup = fields.get("reply_markup")
        check_keyboard(markup)
        return self.account.edit(
            int(fields["chat_id"]),
            int(fields["message_id"]),
            {"reply_markup": markup} if markup else {},
        )

    async def _answer_callback(self, fields: Fields) -> bool:
        self.account.answer_callback(fields["callback_query_id"], fields.get("text") or "")
        return True

    async def _get_file(self, fields: Fields) -> JsonObject:
        file_id = fields["file_id"]
        data = self.account.files.get(file_id)
        if data is None:
            raise refused("wrong file_id or the file is temporarily unavailable")
        if len(data) > MAX_FILE_BYTES:
            raise refused("file is too big")
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


def text_content(fields: Fields) -> JsonObject:
    """Return a text message's checked content, as Telegram keeps it."""
    text, entities = fields.get("text", ""), fields.get("entities", [])
    check_text(text, entities)
    text, entities = trimmed(text, entities)
    markup = fields.get("reply_markup")
    check_keyboard(markup)
    found: JsonObject = {"text": text}
    if entities:
        found["entities"] = entities
    if markup:
        found["reply_markup"] = markup
    return found


def error_response(error: BotApiError) -> Response:
    """Return an error response of the Bot API ("Making requests", ResponseParameters)."""
    body: JsonObject = {"ok": False, "error_code": error.code, "description": error.reason}
    if error.retry_after_s:
        body["parameters"] = {"retry_after": error.retry_after_s}
    elif error.moved_to:
        body["parameters"] = {"migrate_to_chat_id": error.moved_to}
    return JSONResponse(body, error.code)
