"""The models that exist: those built into the service, and those of `models.toml`."""

import asyncio
import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
from pydantic import AfterValidator, Field, ValidationError, model_validator

from ai_core.engines.base import Capabilities, Engine
from ai_core.engines.formats import FileFormat
from ai_core.engines.runner import LoadOptions
from ai_core.errors import ModelUnusable, UnknownModel
from ai_core.models.files import ModelMetadata, main_file, read_metadata, weight_files
from ai_core.models.variants import FILE, Variants
from shared.errors import AppError
from shared.settings import Section, WrongSettings

log = structlog.get_logger()

CatalogueFormat = Literal[FileFormat, "remote"]
ModelFormat = Literal["built-in", CatalogueFormat]
Quantization = Literal["auto", "none", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "int8", "bf16"]

CATALOGUE = "models.toml"
KEEP_ALIVE_S = 1_800.0
MAX_CONTEXT_TOKENS = 8_192  # unless models.toml asks for more: memory grows with it
SLOTS = (2, 16)  # batches wider than 16 rows bring next to nothing on processors


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _valid_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a name has up to 128 letters without accents, digits, dots, dashes and underscores, "
            "and begins with a letter or a digit"
        )
    return name


class ModelEntry(Section):
    """One `[[model]]` of models.toml; unknown keys are refused.

    `source` is a file or folder, relative to models.toml or absolute. `sha256` is that of the
    weights as `model add` found them. 0 lets the service choose.
    """

    name: Annotated[str, AfterValidator(_valid_name)]
    format: CatalogueFormat
    source: str = ""
    origin: str = Field(default="", description="Where it was fetched from, for the operator.")
    base: str = Field(default="", description="The model an adapter belongs to.")
    context_tokens: int = Field(default=0, ge=0)
    slots: int = Field(default=0, ge=0)
    threads: int = Field(default=0, ge=0)
    quantization: Quantization = "none"
    chat_template: str = ""
    pinned: bool = False
    keep_alive_s: float = Field(default=KEEP_ALIVE_S, ge=0)
    licence: str = ""
    sha256: str = ""
    upstreams: tuple[str, ...] = ()
    upstream_model: str = ""
    upstream_key_file: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "ModelEntry":
        if self.format == "remote":
            if not self.upstreams or self.source:
                raise ValueError("a remote model needs upstreams, and no source")
        elif not self.source or self.upstreams:
            raise ValueError("a model needs its source; upstreams are for format remote")
        if (self.format == "lora") != bool(self.base):
            raise ValueError("base is what an adapter (format lora) needs, and nothing else")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model that exists, and how it is loaded.

    `weights` is a hash of everything that decides what it writes. `path` is opened with `options`;
    `size_bytes` is what its files take on disk. `base` names the model an adapter belongs to.
    `agreement` is how often the variant in use chooses the original's token. `error` is why it
    cannot be opened, where its files already show it.
    """

    id: str
    format: ModelFormat
    weights: str
    extractive: bool = False
    context_tokens: int = 0
    base: str | None = None
    path: str = ""
    licence: str = ""
    pinned: bool = False
    keep_alive_s: float = KEEP_ALIVE_S
    size_bytes: int = 0
    options: LoadOptions = field(default_factory=LoadOptions)
    precision: str = ""
    agreement: float | None = None
    quantization: Quantization = "none"
    metadata: ModelMetadata | None = None
    error: str = ""
    upstreams: tuple[str, ...] = ()
    upstream_model: str = ""
    upstream_key_file: str = ""
    capabilities: Capabilities | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Return what must not change while an engine of this model is in memory."""
        return (self.id, self.weights, self.path, self.base, self.options, self.upstreams)


def card_of(engine: Engine) -> ModelCard:
    """Describe an engine that is part of the service."""
    return ModelCard(
        id=engine.name,
        format="built-in",
        weights=engine.weights,
        extractive=engine.extractive,
        context_tokens=engine.context_tokens,
        pinned=True,
        capabilities=engine.capabilities,
    )


class Catalogue(Section):
    """models.toml, read: the model that answers when none is named, and the models."""

    default: str = ""
    model: tuple[ModelEntry, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "Catalogue":
        """Read the file; an empty catalogue when there is none.

        Raises WrongSettings with one sentence that names the line or the model that is wrong.
        """
        try:
            written = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise WrongSettings(f"{path}: {error}") from None
        try:
            catalogue = cls.model_validate(written)
        except ValidationError as error:
            raise WrongSettings(f"{path}: {_first_error(error, written)}") from None
        catalogue.check(path)
        return catalogue

    def check(self, path: Path) -> None:
        """Raise WrongSettings when two models share a name, or an adapter's base is not here."""
        entries = {entry.name: entry for entry in self.model}
        if len(entries) < len(self.model):
            names = [entry.name for entry in self.model]
            twice = next(name for name in names if names.count(name) > 1)
            raise WrongSettings(f"{path}: model {twice}: the name is used twice")
        for entry in self.model:
            base = entries.get(entry.base)
            if entry.base and (base is None or base.format not in {"gguf", "safetensors"}):
                raise WrongSettings(
                    f"{path}: model {entry.name}: base {entry.base} is no gguf or safetensors model"
                )


def plain_words(message: str) -> str:
    """Return a message of pydantic's as a sentence of ours."""
    return message.removeprefix("Value error, ")


def _first_error(error: ValidationError, written: dict[str, Any]) -> str:
    """Return one sentence about the first error, with the name of its model."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = list(first["loc"])
    words = "unknown key" if first["type"] == "extra_forbidden" else plain_words(first["msg"])
    if where[:1] == ["model"] and len(where) > 1 and isinstance(where[1], int):
        entry = written["model"][where[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        where = [f"model {name or where[1] + 1}", *where[2:]]
    return f"{': '.join(map(str, where))}: {words}"


class Registry:
    """Every model by name, with the engines of those built into the service."""

    def __init__(self, folder: Path, built_in: Sequence[Engine], default: str = "") -> None:
        self._folder = folder
        self._engines = {engine.name: engine for engine in built_in}
        self._wanted = default
        self._stamps: tuple[object, ...] = ()
        self._cards = {name: card_of(engine) for name, engine in self._engines.items()}
        self.default = default or next(iter(self._engines), "")

    @classmethod
    def read(cls, folder: Path, built_in: Sequence[Engine], default: str = "") -> "Registry":
        """Read the models of a folder's models.toml beside the built-in ones. Blocks on the disk.

        `default` wins over the file's own; without either the first built-in model answers. Raises
        WrongSettings for a wrong file, UnknownModel when there is no model named `default`.
        """
        registry = cls(folder, built_in, default)
        registry.refresh()
        return registry

    def refresh(self) -> bool:
        """Read the file again if it changed; return whether anything did. Blocks on the disk.

        Raises WrongSettings, UnknownModel: then everything stays as it was read last.
        """
        stamps = self._file_stamps()
        if stamps == self._stamps:
            return False
        catalogue = Catalogue.read(self._folder / CATALOGUE)
        cards = {name: card_of(engine) for name, engine in self._engines.items()}
        for entry in catalogue.model:
            if entry.name in cards:
                raise WrongSettings(f"model {entry.name}: that model is built in; rename it")
            cards[entry.name] = read_card(entry, self._folder)
        changed = self._replace(_with_bases(cards), self._wanted or catalogue.default)
        self._stamps = stamps
        return changed

    async def reload(self) -> None:
        """Read the file again if it changed; a wrong one is logged and changes nothing."""
        try:
            await asyncio.to_thread(self.refresh)
        except (WrongSettings, AppError) as error:
            log.warning("models.toml rejected", reason=str(error))

    def cards(self) -> list[ModelCard]:
        """List the models, the default one first."""
        return sorted(self._cards.values(), key=lambda card: (card.id != self.default, card.id))

    def card(self, name: str | None) -> ModelCard:
        """Return a model's card, or the default one's. Raises UnknownModel."""
        try:
            return self._cards[name or self.default]
        except KeyError:
            raise UnknownModel(model=str(name)) from None

    def built_in(self, name: str) -> Engine | None:
        """Return the engine of a model that is part of the service, None for the others."""
        return self._engines.get(name)

    def _replace(self, cards: dict[str, ModelCard], wanted: str) -> bool:
        default = wanted or next(iter(self._engines), "")
        if default not in cards:
            raise UnknownModel(f"the default model {default} does not exist", model=default)
        changed = (cards, default) != (self._cards, self.default)
        self._cards, self.default = cards, default
        return changed

    def _file_stamps(self) -> tuple[object, ...]:
        """Return what changes with models.toml and with the variants in use."""
        files = [self._folder / CATALOGUE, *sorted(self._folder.glob(f"*/{FILE}"))]
        return tuple((str(file), *_stat(file)) for file in files)


def read_card(entry: ModelEntry, folder: Path, *, original: bool = False) -> ModelCard:
    """Describe a model of models.toml in the variant in use, or as it was added (`original`).

    What is wrong with its files is noted on the card. Blocks on the disk.
    """
    card = ModelCard(
        id=entry.name,
        format=entry.format,
        weights="",
        base=entry.base or None,
        licence=entry.licence,
        pinned=entry.pinned,
        keep_alive_s=entry.keep_alive_s,
        quantization=entry.quantization,
    )
    if entry.format == "remote":
        return _with_upstreams(card, entry)
    path, weights = main_file(folder / entry.source), entry_weights(entry, folder)
    variant, metadata = None, None
    try:
        if not original:
            variant = Variants.read(folder / entry.name).active_of(weights)
        if variant and variant.path:
            path = (folder / variant.path).resolve()
        metadata = read_metadata(path, entry.format)
    except ModelUnusable as error:
        card = replace(card, error=str(error))
    options = _options(entry, metadata, variant.name if variant and not variant.path else "")
    if variant:
        weights = variant.sha256 or weights
        card = replace(card, precision=variant.name, agreement=variant.agreement)
    elif metadata:
        card = replace(card, precision=metadata.precision)
    return replace(
        card,
        weights=_digest(weights, options.precision, options.chat_template),
        context_tokens=options.context_tokens,
        path=str(path),
        size_bytes=metadata.size_bytes if metadata else 0,
        options=options,
        metadata=metadata,
    )


def _with_upstreams(card: ModelCard, entry: ModelEntry) -> ModelCard:
    model = entry.upstream_model or entry.name
    return replace(
        card,
        weights=_digest("remote", model, *entry.upstreams),
        context_tokens=entry.context_tokens or MAX_CONTEXT_TOKENS,
        options=LoadOptions(slots=entry.slots),
        upstreams=entry.upstreams,
        upstream_model=model,
        upstream_key_file=entry.upstream_key_file,
    )


def entry_weights(entry: ModelEntry, folder: Path) -> str:
    """Return the hash of a model's weights as it was added."""
    return entry.sha256 or fingerprint(main_file(folder / entry.source), entry.format)


def fingerprint(path: Path, format: ModelFormat) -> str:
    """Return a hash of the names, sizes and dates of a model's files, quick whatever their size."""
    return _digest(*(f"{file.name} {_stat(file)}" for file in weight_files(path, format)))


def _options(entry: ModelEntry, metadata: ModelMetadata | None, precision: str) -> LoadOptions:
    trained = metadata.context_tokens if metadata else 0
    context = entry.context_tokens or min(trained or MAX_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS)
    return LoadOptions(
        context_tokens=context,
        slots=entry.slots or _slots(context, metadata),
        threads=entry.threads,
        precision=precision,
        chat_template=entry.chat_template,
        tunes_slots=not entry.slots,
    )


def _slots(context_tokens: int, metadata: ModelMetadata | None) -> int:
    """Return the number of slots: their memory together is about that of the weights."""
    fewest, most = SLOTS
    if metadata is None or not metadata.cache_bytes_per_token:
        return fewest
    return max(
        fewest, min(most, metadata.size_bytes // (metadata.cache_bytes_per_token * context_tokens))
    )


def _with_bases(cards: dict[str, ModelCard]) -> dict[str, ModelCard]:
    """Give each adapter the limits of its base, and a hash of both."""
    placed = dict(cards)
    for card in cards.values():
        if card.base:
            base = cards[card.base]
            placed[card.id] = replace(
                card,
                weights=_digest(base.weights, card.weights),
                context_tokens=base.context_tokens,
                options=base.options,
                precision=base.precision,
                capabilities=base.capabilities,
            )
    return placed


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _stat(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
