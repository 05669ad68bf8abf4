"""The fields of a call to the Bot API, in any of the four forms it takes ("Making requests")."""

import email
import email.policy
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request

from telegram_service.emulators.telegram.objects import Fields

TEXT_FIELDS = frozenset(
    {
        "text", "caption", "url", "secret_token", "language_code", "description", "file_id",
        "callback_query_id",
    }
)  # fmt: skip


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
