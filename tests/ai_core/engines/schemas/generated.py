"""JSON schemas as clients and attackers may write them, valid and not."""

from typing import Any

from hypothesis import strategies as st


def scalars() -> st.SearchStrategy[dict[str, Any]]:
    length = st.integers(0, 40)
    numbers = st.integers(-(10**6), 10**6)
    texts = st.text('aé\n"\\ 0🙂', max_size=4)
    return st.one_of(
        st.fixed_dictionaries({"type": st.sampled_from(["string", "integer", "null", "boolean"])}),
        st.fixed_dictionaries(
            {"type": st.just("string"), "minLength": length, "maxLength": length}
        ),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["integer", "number"]), "minimum": numbers},
            optional={"maximum": numbers, "exclusiveMaximum": numbers},
        ),
        st.fixed_dictionaries(
            {"type": st.just("string")},
            optional={
                "format": st.sampled_from(["date", "time", "date-time", "uuid", "email", "ipv4"]),
                "pattern": patterns(),
            },
        ),
        st.fixed_dictionaries({"pattern": patterns(), "maxLength": length}),
        st.fixed_dictionaries(
            {"enum": st.lists(st.one_of(texts, numbers, st.none()), min_size=1, max_size=4)}
        ),
    )


def patterns() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(
        ["a", "[a-f]", r"\d", r"\w", ".", r"\s", "[^a]", "é", r"\.", "(?:ab|c)", "", "^", "$"]
    )
    repeated = st.tuples(atoms, st.sampled_from(["", "", "*", "+", "?", "{2,5}", "{0,99}", "{40}"]))
    joined = st.lists(repeated.map("".join), max_size=4).map("".join)
    return st.recursive(
        joined,
        lambda inner: st.tuples(
            st.sampled_from(["^", ""]),
            inner,
            inner,
            st.sampled_from(["*", "{0,9}", "{9}", "?", ""]),
        ).map(lambda part: f"{part[0]}({part[1]}|{part[2]}){part[3]}"),
        max_leaves=4,
    )


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    def containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        names = st.sampled_from('abcdefgé"')
        references = st.sampled_from(["#/$defs/a", "#/$defs/b", "#", "#/properties/a"])
        return st.one_of(
            st.fixed_dictionaries(
                {
                    "type": st.just("object"),
                    "properties": st.dictionaries(names, inner, max_size=4),
                },
                optional={
                    "required": st.lists(names, max_size=3, unique=True),
                    "additionalProperties": st.one_of(st.booleans(), inner),
                },
            ),
            st.fixed_dictionaries(
                {"type": st.just("array"), "items": inner},
                optional={"minItems": st.integers(0, 5), "maxItems": st.integers(0, 40)},
            ),
            st.fixed_dictionaries({"prefixItems": st.lists(inner, min_size=1, max_size=3)}),
            st.fixed_dictionaries({"$ref": references}),
            *(
                st.fixed_dictionaries({name: st.lists(inner, min_size=1, max_size=4)})
                for name in ("anyOf", "oneOf", "allOf")
            ),
        )

    schema = st.recursive(scalars(), containers, max_leaves=8)
    return st.builds(
        lambda root, a, b: {**root, "$defs": {"a": a, "b": b}}, schema, schema, scalars()
    )
