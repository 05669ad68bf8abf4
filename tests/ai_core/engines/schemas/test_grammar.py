"""Schemas and the answers that follow them, for every schema that is taken."""

import json
import random
import time
from collections.abc import Sequence
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_core.engines.schemas.bounds import checked_schema
from ai_core.engines.schemas.grammar import Grammar, GrammarCompiler
from ai_core.errors import UnsupportedSchema
from tests.ai_core.engines.schemas.generated import schemas

WORDS = ["il", " la", "20", "01", '":', '{"', '"}', '", "', "[1", "é", "\n  ", "true", "a" * 40]
CONTROL, END, OTHER_END = 256 + len(WORDS), 257 + len(WORDS), 258 + len(WORDS)
LONGEST = 3_000


class Words:
    """A vocabulary of all bytes, some words, a control token and two ends."""

    def token_bytes(self, token: int) -> bytes:
        if token < 256:
            return bytes([token])
        return WORDS[token - 256].encode() if token < CONTROL else b""

    def is_end_token(self, token: int) -> bool:
        return token in {END, OTHER_END}


VOCABULARY = Words()
COMPILER = GrammarCompiler(VOCABULARY, OTHER_END + 1)


def compiled(schema: dict[str, Any]) -> Grammar:
    return COMPILER.compile(checked_schema(schema, "json_schema"))


def follows(schema: dict[str, Any], text: str) -> bool:
    """Whether a text is an answer to a schema, whole."""
    grammar = compiled(schema)
    for token in text.encode():
        if not grammar.allows(token):
            return False
        grammar.accept(token)
    return bool(grammar.allowed_tokens()[END])


def written(grammar: Grammar, choose: random.Random) -> str | None:
    """Write what a model might that ends as soon as it may, None when it goes on and on."""
    text = b""
    for _ in range(LONGEST):
        allowed = grammar.allowed_tokens()
        assert not allowed[CONTROL]
        if allowed[END]:
            assert allowed[OTHER_END]
            return text.decode()
        closing = [token for token in b'"]}' if allowed[token]]
        if closing and choose.random() < 0.5:
            token = closing[0]
        else:
            token = choose.choice(np.flatnonzero(allowed).tolist())
        grammar.accept(token)
        text += VOCABULARY.token_bytes(token)
    return None


INTEGER = {"type": "integer"}
DATE = {"type": "string", "format": "date"}
MOMENT = {"type": "string", "format": "date-time"}
OBJECT = {"type": "object", "properties": {"a": INTEGER}}
OPEN = {"additionalProperties": True}
CASES: Sequence[tuple[dict[str, Any], list[str], list[str]]] = [
    ({"type": "integer", "minimum": 3, "maximum": 11}, ["3", "11"], ["2", "12", "3.0", "03"]),
    (INTEGER, [str(2**53 - 1), "-7"], [str(2**53), "1e3", ""]),
    ({"type": "number"}, ["1.5", "-2"], ["1e400", "9" * 400, "NaN"]),
    ({"type": "number", "exclusiveMinimum": 0}, ["0.5"], ["0", "-1"]),
    (DATE, ['"2024-02-29"', '"2000-02-29"'], ['"2026-02-29"', '"1900-02-29"', '"2026-04-31"']),
    (DATE, ['"2026-12-31"'], ['"2026-13-01"', '"2026-1-1"', '"0000-01-01"']),
    (
        MOMENT,
        ['"2026-02-28T23:59:59Z"', '"2026-02-28T00:00:00.5+02:00"'],
        ['"2026-02-28T24:00:00Z"'],
    ),
    ({"type": "string", "format": "time"}, ['"10:00:00Z"'], ['"10:00:60Z"', '"10:00"']),
    ({"type": "string", "format": "email"}, ['"a.b@c.fr"'], ['"a"', '"a b@c.fr"', '"a@"']),
    ({"type": "string", "format": "uuid4"}, ['"123e4567-e89b-42d3-a456-426614174000"'], ['"1"']),
    ({"type": "string", "pattern": "^é+$"}, ['"éé"'], ['"e"', '""']),
    ({"type": "string", "pattern": "é"}, ['"chéri"'], ['"a"']),
    (
        {"type": "string", "pattern": r"^[\s\S]$"},
        ['"\\n"', '"\\\\"', '"\\""'],
        ['"\n"', '"\\u0061"'],
    ),
    ({"type": "string", "maxLength": 2}, ['"é\\n"', '"😀a"'], ['"abc"']),
    ({"type": "string", "minLength": 2, "pattern": "^a*$"}, ['"aa"'], ['"a"']),
    ({"format": "date", "pattern": "^2026"}, ['"2026-01-01"', "3"], ['"2025-01-01"']),
    ({"type": "string"}, ['"a"'], ['"\\u0061"', '"\t"', "'a'"]),
    ({"enum": ["a", 1, None]}, ['"a"', "null"], ['"b"', "2"]),
    ({"const": {"a": [1]}}, ['{"a": [1]}'], ['{"a": [2]}']),
    (OBJECT, ["{}", '{"a": 1}'], ['{"a": "x"}', '{"a": 1, "b": 2}', "[]"]),
    ({**OBJECT, **OPEN}, ['{"a": 1, "b": "x"}'], ['{"a": "x"}', '{"\\u0061": "x"}', "[]"]),
    ({"allOf": [OBJECT, {"required": ["b"]}]}, ['{"b": 1}'], ['{"a": 1}', '{"a": "x", "b": 1}']),
    ({"required": ["b"], "properties": {"a": INTEGER}}, ['{"b": 1}'], ['{"a": 1}']),
    ({"anyOf": [OBJECT, INTEGER]}, ['{"a": 1}', "1"], ['{"b": 1}']),
    ({**OBJECT, "required": ["a"], "additionalProperties": False}, ['{"a":1}'], ["{}", '{"b":1}']),
    ({"properties": {"a": INTEGER}}, ["[]", '{"a": 1}'], ['{"a": "x"}']),
    ({"type": ["string", "null"], "maxLength": 1}, ["null", '"a"'], ['"ab"', "1"]),
    ({"allOf": [{"type": "string", "minLength": 2}, {"maxLength": 3}]}, ['"ab"'], ['"abcd"']),
    ({"anyOf": [INTEGER, DATE]}, ["1", '"2026-01-01"'], ['"a"']),
    ({"type": "array", "items": INTEGER, "minItems": 1, "maxItems": 2}, ["[1]"], ["[]", "[1,2,3]"]),
    ({"type": "array", "prefixItems": [INTEGER], "items": False}, ["[1]"], ["[1,2]", '["a"]']),
    ({"$defs": {"d": INTEGER}, "items": {"$ref": "#/$defs/d"}}, ["[1]", "{}"], ['["a"]']),
    ({"type": "boolean"}, ["true"], ["True", "1", " true", "true "]),
    ({}, ['{"a":[null]}', "1"], ["", "{"]),
]


@pytest.mark.parametrize(("schema", "answers", "others"), CASES, ids=lambda part: json.dumps(part))
def test_a_schema_lets_through_what_follows_it_and_nothing_else(
    schema: dict[str, Any], answers: list[str], others: list[str]
) -> None:
    assert [text for text in answers if not follows(schema, text)] == []
    assert [text for text in others if follows(schema, text)] == []


def test_a_model_cannot_write_blanks_for_ever() -> None:
    assert follows(OBJECT, '{\n  "a": 1\n}')
    assert not follows(OBJECT, "{" + " " * 30 + "}")
    assert not follows(OBJECT, "{\n\n\n}")


def test_a_text_that_is_given_is_written_in_long_tokens() -> None:
    grammar = compiled({"const": "a" * 80})
    tokens = []
    while not (allowed := grammar.allowed_tokens())[END]:
        tokens.append(int(allowed.argmax()))
        grammar.accept(tokens[-1])
    assert len(tokens) == 4  # two quotes, two tokens of 40 letters


def test_a_grammar_is_compiled_once_and_each_answer_has_its_own() -> None:
    first, second = compiled(OBJECT), compiled(OBJECT)
    first.accept(ord("{"))
    assert second.allows(ord("{"))
    assert not second.allows(ord("}"))


def test_a_schema_that_no_answer_follows_says_so() -> None:
    for schema in (
        {"type": "string", "pattern": "^a$", "minLength": 2},
        {"allOf": [INTEGER, DATE]},
    ):
        with pytest.raises(UnsupportedSchema) as raised:
            compiled(schema)
        assert raised.value.sentence == "schema_unsatisfiable"


def test_a_vocabulary_without_an_end_follows_no_schema() -> None:
    with pytest.raises(UnsupportedSchema) as raised:
        GrammarCompiler(VOCABULARY, CONTROL).compile("{}")
    assert raised.value.sentence == "schema_no_end"


@settings(max_examples=400, deadline=None)
@given(schema=schemas(), seed=st.integers(0, 2**32))
def test_any_schema_is_refused_or_followed(schema: dict[str, Any], seed: int) -> None:
    """A generated schema, hostile or not: a refusal, or an answer that `jsonschema` finds valid."""
    began_s = time.thread_time()
    try:
        text = written(compiled(schema), random.Random(seed))  # noqa: S311
    except UnsupportedSchema:
        assert time.thread_time() - began_s < 3.0
        return
    if text is not None:
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        validator.validate(json.loads(text))
