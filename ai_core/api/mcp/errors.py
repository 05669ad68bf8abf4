"""Errors of `/mcp` as JSON-RPC error objects."""

from http import HTTPStatus

import orjson
from starlette.responses import Response

from shared.errors import AppError
from shared.languages import Language
from shared.texts import Texts
from shared.web.problems import problem_response

INVALID_REQUEST, INVALID_PARAMS, INTERNAL_ERROR = -32600, -32602, -32603
"""Codes of JSON-RPC 2.0 (5.1)."""
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


def _code(error: AppError) -> int:
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return INTERNAL_ERROR
    if error.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return INVALID_PARAMS
    if error.status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        return INVALID_REQUEST
    return REFUSED
