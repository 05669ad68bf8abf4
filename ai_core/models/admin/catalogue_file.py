"""Edits models.toml, preserving an operator's own lines and comments."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from pydantic import ValidationError

from ai_core.errors import ModelUnusable, UnknownModel
from ai_core.models.registry import CATALOGUE, Catalogue, ModelEntry, plain_words
from ai_core.models.variants import replace_file


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """The models.toml of a folder."""

    folder: Path

    def read(self) -> Catalogue:
        """Read it. Raises WrongSettings when it is wrong."""
        return Catalogue.read(self.folder / CATALOGUE)

    def entry(self, name: str) -> ModelEntry:
        """Return the entry of a model. Raises UnknownModel."""
        for entry in self.read().model:
            if entry.name == name:
                return entry
        raise UnknownModel(f"no model is called {name}; model list shows them", model=name)

    def put(self, entry: ModelEntry) -> None:
        """Add a model, or replace the one of that name."""
        keys = entry.model_dump(exclude_defaults=True, mode="json")
        with self._editing() as document:
            models = document.setdefault("model", tomlkit.aot())
            for index, other in enumerate(models):
                if other["name"] == entry.name:
                    models[index] = tomlkit.item(keys)
                    return
            models.append(tomlkit.item(keys))

    def remove(self, name: str) -> None:
        """Remove a model that is there, and the default that names it."""
        with self._editing() as document:
            if document.get("default") == name:
                del document["default"]
            models = document["model"]
            del models[[other["name"] for other in models].index(name)]
            if not models:
                del document["model"]

    def set_default(self, name: str) -> None:
        """Set the model that answers when a request names none."""
        with self._editing() as document:
            document["default"] = name

    @contextmanager
    def _editing(self) -> Iterator[tomlkit.TOMLDocument]:
        """Yield the document to change; it is written only if it is valid afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / CATALOGUE
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else _empty()
            yield document
            text = tomlkit.dumps(document)
            draft = self.folder / f".{CATALOGUE}.draft"
            draft.write_text(text, "utf-8")
            Catalogue.read(draft)
            draft.unlink()
            replace_file(path, text)


def valid_entry(keys: dict[str, object]) -> ModelEntry:
    """Check the keys of an entry. Raises ModelUnusable with the first one that is wrong."""
    try:
        return ModelEntry.model_validate(keys)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = [keys["name"], *first["loc"], plain_words(first["msg"])]
        raise ModelUnusable(": ".join(map(str, where))) from None


def _empty() -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("The models of this service; docs/models.md tells what each key does.")
    )
    return document
