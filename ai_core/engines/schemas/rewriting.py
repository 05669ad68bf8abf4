"""Checked schemas in words that llguidance reads exactly, narrower where an answer gains by it."""

from collections.abc import Iterator, Mapping
from typing import Any

from ai_core.engines.schemas.bounds import MAX_NUMBER
from ai_core.engines.schemas.patterns import canonical_pattern

_DAY = (
    r"([1-9]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)"
    r"|02-(0[1-9]|1\d|2[0-8]))"
    r"|([1-9]\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)"
)
_OFFSET = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?" + _OFFSET
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-%s[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_FORMAT_PATTERNS = {
    "date": f"^{_DAY}$",
    "time": f"^{_TIME}$",
    "date-time": f"^{_DAY}T{_TIME}$",
    **{f"uuid{version}": f"^{_UUID % version}$" for version in range(1, 6)},
}
"""RFC 3339, 5.6, with the days that exist, without leap seconds; RFC 9562, 4."""
_NAMED = frozenset(("properties", "$defs", "definitions"))
"""Keywords whose value names schemas."""
_VALUES = frozenset(("const", "enum", "required"))
_REWRITTEN = frozenset(("title", "description", "pattern", "format", "uniqueItems"))


def enforced(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checked schema in words llguidance reads exactly, narrower where that helps.

    Numbers are bounded: a model may never end one, and readers take the largest for infinity. An
    object has the properties described and no others, unless it says or combines otherwise.
    """
    closed = not any(map(_combines, _nodes(schema)))
    rewritten: dict[str, Any] = _enforced(dict(schema), closed)
    return rewritten


def _enforced(node: Any, closed: bool) -> Any:
    if isinstance(node, list):
        return [_enforced(one, closed) for one in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for keyword, value in node.items():
        if keyword in _NAMED:
            kept[keyword] = {name: _enforced(one, closed) for name, one in value.items()}
        elif keyword in _VALUES:
            kept[keyword] = value
        elif keyword not in _REWRITTEN:
            kept[keyword] = _enforced(value, closed)
    if closed and "properties" in node and {*node.get("required", ())} <= node["properties"].keys():
        kept.setdefault("additionalProperties", False)
    return {**kept, **_text_constraints(node), **_number_bounds(node)}


def _text_constraints(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pattern and format of a node, as patterns whose engine-specific meaning is one."""
    patterns = [node["pattern"]] if "pattern" in node else []
    known: dict[str, Any] = {}
    if (format := node.get("format")) in _FORMAT_PATTERNS:
        patterns.append(_FORMAT_PATTERNS[format])
    elif format:
        known["format"] = format
    if patterns:
        first, *others = map(canonical_pattern, patterns)
        known["pattern"] = first
        if others:
            known["allOf"] = [*_enforced(node.get("allOf", []), False)]
            known["allOf"] += [{"pattern": one} for one in others]
    return known


def _number_bounds(node: Mapping[str, Any]) -> dict[str, int]:
    named = node.get("type", ())
    bounds: dict[str, int] = {}
    if {"number", "integer"} & {*(named if isinstance(named, list) else [named])}:
        if not {"minimum", "exclusiveMinimum"} & node.keys():
            bounds["minimum"] = -MAX_NUMBER
        if not {"maximum", "exclusiveMaximum"} & node.keys():
            bounds["maximum"] = MAX_NUMBER
    return bounds


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas of a schema, itself included."""
    if isinstance(node, list):
        for one in node:
            yield from _nodes(one)
    elif isinstance(node, dict):
        yield node
        for keyword, value in node.items():
            if keyword in _NAMED:
                yield from _nodes([*value.values()])
            elif keyword not in _VALUES:
                yield from _nodes(value)


def _combines(node: Mapping[str, Any]) -> bool:
    """Whether an object's properties may be described in more than one place."""
    beside = {"allOf", "anyOf", "oneOf", "$ref"} & node.keys()
    parts = len(node.get("allOf", ())) + len(beside - {"allOf"}) + ("properties" in node)
    return parts > 1
