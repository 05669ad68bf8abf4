"""What a service's OpenAPI document must have: validity, descriptions, examples that are true."""

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import jsonschema_rs

from shared.web.openapi import code_of, operations

STANDARD_HEADERS = {
    *("content-type", "content-length", "cache-control", "connection", "x-accel-buffering"),
    *("vary", "access-control-allow-origin", "access-control-expose-headers"),
}
OPENAI = ("/v1/", "/tokenize", "/detokenize")
"""Paths whose errors are OpenAI's."""
PROBLEM = "application/problem+json"
JsonObject = dict[str, Any]


def check(document: JsonObject) -> None:
    """Fail with everything that is wrong with a document."""
    # Imported here: it takes two seconds, and every test of ai_core imports this module.
    from openapi_spec_validator import validate

    validate(document)
    wrong = [
        *_undescribed_fields(document),
        *_poor_operations(document),
        *_untrue_examples(document),
    ]
    assert not wrong, "\n".join(wrong)


def response_checker(document: JsonObject) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return a hook of a client that fails when a response is not as the document says."""
    patterns = [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), _by_method(methods))
        for path, methods in document["paths"].items()
    ]

    async def conform(response: httpx2.Response) -> None:
        path, method = response.request.url.path, response.request.method
        for pattern, operations_of in patterns:
            if pattern.fullmatch(path) and operations_of.get(method):
                await response.aread()
                wrong = list(response_errors(document, operations_of[method], response))
                assert not wrong, "\n".join(wrong)
                break

    return conform


def _by_method(methods: JsonObject) -> JsonObject:
    return {method.upper(): operation for method, operation in methods.items()}


def response_errors(
    document: JsonObject, operation: JsonObject, response: httpx2.Response
) -> Iterator[str]:
    """Yield what a document does not say of a response: status, media type, headers, body."""
    where = f"{operation['operationId']} {response.status_code}"
    described = operation["responses"].get(str(response.status_code))
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if described is None:
        yield f"{where}: not declared: {response.text}"
        return
    declared = {name.lower() for name in described["headers"]}
    for name in set(response.headers) - declared - STANDARD_HEADERS:
        yield f"{where}: header {name} not declared"
    if response.content and media_type not in described.get("content", {}):
        yield f"{where}: {media_type} not declared"
    elif response.content and media_type.endswith("json"):
        content = described["content"][media_type]
        body = response.json()
        yield from (f"{where}: {why}" for why in _schema_errors(document, content["schema"], body))
        if response.status_code >= 400 and code_of(body) not in content["examples"]:
            yield f"{where}: {code_of(body)} not declared"


def _undescribed_fields(document: JsonObject) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        if not schema.get("description"):
            yield f"schema {name}: no description"
        for field, described in schema.get("properties", {}).items():
            if not described.get("description"):
                yield f"{name}.{field}: no description"


def _poor_operations(document: JsonObject) -> Iterator[str]:
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for path, operation in operations(document):
        where, statuses = operation["operationId"], set(operation["responses"])
        own_name = operation["summary"].lower().replace(" ", "_")
        faults = {
            "no summary of its own": where.startswith(own_name),
            "no description": not operation.get("description"),
            "no described tag": not operation["tags"] or not set(operation["tags"]) <= tags,
            "no errors": "500" not in statuses,
            "no refusal of keys": "security" in operation and not {"401", "503"} <= statuses,
            "no refusal of bodies": "requestBody" in operation and not {"400", "413"} <= statuses,
        }
        for parameter in operation.get("parameters", ()):
            found = resolved(document, parameter)
            faults[f"parameter {found['name']} not described"] = not found.get("description")
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            faults[f"no example of a {media_type} body"] = not _has_example(document, content)
        yield from (f"{where}: {fault}" for fault, found in faults.items() if found)
        for status, response in operation["responses"].items():
            for fault in _poor_response(document, path, int(status), response):
                yield f"{where} {status}: {fault}"


def _poor_response(
    document: JsonObject, path: str, status: int, response: JsonObject
) -> Iterator[str]:
    headers, content = response.get("headers", {}), response.get("content", {})
    error_type = "application/json" if path.startswith(OPENAI) else PROBLEM
    faults = {
        "no X-Request-Id": "X-Request-Id" not in headers,
        "no Retry-After": status in {429, 503} and "Retry-After" not in headers,
        "no WWW-Authenticate": status == 401 and "WWW-Authenticate" not in headers,
        f"not {error_type}": status >= 400 and set(content) != {error_type},
        "no body": status != 204 and not content,
    }
    for name, header in headers.items():
        faults[f"header {name} not described"] = not resolved(document, header)["description"]
    for media_type, described in content.items():
        faults[f"no schema of {media_type}"] = not described.get("schema")
        faults[f"no example of {media_type}"] = not _has_example(document, described)
    yield from (fault for fault, found in faults.items() if found)


def resolved(document: JsonObject, part: JsonObject) -> JsonObject:
    """Return what a part refers to, or the part itself."""
    found = part
    while "$ref" in found:
        target: Any = document
        for key in found["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        found = target
    return found


def _has_example(document: JsonObject, part: JsonObject) -> bool:
    """Return whether a media type, or the schema it holds, shows an example."""
    if part.get("example") is not None or part.get("examples"):
        return True
    inner = [part[key] for key in ("schema", "items") if key in part]
    inner += [choice for choice in part.get("anyOf", ()) if choice != {"type": "null"}]
    if "$ref" in part:
        inner.append(resolved(document, part))
    return any(_has_example(document, each) for each in inner)


def _untrue_examples(document: JsonObject) -> Iterator[str]:
    for where, schema, example in _examples(document, "#"):
        for why in _schema_errors(document, schema, example):
            yield f"{where}: example: {why}"


def _schema_errors(document: JsonObject, schema: JsonObject, value: Any) -> Iterator[str]:
    """Yield why a value does not follow a schema, whose dialect in OpenAPI 3.1 is JSON Schema's."""
    rules = {"components": document["components"], "allOf": [schema]}
    for error in jsonschema_rs.Draft202012Validator(rules).iter_errors(value):
        yield error.message


def _examples(part: Any, where: str) -> Iterator[tuple[str, JsonObject, Any]]:
    """Yield every example below `part` with its place and its schema."""
    if isinstance(part, list):
        for at, each in enumerate(part):
            yield from _examples(each, f"{where}/{at}")
    elif isinstance(part, dict):
        for example in _own_examples(part):
            yield where, part.get("schema", part), example
        for key, value in part.items():
            if key not in {"examples", "example"}:
                yield from _examples(value, f"{where}/{key}")


def _own_examples(part: JsonObject) -> Iterator[Any]:
    """Yield the examples of a schema (a list) or of a media type (by name)."""
    examples = part.get("examples")
    if isinstance(examples, list):
        yield from examples
    elif isinstance(examples, dict):
        yield from (example["value"] for example in examples.values())
    if "example" in part:
        yield part["example"]
