"""What a key allows of a conversation's request."""

from collections.abc import Collection

from ai_core.access.keys import Key, Permission
from ai_core.errors import FeatureNotAllowed
from shared.ai.contract import ChatRequest


def require_permissions(key: Key, body: ChatRequest, free_models: Collection[str]) -> None:
    """Raise FeatureNotAllowed, with the field, for what the key does not allow.

    Every key may name `free_models`: what answers anyway, and what costs nothing.
    """
    if not key.permits(Permission.WITHOUT_LAW):
        if not body.knowledge:
            raise FeatureNotAllowed(field="knowledge")
        for at, message in enumerate(body.messages):
            if message.role == "system":
                raise FeatureNotAllowed(field=f"messages.{at}.role")
    if body.json_schema is not None and not key.permits(Permission.JSON_SCHEMA):
        raise FeatureNotAllowed(field="json_schema")
    if not (body.model is None or body.model in free_models or key.permits_model(body.model)):
        raise FeatureNotAllowed(field="model")
