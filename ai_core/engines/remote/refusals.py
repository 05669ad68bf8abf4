"""Errors that upstreams answer with: whose fault they are, and what the operator can do."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ai_core.engines.remote.bodies import json_object, parse_json, whole_number
from ai_core.errors import ContextOverflow, Unsupported, UpstreamFailed, UpstreamRefused
from shared.errors import AppError, Unavailable
from shared.web.retry_after import retry_after_s

MAX_ERROR_BYTES = 64 * 1024
_CONTEXT_ERROR = re.compile(
    r"context[ _-]?(?:length|size|window)|max_model_len|prompt is too long|too many tokens",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[A-Za-z0-9_.\[\]]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CALLERS_FAULTS = {400, 413, 422}
_BUSY = {408, 425, 429, 503, 529}


def raise_error(event: Mapping[str, Any]) -> None:
    """Raise UpstreamFailed for an error sent in place of an answer, with its code at most."""
    error = event.get("error")
    if not error:
        return
    raise UpstreamFailed(f"it sent an error: {_error_code(json_object(error)) or 'no code'}")


def _error_code(details: Mapping[str, Any]) -> str:
    """Return the code or type of an error object; its message may repeat what the caller wrote."""
    for name in ("code", "type"):
        told = str(details.get(name) or "")
        if _WORD.fullmatch(told):
            return told
    return ""


def _error_details(content: bytes) -> Mapping[str, Any]:
    """Return the error object of a body, {} when it has none."""
    try:
        body = json_object(parse_json(content))
    except UpstreamFailed:
        return {}
    error = body.get("error") or body
    return error if isinstance(error, dict) else {"message": str(error)}


def error_of(
    status: int, retry_after: str | None, content: bytes, *, model: str, context_tokens: int
) -> AppError:
    """Translate a server's error response for our caller.

    The caller's fault is a 400. A refused key, an unknown model or a redirection is the operator's
    to mend: UpstreamRefused says which.
    """
    details = _error_details(content)
    code = _error_code(details)
    if status in _BUSY:
        return Unavailable(
            f"upstream {status} {code}", retry_after_s=retry_after_s(retry_after), full=1
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UpstreamFailed(
            f"upstream {status} {code}", retry_after_s=retry_after_s(retry_after), answered=1
        )
    if status not in _CALLERS_FAULTS:
        remedy = REMEDIES.get(status, "it refuses our requests")
        return UpstreamRefused(f"upstream {status} {code}: {remedy}", model=model)
    description = f"{code} {details.get('type')} {str(details.get('message', ''))[:2_000]}"
    if _CONTEXT_ERROR.search(description):
        limit = whole_number(details.get("n_ctx"), 2**31) or context_tokens
        tokens = whole_number(details.get("n_prompt_tokens"), 2**31) or limit + 1
        return ContextOverflow(f"upstream {status} {code}", tokens=tokens, limit=limit)
    field = str(details.get("param") or "")
    feature = field if _FIELD.fullmatch(field) else ""
    return Unsupported(f"upstream {status} {code}", model=model, feature=feature)


REMEDIES = {
    300: "it redirects, which is not followed: put the address it points to in `upstreams`",
    401: "it refuses the key in `upstream_key_file`",
    402: "the account of the key in `upstream_key_file` is not paid for",
    403: "the key in `upstream_key_file` may not use it",
    404: "it knows neither the path nor `upstream_model`: look at its list of models",
    405: "its address in `upstreams` is not that of an OpenAI API",
    410: "it no longer offers `upstream_model`",
}
"""What an operator can do about a refusal, by status."""
for _status in (301, 302, 303, 307, 308):
    REMEDIES[_status] = REMEDIES[300]
