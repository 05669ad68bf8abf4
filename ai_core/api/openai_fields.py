"""The fields that requests of `/v1` share: served, unused and refused ones (decision 0117)."""

from typing import Annotated, Any

from pydantic import ConfigDict, JsonValue, StringConstraints, model_validator

from ai_core.errors import Unsupported
from shared.ai.contract import Body

ASSISTANT = "cdt-assistant"
"""The model id of the assistant with the law behind it."""
ModelId = Annotated[str, StringConstraints(min_length=1, max_length=128)]

NEUTRAL_VALUES: dict[str, tuple[object, ...]] = {
    "best_of": (None, 1),
    "echo": (None, False),
    "suffix": (None, ""),
    "functions": (None, []),
    "function_call": (None, "none", "auto"),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "web_search_options": (None,),
    "dimensions": (None,),
}
"""Fields of OpenAI's API that are not supported, with the values that ask for nothing."""
UNUSED_FIELDS = (
    *("user", "safety_identifier", "metadata", "store", "service_tier", "moderation"),
    *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "prediction"),
    *("reasoning_effort", "verbosity"),
)
"""Fields of OpenAI's API that no answer here depends on: accepted with any value."""


def _only(value: object) -> dict[str, Any]:
    """Return a JSON Schema of one value of NEUTRAL_VALUES, in words that client generators know."""
    if value is None:
        return {"type": "null"}
    if isinstance(value, dict):
        return {"type": "object", "maxProperties": 0}
    if isinstance(value, list):
        return {"type": "array", "items": {"enum": value or [""]}, "maxItems": len(value)}
    return {"const": value}


def _describe_unsupported(schema: dict[str, Any]) -> None:
    """Describe the fields of NEUTRAL_VALUES in a JSON Schema."""
    for name, nothing in NEUTRAL_VALUES.items():
        schema["properties"][name] = {
            "anyOf": [_only(value) for value in nothing],
            "description": "Not supported: any other value than these is a 400 `unsupported`.",
        }
    for name in UNUSED_FIELDS:
        schema["properties"][name]["description"] = "Accepted and not used."


class NullableBody(Body):
    """An object of a request, in which null is the same as an absent field.

    Clients send back what they got (`message.model_dump()`), with a null in every empty field. A
    value of another type is refused and never converted, as by OpenAI: "5" is no number.
    """

    model_config = ConfigDict(strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: field for name, field in value.items() if field is not None}


class OpenAiBody(NullableBody):
    """The fields every request of `/v1` may hold."""

    model_config = ConfigDict(json_schema_extra=_describe_unsupported)

    model: ModelId = ASSISTANT
    """`cdt-assistant`, which answers with the law, or a name from `GET /v1/models`."""
    user: JsonValue = None
    safety_identifier: JsonValue = None
    metadata: JsonValue = None
    store: JsonValue = None
    service_tier: JsonValue = None
    moderation: JsonValue = None
    prompt_cache_key: JsonValue = None
    prompt_cache_retention: JsonValue = None
    prompt_cache_options: JsonValue = None
    prediction: JsonValue = None
    reasoning_effort: JsonValue = None
    verbosity: JsonValue = None
    best_of: JsonValue = None
    echo: JsonValue = None
    suffix: JsonValue = None
    functions: JsonValue = None
    function_call: JsonValue = None
    modalities: JsonValue = None
    audio: JsonValue = None
    web_search_options: JsonValue = None
    dimensions: JsonValue = None

    def require_supported(self) -> None:
        """Raise Unsupported for the first unsupported field without its neutral value."""
        for name, nothing in NEUTRAL_VALUES.items():
            if getattr(self, name) not in nothing and not self._asks_for_nothing(name):
                raise Unsupported(f"{name} is not served", model=self.model, feature=name)

    def _asks_for_nothing(self, name: str) -> bool:
        """Whether functions are offered that the model is told not to call."""
        return name == "functions" and self.function_call == "none"
