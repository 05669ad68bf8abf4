"""The models that exist: their names, formats and how they come to memory."""

from dataclasses import dataclass

from ai_core.engines.base import Engine
from ai_core.errors import UnknownModel


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as a caller sees it."""

    id: str
    format: str


class Registry:
    """Every model by name; those built into the service bring their engine along."""

    def __init__(self, built_in: tuple[Engine, ...], default: str) -> None:
        self._engines = {engine.name: engine for engine in built_in}
        if default not in self._engines:
            raise UnknownModel(f"the default model {default} does not exist", model=default)
        self.default = default

    def cards(self) -> list[ModelCard]:
        """List the models, the default one first."""
        names = sorted(self._engines, key=lambda name: (name != self.default, name))
        return [ModelCard(name, "built-in") for name in names]

    def engine(self, name: str | None) -> Engine:
        """Return a model's engine, or the default one's. Raises UnknownModel."""
        try:
            return self._engines[name or self.default]
        except KeyError:
            raise UnknownModel(model=str(name)) from None
