"""JSON schema to GBNF, the grammar by which llama.cpp constrains the answer.

llama.cpp's converter ignores keywords it does not know. A schema with one is refused here, so that
an answer never silently violates its schema.
"""

import json
from collections.abc import Mapping
from typing import Any

from llama_cpp.llama_grammar import json_schema_to_gbnf

from ai_core.errors import Unsupported

MAX_SCHEMA_CHARS = 16_384
MAX_REPEATS = 1_000
MAX_GRAMMAR_CHARS = 200_000
_MAX_DEPTH = 32
_ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default")
).union(("examples", "deprecated", "readOnly", "writeOnly", "discriminator"))
_OBJECT = frozenset(("properties", "required", "additionalProperties"))
_ARRAY = frozenset(("items", "prefixItems", "minItems", "maxItems"))
_STRING = frozenset(("pattern", "format", "minLength", "maxLength"))
_FORMATS = frozenset(
    ("date", "time", "date-time", "uuid", "uuid1", "uuid2", "uuid3", "uuid4", "uuid5")
)
_TYPE_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": _OBJECT,
    "array": _ARRAY,
    "string": _STRING,
    "number": frozenset(),
    "integer": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
}
_EXCLUSIVE = ("$ref", "anyOf", "oneOf", "const", "enum")


def schema_to_gbnf(schema: str) -> str:
    """Return the GBNF grammar of a JSON schema. Raises Unsupported with the offending keyword."""
    if len(schema) > MAX_SCHEMA_CHARS:
        raise Unsupported(f"a JSON schema has at most {MAX_SCHEMA_CHARS} characters")
    try:
        node = json.loads(schema)
        _check_node(node, 0)
        grammar: str = json_schema_to_gbnf(schema)
    except RecursionError as error:
        raise Unsupported("the JSON schema is nested too deeply") from error
    # The converter reports what it cannot convert by assertions and plain look-up errors.
    except (ValueError, AssertionError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unsupported(f"the JSON schema cannot be followed: {error}") from error
    if len(grammar) > MAX_GRAMMAR_CHARS:
        raise Unsupported("the JSON schema makes too large a grammar; ask for less repetition")
    return grammar


def _check_node(node: Any, depth: int) -> None:
    """Refuse what the converter would ignore."""
    if not isinstance(node, dict):
        raise Unsupported("a JSON schema is an object")
    if depth > _MAX_DEPTH:
        raise Unsupported("the JSON schema is nested too deeply")
    for name in ("$defs", "definitions"):
        for child in _children(node.get(name, {})):
            _check_node(child, depth + 1)
    keywords = frozenset(node) - _ANNOTATIONS
    exclusive = [name for name in _EXCLUSIVE if name in keywords]
    if exclusive:
        _check_exclusive(node, exclusive[0], keywords, depth)
    else:
        _check_typed(node, keywords, depth)


def _check_exclusive(node: dict[str, Any], name: str, keywords: frozenset[str], depth: int) -> None:
    allowed = {name, "type"} if name in {"const", "enum"} else {name}
    _refuse_keywords(keywords - allowed, f"beside {name}")
    if name in {"anyOf", "oneOf"}:
        for child in node[name]:
            _check_node(child, depth + 1)
    if name == "$ref" and not str(node[name]).startswith("#/"):
        raise Unsupported("a JSON schema may only refer to its own parts (#/…)")


def _check_typed(node: dict[str, Any], keywords: frozenset[str], depth: int) -> None:
    type_name = node.get("type")
    if isinstance(type_name, list):
        _refuse_keywords(keywords - {"type"}, "beside several types")
        return
    if type_name is None:
        allowed = next((own for own in _TYPE_KEYWORDS.values() if own & keywords), frozenset())
        _refuse_keywords(keywords - allowed, "without a type")
    elif type_name not in _TYPE_KEYWORDS:
        raise Unsupported(f"a JSON schema knows no type {type_name!r}")
    else:
        allowed = _TYPE_KEYWORDS[type_name]
        _refuse_keywords(keywords - {"type"} - allowed, f"for type {type_name}")
    _check_limits_and_children(node, depth)


def _check_limits_and_children(node: dict[str, Any], depth: int) -> None:
    unknown = set(node.get("required", ())) - set(node.get("properties", {}))
    if unknown:
        raise Unsupported(f"the JSON schema requires {sorted(unknown)} without describing it")
    for name in ("minItems", "maxItems", "minLength", "maxLength"):
        if not 0 <= int(node.get(name, 0)) <= MAX_REPEATS:
            raise Unsupported(f"{name} is at most {MAX_REPEATS}")
    if "format" in node and (node["format"] not in _FORMATS or "pattern" in node):
        raise Unsupported(f"the string format {node['format']!r} cannot be enforced")
    if {"pattern", "format"} & node.keys() and {"minLength", "maxLength"} & node.keys():
        raise Unsupported("a pattern or format cannot be combined with a length")
    if "items" in node and "prefixItems" in node:
        raise Unsupported("items and prefixItems cannot be combined")
    listed = node.get("items", node.get("prefixItems", ()))
    extra = node.get("additionalProperties")
    parts = [*_children(node.get("properties", {})), *(listed if isinstance(listed, list) else ())]
    parts += [part for part in (listed, extra) if isinstance(part, dict)]
    for part in parts:
        _check_node(part, depth + 1)


def _children(part: Any) -> list[Any]:
    if not isinstance(part, dict):
        raise Unsupported("a JSON schema's parts are named")
    return list(part.values())


def _refuse_keywords(keywords: frozenset[str] | set[str], where: str) -> None:
    if keywords:
        raise Unsupported(f"the JSON schema asks for {', '.join(sorted(keywords))} {where}")
