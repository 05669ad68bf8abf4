"""Reads a form that a page of ours sends without JavaScript."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.errors import BadInput
from shared.web.middleware import header_value
from shared.web.request_body import RequestBody

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 16
ESCAPED_BYTES = 12
"""Most bytes of a character in a form: four in UTF-8, each written %XX."""


async def read_form(request: Request, max_bytes: int) -> Mapping[str, str]:
    """Return the fields of a form (https://url.spec.whatwg.org/#urlencoded-parsing).

    Of a field sent twice the last counts; NUL, which no page can show, is left out. Raises BadInput
    when it is no form in UTF-8 or has more than MAX_FIELDS, TooLarge, and what else
    `RequestBody.receive` raises.
    """
    kind = header_value(request.scope, b"content-type") or ""
    if kind.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise BadInput("not a form")
    receiving: RequestBody = request.scope["body"]
    receiving.lower_limit(max_bytes)
    body = await request.body()
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise BadInput("malformed form") from error
    return {name: value.replace("\x00", "") for name, value in fields}
