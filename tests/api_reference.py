"""The generated blocks of docs/api.md and docs/mail.md.

`python -m tests.api_reference` writes them anew.

    <!-- generated: request POST /api/v1/chat beyond POST /api/v1/generate -->
    …
    <!-- end -->

`request`, `reply` and `errors` describe one operation of the OpenAPI document (`beyond`: only the
fields another one has not), `operations`, `headers` and `codes` the whole of it.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from ai_core import app as ai_core
from ai_core.api import routes
from ai_core.settings import Settings as AiSettings
from mail_service import app as mail_service
from mail_service.settings import Settings as MailSettings
from shared.web.openapi import JsonObject, code_of, operations
from tests.openapi_rules import OPENAI, resolved

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(r"(<!-- generated: ([^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "maxLength": "≤ {} characters",
    "maxItems": "≤ {} items",
}
COMMON = {"not_authenticated", "not_allowed", "address_not_allowed", "origin_not_allowed"}
COMMON |= {"over_quota", "keys_unreadable", "internal_error"}
"""Codes of every route, which its own line leaves out."""


def read_documents() -> dict[Path, JsonObject]:
    """Return the OpenAPI document that each page shows."""
    ai = routes.create_api(AiSettings(), ai_core.open_state, CollectorRegistry())
    mail = mail_service.create_api(MailSettings(), mail_service.open_state, CollectorRegistry())
    return {DOCS / "api.md": ai.openapi(), DOCS / "mail.md": mail.openapi()}


def render(page: str, document: JsonObject) -> str:
    """Return the page with every block written from the document."""
    reference = Reference(document)
    return BLOCK.sub(lambda found: f"{found[1]}{reference.block(found[2])}\n{found[3]}", page)


def required_blocks(document: JsonObject) -> set[str]:
    """Return the blocks that the page must have."""
    blocks = {"operations", "headers", "codes"}
    for path, operation in operations(document):
        if path.startswith("/api/v1/") and operation.get("security") and "metrics" not in path:
            name = f"{_method(document, operation)} {path}"
            blocks.add(f"errors {name}")
            if "requestBody" in operation or _inputs(document, operation):
                blocks.add(f"request {name}")
            if "200" in operation["responses"]:
                blocks.add(f"reply {name}")
    return blocks


def present_blocks(page: str) -> set[str]:
    """Return the blocks a page has."""
    return {found[2].partition(" beyond ")[0] for found in BLOCK.finditer(page)}


class Reference:
    """Writes the blocks from a document."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._schemas: JsonObject = document["components"]["schemas"]

    def block(self, wanted: str) -> str:
        """Return one block."""
        kind, _, rest = wanted.partition(" ")
        if not rest:
            whole = {"operations": self.operations, "headers": self.headers, "codes": self.codes}
            return "\n".join(whole[kind]())
        name, _, other = rest.partition(" beyond ")
        if kind == "errors":
            return self.errors(self._operation(name))
        rows = self._rows(kind, name)
        known = set(self._rows(kind, other)) if other else set()
        return "\n".join([*self._head(kind), *(row for row in rows if row not in known)])

    def operations(self) -> Iterator[str]:
        """Yield the table of operations."""
        yield "| | key | |"
        yield "|---|---|---|"
        for path, operation in operations(self._document):
            scope = re.search(r"Key: (\w+)", operation["description"])
            key = scope[1] if scope else "needed" if operation.get("security") else "none"
            method = _method(self._document, operation)
            yield f"| `{method} {path}` | {key} | {operation['summary']} |"

    def headers(self) -> Iterator[str]:
        """Yield the table of headers."""
        yield "| header | of | |"
        yield "|---|---|---|"
        components = self._document["components"]
        for of, headers in (("request", "parameters"), ("response", "headers")):
            for name, header in components[headers].items():
                yield f"| `{name}` | {of} | {header['description']} |"

    def codes(self) -> Iterator[str]:
        """Yield the table of error codes under `/api/v1`."""
        found: dict[str, tuple[str, str]] = {}
        for path, operation in operations(self._document):
            if not path.startswith(OPENAI):
                for status, code, meaning in _errors(operation):
                    found[code] = status, meaning
        yield "| code | status | |"
        yield "|---|---|---|"
        for code, (status, meaning) in sorted(
            found.items(), key=lambda item: (item[1][0], item[0])
        ):
            yield f"| `{code}` | {status} | {meaning} |"

    def errors(self, operation: JsonObject) -> str:
        """Return the line of an operation's own errors."""
        own = [f"`{status} {code}`" for status, code, _ in _errors(operation) if code not in COMMON]
        common = "[those of every route](#errors)"
        return f"Errors: {', '.join([*own, common])}." if own else f"Errors: {common}."

    def _operation(self, name: str) -> JsonObject:
        method, _, path = name.partition(" ")
        operation: JsonObject = self._document["paths"][path][method.lower()]
        return operation

    def _head(self, kind: str) -> list[str]:
        if kind == "request":
            return ["| field | type | default | |", "|---|---|---|---|"]
        return ["| field | type | |", "|---|---|---|"]

    def _rows(self, kind: str, name: str) -> list[str]:
        operation = self._operation(name)
        if kind == "reply":
            return [
                f"| `{field}` | {self._type(schema)} | {_text(schema)} |"
                for field, schema, _ in self._fields(_body(operation["responses"]["200"]))
            ]
        inputs = [
            (each["name"], each["schema"] | {"description": each["description"]}, each["required"])
            for each in _inputs(self._document, operation)
        ]
        if "requestBody" in operation:
            inputs += self._fields(_body(operation["requestBody"]))
        required = {field for field, _, needed in inputs if needed}
        inputs.sort(key=lambda each: each[0].partition(".")[0].removesuffix("[]") not in required)
        return [
            f"| `{field}` | {self._type(schema)} | {_default(schema, required)} | {_text(schema)} |"
            for field, schema, required in inputs
        ]

    def _fields(
        self, schema: JsonObject, prefix: str = ""
    ) -> Iterator[tuple[str, JsonObject, bool]]:
        """Yield the fields of an object and of those in it, with whether each is required."""
        described = resolved(self._document, schema)
        for name, field in described.get("properties", {}).items():
            yield f"{prefix}{name}", field, name in described.get("required", ())
            inner, suffix = field, ""
            while "items" in (inner := _not_null(inner)):
                inner, suffix = inner["items"], f"{suffix}[]"
            if "$ref" in inner:
                yield from self._fields(inner, f"{prefix}{name}{suffix}.")

    def _type(self, schema: JsonObject) -> str:
        """Return a type in words: of what, within which limits, null or not."""
        choices = schema.get("anyOf")
        if choices:
            return " or ".join(self._type(choice) for choice in choices)
        if "$ref" in schema:
            target = resolved(self._document, schema)
            return self._type(target) if target.get("type") != "object" else "object"
        if "enum" in schema or "const" in schema:
            values = [f"`{value}`" for value in schema.get("enum", [schema.get("const")])]
            return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))
        name = str(schema.get("format") or schema.get("type", "any"))
        if name == "array":
            name = f"list of {self._type(schema['items'])}"
        limits = [
            text.format(_number(schema[key])) for key, text in LIMITS.items() if key in schema
        ]
        return f"{name} ({', '.join(limits)})" if limits else name


def _method(document: JsonObject, operation: JsonObject) -> str:
    for methods in document["paths"].values():
        for method, each in methods.items():
            if each is operation:
                return str(method).upper()
    raise KeyError(operation["operationId"])


def _inputs(document: JsonObject, operation: JsonObject) -> list[JsonObject]:
    """Return the parameters in the path and in the query."""
    found = (resolved(document, each) for each in operation.get("parameters", ()))
    return [each for each in found if each["in"] != "header"]


def _body(part: JsonObject) -> JsonObject:
    schema: JsonObject = part["content"]["application/json"]["schema"]
    return schema


def _errors(operation: JsonObject) -> Iterator[tuple[str, str, str]]:
    """Yield the status, the code and the meaning of each error."""
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            for example in content.get("examples", {}).values():
                yield status, code_of(example["value"]), example["summary"].partition(": ")[2]


def _not_null(schema: JsonObject) -> JsonObject:
    choices: Iterable[Any] = schema.get("anyOf", ())
    return next((choice for choice in choices if choice != {"type": "null"}), schema)


def _number(limit: float) -> str:
    return f"{int(limit):,}" if float(limit).is_integer() else str(limit)


def _default(schema: JsonObject, required: bool) -> str:
    if required:
        return "required"
    value = schema.get("default")
    if value is None or value == []:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _text(schema: JsonObject) -> str:
    return str(schema["description"]).replace("\n", " ").replace("|", "\\|")


def main() -> None:
    """Write the pages anew."""
    for page, document in read_documents().items():
        page.write_text(render(page.read_text(encoding="utf-8"), document), encoding="utf-8")


if __name__ == "__main__":
    main()
