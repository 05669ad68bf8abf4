"""The model manager: which models are in memory.

All the models there are today are part of the service: always loaded, never unloaded.
"""

from ai_core.engines.base import Engine
from ai_core.errors import ModelBuiltIn
from ai_core.registry import ModelCard, Registry


class ModelPool:
    """Gives engines by name, and gives their memory back at the end."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def default(self) -> str:
        """Return the name of the model that answers when none is named."""
        return self._registry.default

    def get(self, name: str | None) -> Engine:
        """Return the engine of a model, or of the default one. Raises UnknownModel."""
        return self._registry.engine(name)

    def cards(self) -> list[ModelCard]:
        """List the models, the default one first."""
        return self._registry.cards()

    def load(self, name: str) -> ModelCard:
        """Bring a model to memory. Raises UnknownModel."""
        self._registry.engine(name)
        return next(card for card in self.cards() if card.id == name)

    def unload(self, name: str) -> None:
        """Give a model's memory back. Raises UnknownModel, ModelBuiltIn."""
        self._registry.engine(name)
        raise ModelBuiltIn(model=name)

    async def close(self) -> None:
        """Give all memory back."""
        for card in self.cards():
            await self._registry.engine(card.id).close()
