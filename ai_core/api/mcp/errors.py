"""Errors of `/mcp`: as JSON-RPC error objects, and as results that a model can read."""

from http import HTTPStatus
from math import ceil

import orjson
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, CallToolResult, TextContent
from starlette.responses import Response

from shared.errors import AppError
from shared.languages import Language
from shared.texts import Texts
from shared.web.problems import DEFAULT_RETRY_AFTER_S, problem_response

REFUSED = -32000
"""A code that JSON-RPC 2.0 (5.1) leaves to servers: for keys, limits and what is not available."""


def error_document(error: AppError, texts: Texts, language: Language, request_id: str) -> Response:
    """Return a JSON-RPC error object with the status and headers of the HTTP error.

    Clients show `message`; `data` is the problem document of `/api/v1`.
    """
    problem = problem_response(error, texts, language, request_id)
    document = orjson.loads(problem.body)
    described = {"code": _code(error), "message": document["detail"], "data": document}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": described})
    headers = {
        name: value
        for name, value in problem.headers.items()
        if name not in {"content-type", "content-length"}
    }
    return Response(body, error.status, headers, "application/json")


def error_result(error: AppError, texts: Texts, language: Language) -> CallToolResult:
    """Return the result of a tool that failed: a sentence, and the error's name and fields.

    As the specification asks, what a model may mend by calling again is no protocol error.
    """
    facts = dict(error.facts)
    told: dict[str, object] = {"code": error.code}
    if error.retryable:
        wait_s = max(1, ceil(error.retry_after_s or DEFAULT_RETRY_AFTER_S))
        facts["retry_after_s"] = told["retry_after_s"] = wait_s
    if error.faults:
        told["errors"] = error.faults
    sentence = f"{error.said_first} {texts.say(error.sentence, language, **facts)}".lstrip()
    details = orjson.dumps(told).decode()
    return CallToolResult(
        content=[TextContent(text=sentence), TextContent(text=details)], is_error=True
    )


def _code(error: AppError) -> int:
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return INTERNAL_ERROR
    if error.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return INVALID_PARAMS
    if error.status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        return INVALID_REQUEST
    return REFUSED
