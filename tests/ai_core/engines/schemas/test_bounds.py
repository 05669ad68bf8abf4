import json
import time
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from ai_core.engines.schemas.bounds import checked_schema
from ai_core.errors import UnsupportedSchema


class Kind(Enum):
    """Kinds of contract."""

    FIXED = "CDD"
    OPEN = "CDI"


class Party(BaseModel):
    """Somebody."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=80, description="As written.", examples=["Durand"])
    age: int | None = Field(default=None, ge=16, lt=120)


class Contract(BaseModel):
    """What a client of a library would ask for."""

    kind: Kind
    parties: list[Party] = Field(min_length=1, max_length=4)
    hours: float = Field(ge=0, le=48)
    signed: Literal["oui", "non"] = "non"
    by_article: dict[str, int] = {}


def strings(length: int) -> dict[str, Any]:
    return {f"p{at}": {"type": "string"} for at in range(length)}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def rooms(*lengths: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for length in lengths:
        schema = {"type": "array", "items": schema, "maxItems": length}
    return schema


DOUBLING = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(12)}
ITSELF = {"type": "array", "items": {"$ref": "#/$defs/a"}}
A = {"properties": {"a": {"type": "string"}}}

REFUSED: dict[str, tuple[Any, str, str]] = {
    "multiple": ({"multipleOf": 2}, "multipleOf", "keyword"),
    "negation": ({"properties": {"n": {"not": {}}}}, "properties.n.not", "keyword"),
    "no doubles": ({"uniqueItems": True}, "uniqueItems", "keyword"),
    "a misspelt one": ({"propertys": {}}, "propertys", "keyword"),
    "an option of the library": ({"x": {"lenient": True}}, "x", "keyword"),
    "a hidden one": ({"$defs": {"a": {"if": {}}}}, "$defs.a.if", "keyword"),
    "names by pattern": ({"patternProperties": {}}, "patternProperties", "keyword"),
    "an unknown format": ({"format": "regex"}, "format", "format"),
    "an unknown type": ({"type": "date"}, "type", "value"),
    "no type": ({"type": []}, "type", "value"),
    "no value": ({"enum": []}, "enum", "value"),
    "no list": ({"anyOf": {}}, "anyOf", "value"),
    "a number for a schema": ({"items": 3}, "items", "value"),
    "a tuple by items": ({"items": [{}]}, "items", "value"),
    "half an item": ({"minItems": 1.5}, "minItems", "value"),
    "a truth for a number": ({"maximum": True}, "maximum", "value"),
    "a control character": ({"const": "a\0"}, "const", "value"),
    "half a character": ({"const": "\ud800"}, "const", "value"),
    "half a title": ({"title": "\ud800"}, "title", "value"),
    "definitions inside": ({"items": {"$defs": {}}}, "items.$defs", "value"),
    "3,000 digits": ({"maximum": 10**3_000}, "maximum", "number"),
    "3,000 digits, listed": ({"enum": [1, -(10**3_000)]}, "enum", "number"),
    "3,000 digits, deep": ({"const": {"a": [10**3_000]}}, "const", "number"),
    "3,000 digits, items": ({"maxItems": 10**3_000}, "maxItems", "number"),
    "infinite": ({"minimum": float("-inf")}, "minimum", "number"),
    "below none": ({"minLength": -1}, "minLength", "number"),
    "a long string": ({"maxLength": 10_001}, "maxLength", "number"),
    "elsewhere": ({"$ref": "https://example.org/a"}, "$ref", "reference"),
    "nowhere": ({"$ref": "#/$defs/a"}, "$ref", "reference"),
    "no text": ({"$ref": 3}, "$ref", "reference"),
    "the whole": ({"properties": {"a": {"$ref": "#"}}}, "properties.a.$ref", "recursion"),
    "itself": ({"$defs": {"a": ITSELF}, "$ref": "#/$defs/a"}, "$ref.items.$ref", "recursion"),
    "itself at once": ({"$defs": {"a": {"$ref": "#/$defs/a"}}}, "$defs.a.$ref.$ref", "recursion"),
    "deep": (nested(33), "items." * 20, "depth"),
    "deep value": ({"const": json.loads("[" * 40 + "]" * 40)}, "const", "depth"),
    "many properties": ({"properties": strings(600)}, "properties.p499", "parts"),
    "many values": ({"enum": list(range(2_000))}, "enum", "parts"),
    "doubling": ({"$defs": {**DOUBLING, "d12": {}}, "$ref": "#/$defs/d0"}, "$ref.", "parts"),
    "long nested arrays": (rooms(100, 100, 2), "items.items", "repeats"),
    "a look-ahead": ({"pattern": "(?=a)b"}, "pattern", "pattern_syntax"),
    "choices in choices": ({"pattern": "^((a|b)?){300}c$"}, "pattern", "pattern_ambiguous"),
    "repeats in repeats": ({"pattern": "(b(ac){50}){50}"}, "pattern", "pattern_size"),
    "a long text": ({"description": "é" * 40_000}, "description", "size"),
    "long texts": ({"enum": ["é" * 20_000]}, "", "size"),
}


@pytest.mark.parametrize(("schema", "place", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_kept_at_a_bounded_cost_is_refused_with_its_place(
    schema: Any, place: str, reason: str
) -> None:
    began_s = time.process_time()
    with pytest.raises(UnsupportedSchema) as raised:
        checked_schema(schema, "json_schema")
    assert time.process_time() - began_s < 1.0
    (fault,) = raised.value.faults
    assert str(fault["field"]).startswith(f"json_schema.{place}".rstrip("."))
    assert fault["reason"] == f"schema_{reason}"
    assert raised.value.status == 400


TAKEN: list[dict[str, Any]] = [
    Contract.model_json_schema(),
    Contract.model_json_schema(mode="serialization"),
    {"type": "object"},
    {},
    {"type": ["string", "null"], "maxLength": 10},
    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
    {"oneOf": [{"const": "a"}, {"const": 3}]},
    {"allOf": [{"type": "string"}], "title": "T", "default": 10**400, "x-order": [10**400]},
    {**A, "required": ["a"], "additionalProperties": False},
    {**A, "items": {"$ref": "#/properties/a"}},
    {"type": "string", "format": "date", "pattern": r"^20\d\d-"},
    {"type": "array", "prefixItems": [{}], "items": False, "uniqueItems": False},
    {"definitions": {"a/b c": {"type": "string"}}, "$ref": "#/definitions/a~1b%20c"},
    {"enum": ["é", None, True, 1.5, {"a": [1]}]},
    nested(31),
    rooms(10, 1_000),
]


@pytest.mark.parametrize("schema", TAKEN, ids=lambda schema: json.dumps(schema)[:40])
def test_what_clients_send_is_taken_and_stays_in_order(schema: dict[str, Any]) -> None:
    kept = json.loads(checked_schema(schema, "json_schema"))
    assert "default" not in kept
    assert list(kept.get("properties", {})) == list(schema.get("properties", {}))
    assert kept.get("required") == schema.get("required")


def test_the_log_names_no_field_of_the_caller() -> None:
    with pytest.raises(UnsupportedSchema) as raised:
        checked_schema({"properties": {"Jean Dupont": {"not": {}}}}, "json_schema")
    assert "Dupont" not in str(raised.value)
