"""From a JSON schema to the grammar llama.cpp holds the answer to.

llama.cpp's converter passes over the keywords it does not know; a schema with one is refused here,
so that an answer never silently breaks a rule it was given.
"""

import json
from collections.abc import Mapping
from typing import Any

from llama_cpp.llama_grammar import json_schema_to_gbnf

from ai_core.errors import Unsupported

MOST_SCHEMA_CHARS = 16_384
MOST_REPEATS = 1_000
MOST_GRAMMAR_CHARS = 200_000
_MOST_DEEP = 32
_NOTES = frozenset(
    ("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default")
).union(("examples", "deprecated", "readOnly", "writeOnly", "discriminator"))
_OBJECT = frozenset(("properties", "required", "additionalProperties"))
_ARRAY = frozenset(("items", "prefixItems", "minItems", "maxItems"))
_STRING = frozenset(("pattern", "format", "minLength", "maxLength"))
_FORMATS = frozenset(
    ("date", "time", "date-time", "uuid", "uuid1", "uuid2", "uuid3", "uuid4", "uuid5")
)
_SHAPES: Mapping[str, frozenset[str]] = {
    "object": _OBJECT,
    "array": _ARRAY,
    "string": _STRING,
    "number": frozenset(),
    "integer": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
}
_ALONE = ("$ref", "anyOf", "oneOf", "const", "enum")


def grammar_of(schema: str) -> str:
    """Return the GBNF grammar of a JSON schema. Raises Unsupported with what cannot be kept."""
    if len(schema) > MOST_SCHEMA_CHARS:
        raise Unsupported(f"a JSON schema has at most {MOST_SCHEMA_CHARS} characters")
    try:
        node = json.loads(schema)
        _check(node, 0)
        grammar: str = json_schema_to_gbnf(schema)
    except RecursionError as fault:
        raise Unsupported("the JSON schema is nested too deeply") from fault
    # The converter reports what it cannot convert by assertions and plain look-up errors.
    except (ValueError, AssertionError, KeyError, IndexError, TypeError, AttributeError) as fault:
        raise Unsupported(f"the JSON schema cannot be followed: {fault}") from fault
    if len(grammar) > MOST_GRAMMAR_CHARS:
        raise Unsupported("the JSON schema makes too large a grammar; ask for less repetition")
    return grammar


def _check(node: Any, depth: int) -> None:
    """Refuse what the converter would pass over."""
    if not isinstance(node, dict):
        raise Unsupported("a JSON schema is an object")
    if depth > _MOST_DEEP:
        raise Unsupported("the JSON schema is nested too deeply")
    for name in ("$defs", "definitions"):
        for child in _children(node.get(name, {})):
            _check(child, depth + 1)
    keywords = frozenset(node) - _NOTES
    alone = [name for name in _ALONE if name in keywords]
    if alone:
        _check_alone(node, alone[0], keywords, depth)
    else:
        _check_shape(node, keywords, depth)


def _check_alone(node: dict[str, Any], name: str, keywords: frozenset[str], depth: int) -> None:
    allowed = {name, "type"} if name in {"const", "enum"} else {name}
    _refuse(keywords - allowed, f"beside {name}")
    if name in {"anyOf", "oneOf"}:
        for child in node[name]:
            _check(child, depth + 1)
    if name == "$ref" and not str(node[name]).startswith("#/"):
        raise Unsupported("a JSON schema may only refer to its own parts (#/…)")


def _check_shape(node: dict[str, Any], keywords: frozenset[str], depth: int) -> None:
    kinds = node.get("type")
    if isinstance(kinds, list):
        _refuse(keywords - {"type"}, "beside several types")
        return
    if kinds is None:
        shape = next((shape for shape, own in _SHAPES.items() if own & keywords), None)
        _refuse(keywords - _SHAPES.get(shape or "null", frozenset()), "without a type")
    elif kinds not in _SHAPES:
        raise Unsupported(f"a JSON schema knows no type {kinds!r}")
    else:
        shape = str(kinds)
        _refuse(keywords - {"type"} - _SHAPES[shape], f"for type {shape}")
    _check_parts(node, depth)


def _check_parts(node: dict[str, Any], depth: int) -> None:
    unknown = set(node.get("required", ())) - set(node.get("properties", {}))
    if unknown:
        raise Unsupported(f"the JSON schema requires {sorted(unknown)} without describing it")
    for name in ("minItems", "maxItems", "minLength", "maxLength"):
        if not 0 <= int(node.get(name, 0)) <= MOST_REPEATS:
            raise Unsupported(f"{name} is at most {MOST_REPEATS}")
    if "format" in node and (node["format"] not in _FORMATS or "pattern" in node):
        raise Unsupported(f"the string format {node['format']!r} cannot be kept")
    if {"pattern", "format"} & node.keys() and {"minLength", "maxLength"} & node.keys():
        raise Unsupported("a pattern or format cannot be combined with a length")
    if "items" in node and "prefixItems" in node:
        raise Unsupported("items and prefixItems cannot be combined")
    listed = node.get("items", node.get("prefixItems", ()))
    extra = node.get("additionalProperties")
    parts = [*_children(node.get("properties", {})), *(listed if isinstance(listed, list) else ())]
    parts += [part for part in (listed, extra) if isinstance(part, dict)]
    for part in parts:
        _check(part, depth + 1)


def _children(part: Any) -> list[Any]:
    if not isinstance(part, dict):
        raise Unsupported("a JSON schema's parts are named")
    return list(part.values())


def _refuse(keywords: frozenset[str] | set[str], where: str) -> None:
    if keywords:
        raise Unsupported(f"the JSON schema asks for {', '.join(sorted(keywords))} {where}")
