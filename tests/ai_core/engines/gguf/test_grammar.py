import json
from typing import Any

import pytest

from ai_core.engines.gguf.grammar import schema_to_gbnf
from ai_core.errors import Unsupported

PERSON = {
    "$defs": {"name": {"type": "string", "maxLength": 20}},
    "type": "object",
    "title": "Person",
    "properties": {
        "name": {"$ref": "#/$defs/name"},
        "age": {"type": ["integer", "null"]},
        "kind": {"enum": ["employee", "employer"]},
        "days": {"type": "array", "items": {"type": "string", "format": "date"}, "maxItems": 3},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def test_a_usual_schema_becomes_a_grammar() -> None:
    assert schema_to_gbnf(json.dumps(PERSON)).count("::=") > 5


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "integer", "minimum": 3}, id="a bound"),
        pytest.param({"type": "array", "items": {}, "uniqueItems": True}, id="no doubles"),
        pytest.param({"not": {"type": "string"}}, id="a negation"),
        pytest.param({"type": "number", "multipleOf": 2}, id="multiples"),
        pytest.param({"type": "string", "format": "email"}, id="an e-mail"),
        pytest.param({"anyOf": [{"type": "null"}], "properties": {"a": {}}}, id="two in one"),
        pytest.param({"type": "object", "required": ["a"]}, id="something not described"),
        pytest.param({"type": "date"}, id="an unknown type"),
        pytest.param({"$ref": "https://example.org/schema"}, id="another place"),
        pytest.param({"$ref": "#/$defs/missing"}, id="a missing part"),
        pytest.param({"type": "string", "maxLength": 100_000}, id="too long"),
        pytest.param({"type": "string", "pattern": "(?=a)b"}, id="a look-ahead"),
        pytest.param({"type": "array", "items": {"type": "array", "items": 3}}, id="a number"),
        pytest.param(["type"], id="a list"),
    ],
)
def test_what_cannot_be_enforced_is_refused(schema: Any) -> None:
    with pytest.raises(Unsupported):
        schema_to_gbnf(json.dumps(schema))


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(Unsupported):
        schema_to_gbnf("{")


def test_a_very_deep_schema_is_refused() -> None:
    with pytest.raises(Unsupported):
        schema_to_gbnf('{"type":"array","items":' * 400 + "{}" + "}" * 400)
