"""Completes the OpenAPI document of a service with what FastAPI cannot derive from its routes.

A route names the errors it raises (`errors`) and the request headers it reads (`reads`); the rest
is derived here. Each error's body, media type and headers come from the function that writes it for
callers, so that the document cannot differ from the responses.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import orjson
from fastapi import FastAPI, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from shared.errors import AppError, BadInput, BodyTimeout, MalformedBody, TooLarge
from shared.texts import Texts
from shared.web.problems import PROBLEM_TYPE, ErrorFormat, error_format_of

JsonObject = dict[str, Any]
"""A part of the document."""

KEY_SCHEMES = [
    Security(
        APIKeyHeader(
            name="X-API-Key", scheme_name="ApiKey", description="An API key.", auto_error=False
        )
    ),
    Security(
        HTTPBearer(
            scheme_name="Bearer", description="The same key as a bearer token.", auto_error=False
        )
    ),
]
"""Either of them; only described here, the services read the key themselves."""

UNKNOWN_CALLER = (401, 403)
"""Statuses of requests that no limit was asked about."""
BODY_ERRORS = (MalformedBody, TooLarge, BodyTimeout, BadInput)
"""What a route with a JSON body may answer for it."""


class FieldError(BaseModel):
    """A field of the request that is wrong."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    field: str
    """Its path, such as `messages.0.content`."""
    reason: str
    """What is wrong, such as `missing`; never the value, which may be personal."""


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """`urn:code-du-travail-neo:error:` and the code."""
    title: str
    """Reason phrase of the status."""
    status: int
    """HTTP status."""
    detail: str
    """A sentence in the language `Accept-Language` asks for."""
    code: str
    """Stable name of the error, for programs."""
    request_id: str
    """Identifies the request in the operator's logs."""
    errors: list[FieldError] = []
    """The fields at fault, if the request can be corrected."""


def header_object(description: str, example: str | int) -> JsonObject:
    """Return a header, or the parameter that reads it."""
    kind = "integer" if isinstance(example, int) else "string"
    return {"description": description, "schema": {"type": kind, "examples": [example]}}


REQUEST_HEADERS: dict[str, JsonObject] = {
    "Accept-Language": header_object(
        "Language of error messages, and of answers to questions that tell none: fr, en, th, zh.",
        "fr",
    ),
}
RESPONSE_HEADERS: dict[str, JsonObject] = {
    "X-Request-Id": header_object(
        "Identifies the request in the operator's logs; the caller's own when it sent one.",
        "4f0c2a9d8e1b47c6a35d9f7e2b801c64",
    ),
    "Content-Language": header_object("Language of the message.", "fr"),
    "Retry-After": header_object("Seconds to wait before the same request may succeed.", 5),
    "WWW-Authenticate": header_object("How to authenticate.", "Bearer"),
}

EXAMPLE_FACTS: dict[str, str | int] = {
    "model": "qwen3-4b",
    "number": "L9999-1",
    "idcc": "9999",
    "name": "severance",
    "topic_id": "paid-leave",
    "allowed_ms": 8000,
    "field": "model",
    "needed_ms": 20400,
    "tokens": 9_000,
    "limit": 8_192,
}
FACTS_OF: dict[str, dict[str, str | int]] = {
    "too_large": {"limit": "256 KiB"},
    "changed_quotation": {"number": 1, "words": "Le préavis dure un mois"},
}
FIELDS_OF = {
    "invalid_request": {"field": "limit", "reason": "less_than_equal"},
    "unsupported": {"field": "stop", "reason": "unsupported"},
    "deadline_too_short": {"field": "X-Deadline-Ms", "reason": "deadline_too_short"},
    "unknown_agreement": {"field": "agreement", "reason": "unknown_agreement"},
    "wrong_inputs": {"field": "inputs.seniority_years", "reason": "number_expected"},
}
"""What the examples of errors hold, for all and for some codes."""


def errors(*kinds: type[AppError]) -> dict[int | str, JsonObject]:
    """Return the `responses` of a route that may raise these errors, and `internal_error`."""
    by_status: dict[int | str, JsonObject] = {}
    named: tuple[type[AppError], ...] = (*kinds, AppError)
    for kind in dict.fromkeys(named):
        response = by_status.setdefault(kind.status, {"description": "", "x-codes": []})
        response["x-codes"].append(kind.code)
    return by_status


def header_parameters(*names: str) -> JsonObject:
    """Return the `openapi_extra` of a route that reads these request headers."""
    return {"parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names]}


def kinds_by_code(root: type[AppError] = AppError) -> dict[str, type[AppError]]:
    """Return every error class with its own code."""
    own = {root.code: root} if "code" in vars(root) else {}
    for kind in root.__subclasses__():
        own = kinds_by_code(kind) | own
    return own


class DocumentedApi(FastAPI):
    """A FastAPI app with a whole OpenAPI document.

    `error_formats` and `error_models` are the formats of errors by path prefix (a media type,
    then the schema of its bodies). Answers of routes that need a key carry `keyed_headers`, some of
    `response_headers`. `examples` has one for each body by the name of its schema: FastAPI would
    leave the nulls out of those it is given.
    """

    def __init__(
        self,
        *,
        texts: Texts,
        error_formats: Mapping[str, ErrorFormat] = MappingProxyType({}),
        error_models: Mapping[str, type[BaseModel]] = MappingProxyType({}),
        request_headers: Mapping[str, JsonObject] = MappingProxyType({}),
        response_headers: Mapping[str, JsonObject] = MappingProxyType({}),
        keyed_headers: Sequence[str] = (),
        examples: Mapping[str, JsonObject] = MappingProxyType({}),
        **settings: Any,
    ) -> None:
        super().__init__(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            license_info={"name": "GNU General Public License v3", "identifier": "GPL-3.0-only"},
            **settings,
        )
        self._texts = texts
        self._error_formats = error_formats
        self._error_models: dict[str, type[BaseModel]] = {PROBLEM_TYPE: Problem, **error_models}
        self._request_headers = REQUEST_HEADERS | dict(request_headers)
        self._response_headers = RESPONSE_HEADERS | dict(response_headers)
        self._keyed_headers = keyed_headers
        self._examples = examples

    def openapi(self) -> JsonObject:
        """Return the document; it is built once."""
        if not self.openapi_schema:
            document = super().openapi()
            self._add_components(document)
            kinds = kinds_by_code()
            for path, operation in operations(document):
                self._complete(path, operation, kinds)
        return self.openapi_schema or {}

    def _add_components(self, document: JsonObject) -> None:
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for never_sent in ("HTTPValidationError", "ValidationError"):  # FastAPI's own
            schemas.pop(never_sent, None)
        models = [(model, "serialization") for model in self._error_models.values()]
        _, described = models_json_schema(
            models,  # type: ignore[arg-type]  # mypy widens the literal
            ref_template="#/components/schemas/{model}",
        )
        schemas |= described["$defs"]
        if "JsonValue" in schemas:  # pydantic's own
            schemas["JsonValue"]["description"] = "Any JSON value."
        for name, example in self._examples.items():
            schemas[name]["examples"] = [example]
        components["headers"] = self._response_headers
        components["parameters"] = {
            name: {"name": name, "in": "header", **header}
            for name, header in self._request_headers.items()
        }

    def _complete(
        self, path: str, operation: JsonObject, kinds: Mapping[str, type[AppError]]
    ) -> None:
        """Describe one operation's errors and headers."""
        named = [
            kinds[code]
            for response in operation["responses"].values()
            for code in response.pop("x-codes", ())
        ]
        operation["responses"] = {
            status: response
            for status, response in operation["responses"].items()
            if int(status) < HTTPStatus.BAD_REQUEST
        } | self._error_responses(path, named)
        if operation.get("security"):
            operation["parameters"] = [
                *operation.get("parameters", ()),
                *header_parameters("Accept-Language")["parameters"],
            ]
        for status, response in operation["responses"].items():
            if response["description"] == "Successful Response":  # FastAPI's default
                response["description"] = HTTPStatus(int(status)).phrase
            names = ["X-Request-Id"]
            if operation.get("security") and int(status) not in UNKNOWN_CALLER:
                names += self._keyed_headers
            response.setdefault("headers", {}).update(_references(names))

    def _error_responses(self, path: str, kinds: Sequence[type[AppError]]) -> JsonObject:
        responses: JsonObject = {}
        for kind in kinds:
            written = self._example(path, kind)
            response = responses.setdefault(
                str(written.status_code),
                {
                    "description": HTTPStatus(written.status_code).phrase,
                    "headers": _references(
                        name for name in self._response_headers if name in written.headers
                    ),
                    "content": {
                        written.media_type: {
                            "schema": _schema(self._error_models[str(written.media_type)]),
                            "examples": {},
                        }
                    },
                },
            )
            meaning = (kind.__doc__ or "").strip().partition("\n")[0]
            if kind is AppError:
                meaning = "A fault of the service."
            body = orjson.loads(written.body)
            code = code_of(body)
            response["content"][written.media_type]["examples"][code] = {
                "summary": f"{code}: {meaning}",
                "value": body,
            }
        return dict(sorted(responses.items()))

    def _example(self, path: str, kind: type[AppError]) -> Response:
        error = kind.of_parts(
            "",
            retry_after_s=None,
            facts=EXAMPLE_FACTS | FACTS_OF.get(kind.code, {}),
            faults=[FIELDS_OF[kind.code]] if kind.code in FIELDS_OF else [],
        )
        request_id = self._response_headers["X-Request-Id"]["schema"]["examples"][0]
        return error_format_of(path, self._error_formats)(error, self._texts, "en", request_id)


def operations(document: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield every operation of a document with its path."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def code_of(body: JsonObject) -> str:
    """Return the code of an error, which OpenAI's object holds one level deeper."""
    return str(body.get("error", body)["code"])


def _schema(model: type[BaseModel]) -> JsonObject:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _references(names: Iterator[str] | Sequence[str]) -> JsonObject:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
