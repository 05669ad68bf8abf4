"""Which JSON schemas are accepted: everything in one can be enforced, at a bounded cost.

The dialect is JSON Schema 2020-12 (https://json-schema.org/draft/2020-12), less what no engine
enforces while it writes, as OpenAI's structured outputs leave it out too. The check runs before a
schema reaches a model or an upstream server, in time linear in the schema's size.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import orjson

from ai_core.engines.schemas.patterns import (
    MAX_PATTERN_CHARS,
    MAX_PATTERN_SIZE,
    PatternRefused,
    canonical_pattern,
)
from ai_core.errors import UnsupportedSchema

MAX_SCHEMA_BYTES = 32_768
MAX_DEPTH = 32
"""Schemas within schemas, references followed."""
MAX_PARTS = 1_000
"""Schemas, properties and listed values together, each counted wherever it is referred to."""
MAX_ITEMS = 1_000
MAX_REPEATS = 10_000
"""Product of the lengths of arrays within arrays."""
MAX_LENGTH = 10_000
"""Characters of a string whose length is limited."""
MAX_NUMBER = 2**53 - 1
"""Integers that every JSON reader keeps exactly (RFC 8259, 6)."""
MAX_FIELD_CHARS = 200
FORMATS = frozenset(
    ("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri")
).union(("uuid", "uuid1", "uuid2", "uuid3", "uuid4", "uuid5"))
TYPES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))
ANNOTATIONS = frozenset(
    ("$schema", "$comment", "title", "description", "default", "examples", "deprecated")
).union(("readOnly", "writeOnly", "discriminator"))
"""Keywords that say nothing about the answer (2020-12, Validation, 9); and any that begin x-."""
_BLANK_CONTROLS = frozenset("\n\r\t\b\f")


def checked_schema(schema: Mapping[str, Any], field: str) -> str:
    """Return a schema as text, without its default values and examples.

    The order of its properties is kept, as answers follow it. `field` is where the request has the
    schema. Raises UnsupportedSchema with the place in it, the reason and the limit.
    """
    check = _Check(schema, field)
    check.schema(schema)
    check.definitions()
    text = orjson.dumps(_without_annotations(schema))
    if len(text) > MAX_SCHEMA_BYTES:
        raise UnsupportedSchema("size", field=field, limit=MAX_SCHEMA_BYTES)
    return text.decode()


class _Check:
    """Walks a schema, and again wherever a reference leads."""

    def __init__(self, root: Mapping[str, Any], field: str) -> None:
        self._root = root
        self._path = [field]
        self._depth = 0
        self._parts = 0
        self._chars = 0
        self._repeats = 1
        self._references: list[str] = []
        self._keywords: Mapping[str, Callable[[Any, Mapping[str, Any]], None]] = {
            "type": self._type,
            "enum": self._enum,
            "const": lambda value, _: self._literal(value),
            "anyOf": self._listed_schemas,
            "oneOf": self._listed_schemas,
            "allOf": self._listed_schemas,
            "prefixItems": self._listed_schemas,
            "properties": self._properties,
            "required": self._required,
            "additionalProperties": lambda value, _: self.schema(value),
            "items": self._items,
            "minItems": lambda value, _: self._count(value, MAX_ITEMS),
            "maxItems": lambda value, _: self._count(value, MAX_ITEMS),
            "minLength": lambda value, _: self._count(value, MAX_LENGTH),
            "maxLength": lambda value, _: self._count(value, MAX_LENGTH),
            "minimum": lambda value, _: self._number(value),
            "maximum": lambda value, _: self._number(value),
            "exclusiveMinimum": lambda value, _: self._number(value),
            "exclusiveMaximum": lambda value, _: self._number(value),
            "uniqueItems": lambda value, _: self._require(value is False, "keyword"),
            "pattern": lambda value, _: self._pattern(value),
            "format": lambda value, _: self._format(value),
            "$ref": lambda value, _: self._reference(value),
            "$defs": lambda value, _: self._definitions(value),
            "definitions": lambda value, _: self._definitions(value),
        }

    def schema(self, node: Any) -> None:
        """Check a schema and those in it."""
        self._count_part()
        if isinstance(node, bool) and self._depth:
            return
        self._require(isinstance(node, dict), "value")
        self._require(self._depth < MAX_DEPTH, "depth", MAX_DEPTH)
        self._depth += 1
        for keyword, value in node.items():
            if keyword in ANNOTATIONS or keyword.startswith("x-"):
                self._annotation(keyword, value)
                continue
            with self._at(keyword):
                self._require(keyword in self._keywords, "keyword")
                self._keywords[keyword](value, node)
        self._depth -= 1

    def _definitions(self, value: Any) -> None:
        """Take definitions at the top only; `definitions` checks what they hold."""
        self._require(isinstance(value, dict) and self._depth == 1, "value")

    def definitions(self) -> None:
        """Check the definitions, those that nothing refers to among them."""
        for name in ("$defs", "definitions"):
            with self._at(name):
                for key, node in self._root.get(name, {}).items():
                    with self._at(key):
                        self._text(key)
                        self.schema(node)

    def _annotation(self, keyword: str, value: Any) -> None:
        if keyword in {"title", "description", "$comment"}:
            with self._at(keyword):
                self._text(value)

    def _type(self, value: Any, _node: Mapping[str, Any]) -> None:
        named = value if isinstance(value, list) else [value]
        known = all(isinstance(one, str) and one in TYPES for one in named)
        self._require(known and 0 < len(named) == len(set(named)), "value")

    def _enum(self, value: Any, _node: Mapping[str, Any]) -> None:
        self._require(isinstance(value, list) and len(value) > 0, "value")
        for one in value:
            self._literal(one)

    def _listed_schemas(self, value: Any, _node: Mapping[str, Any]) -> None:
        self._require(isinstance(value, list) and len(value) > 0, "value")
        for index, one in enumerate(value):
            with self._at(str(index)):
                self.schema(one)

    def _properties(self, value: Any, _node: Mapping[str, Any]) -> None:
        self._require(isinstance(value, dict), "value")
        for name, one in value.items():
            with self._at(name):
                self._literal(name)
                self.schema(one)

    def _required(self, value: Any, _node: Mapping[str, Any]) -> None:
        self._require(isinstance(value, list), "value")
        for name in value:
            self._require(isinstance(name, str), "value")
            self._literal(name)

    def _items(self, value: Any, node: Mapping[str, Any]) -> None:
        bounds = [node.get(name, 0) for name in ("minItems", "maxItems")]
        known = [one for one in bounds if isinstance(one, int) and 0 < one <= MAX_ITEMS]
        before = self._repeats
        self._repeats *= max(known, default=1)
        self._require(self._repeats <= MAX_REPEATS, "repeats", MAX_REPEATS)
        self.schema(value)
        self._repeats = before

    def _count(self, value: Any, limit: int) -> None:
        self._require(isinstance(value, int) and not isinstance(value, bool), "value")
        self._require(0 <= value <= limit, "number", limit)

    def _number(self, value: Any) -> None:
        self._require(isinstance(value, int | float) and not isinstance(value, bool), "value")
        self._require(_representable(value), "number", MAX_NUMBER)

    def _pattern(self, value: Any) -> None:
        self._require(isinstance(value, str), "value")
        self._text(value)
        limits = {
            "size": MAX_PATTERN_SIZE if len(value) <= MAX_PATTERN_CHARS else MAX_PATTERN_CHARS
        }
        try:
            canonical_pattern(value)
        except PatternRefused as refused:
            self._refuse(f"pattern_{refused.reason}", limits.get(refused.reason, 0))

    def _format(self, value: Any) -> None:
        self._require(isinstance(value, str) and value in FORMATS, "format")

    def _reference(self, value: Any) -> None:
        """Follow a reference, which may lead to a part of this schema that does not contain it."""
        self._require(value != "#", "recursion")
        self._require(isinstance(value, str) and value.startswith("#/"), "reference")
        self._require(value not in self._references, "recursion")
        node: Any = self._root
        for token in unquote(value[2:]).split("/"):
            node = _member(node, token.replace("~1", "/").replace("~0", "~"))
        self._require(isinstance(node, dict | bool), "reference")
        self._references.append(value)
        self.schema(node)
        self._references.pop()

    def _literal(self, value: Any) -> None:
        """Check a value that the answer repeats; control characters have no short escape there."""
        self._count_part()
        match value:
            case str():
                self._text(value)
                written = all(one >= " " or one in _BLANK_CONTROLS for one in value)
                self._require(written, "value")
            case int() | float():
                self._require(_representable(value), "number", MAX_NUMBER)
            case list() | dict():
                self._require(self._depth < MAX_DEPTH, "depth", MAX_DEPTH)
                self._depth += 1
                for one in [*value, *value.values()] if isinstance(value, dict) else value:
                    self._literal(one)
                self._depth -= 1

    def _text(self, value: Any) -> None:
        """Check that a text can be sent on, and that all of them together are not too long."""
        self._require(isinstance(value, str), "value")
        self._chars += len(value)
        self._require(self._chars <= MAX_SCHEMA_BYTES, "size", MAX_SCHEMA_BYTES)
        self._require(not any("\ud800" <= one <= "\udfff" for one in value), "value")

    def _count_part(self) -> None:
        self._parts += 1
        self._require(self._parts <= MAX_PARTS, "parts", MAX_PARTS)

    @contextmanager
    def _at(self, name: str) -> Iterator[None]:
        self._path.append(name)
        yield
        self._path.pop()

    def _require(self, holds: bool, reason: str, limit: int = 0) -> None:
        if not holds:
            self._refuse(reason, limit)

    def _refuse(self, reason: str, limit: int) -> None:
        field = ".".join(self._path)[:MAX_FIELD_CHARS].encode("utf-8", "replace").decode()
        raise UnsupportedSchema(reason, field=field, limit=limit)


def _representable(value: float) -> bool:
    """Whether every JSON reader reads the number as it is; integers may have any length here."""
    return abs(value) <= MAX_NUMBER if isinstance(value, int) else math.isfinite(value)


def _member(node: Any, name: str) -> Any:
    """Return a part of a node by its name or index, None when there is none."""
    if isinstance(node, list):
        return node[int(name)] if name.isdecimal() and int(name[:9]) < len(node) else None
    return node.get(name) if isinstance(node, dict) else None


def _without_annotations(node: Any) -> Any:
    """Copy a checked schema without the annotations whose values were not checked."""
    if isinstance(node, list):
        return [_without_annotations(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for keyword, value in node.items():
        if keyword in {"const", "enum", "required", "title", "description"}:
            kept[keyword] = value
        elif keyword in {"properties", "$defs", "definitions"}:
            kept[keyword] = {name: _without_annotations(one) for name, one in value.items()}
        elif keyword not in ANNOTATIONS and not keyword.startswith("x-"):
            kept[keyword] = _without_annotations(value)
    return kept
