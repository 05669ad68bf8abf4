"""`model add | list | remove | default | quantize | bench`, for operators.

A running service sees within a second what is changed here.
"""

import argparse
import asyncio
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import tomlkit
from pydantic import ValidationError

from ai_core.engines.formats import FileFormat
from ai_core.errors import ModelUnusable, UnknownModel
from ai_core.models.admin.benchmark import fastest, measure
from ai_core.models.admin.hub import ENDPOINT, Fetched, Hub, Wanted
from ai_core.models.admin.selection import (
    Bar,
    best_that_fits,
    hash_of,
    makeable,
    smaller,
    use_precision,
)
from ai_core.models.files import guess_format, read_facts
from ai_core.models.memory import MEASURES, Measures, budget_bytes
from ai_core.models.registry import (
    CATALOGUE,
    Catalogue,
    ModelCard,
    ModelEntry,
    Quantization,
    entry_weights,
    read_card,
)
from ai_core.models.variants import ORIGINAL, Precisions, replace_file
from ai_core.settings import ModelSettings

BUILT_IN = "extractive"
REPORT_EVERY_BYTES = 64 * 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what can be done with models."""
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="add a model, or replace the one of that name")
    add.add_argument("name")
    add.add_argument("source", help="a file or folder, or hf:OWNER/REPO[/FILE.gguf][@REVISION]")
    add.add_argument(
        "--format", choices=get_args(FileFormat), help="told from the files when left out"
    )
    add.add_argument("--base", default="", metavar="NAME", help="the model a LoRA belongs to")
    add.add_argument("--context", type=int, default=0, metavar="TOKENS")
    add.add_argument("--slots", type=int, default=0, metavar="N", help="answers at once")
    add.add_argument("--threads", type=int, default=0, metavar="N")
    add.add_argument("--quantization", choices=get_args(Quantization), default="auto")
    add.add_argument("--pinned", action="store_true", help="always in memory")
    add.add_argument("--licence", default="", help="told by the Hub when left out")
    actions.add_parser("list", help="show every model")
    remove = actions.add_parser("remove", help="forget a model, and delete what was fetched of it")
    remove.add_argument("name")
    default = actions.add_parser("default", help="let a model answer when none is named")
    default.add_argument("name")
    _add_quantize(actions.add_parser("quantize", help="make a smaller precision and use it"))
    bench = actions.add_parser("bench", help="measure a model's speed and memory here")
    bench.add_argument("name")
    bench.add_argument("--tokens", type=int, default=64)
    bench.add_argument("--at-once", type=int, default=4)


def _add_quantize(quantize: argparse.ArgumentParser) -> None:
    quantize.add_argument("name")
    quantize.add_argument(
        "precision",
        nargs="?",
        default="auto",
        help="auto: the best one that fits; fastest: the good one that writes most here; "
        "none: the original",
    )
    quantize.add_argument("--at-once", type=int, default=16, help="answers, for fastest")
    quantize.add_argument("--tokens", type=int, default=64, help="of each, for fastest")
    quantize.add_argument("--rollback", action="store_true", help="go back to the one before")
    quantize.add_argument("--room", type=int, default=0, metavar="BYTES", help="memory to fit in")
    quantize.add_argument("--agreement", type=float, default=Bar().agreement, metavar="0.80")
    quantize.add_argument(
        "--perplexity", type=float, default=Bar().perplexity_ratio, metavar="1.15"
    )


def run(arguments: argparse.Namespace, settings: ModelSettings, data_dir: Path) -> int:
    """Do what was asked; raises what went wrong, with what to do about it."""
    folder = settings.folder or data_dir / "models"
    desk = Desk(folder, settings.memory_bytes)
    actions = {
        "add": desk.add,
        "list": desk.list,
        "remove": desk.remove,
        "default": desk.default,
        "quantize": desk.quantize,
        "bench": desk.bench,
    }
    actions[arguments.action](arguments)
    return 0


@dataclass(frozen=True, slots=True)
class Desk:
    """Where models.toml is changed; each method is one action."""

    folder: Path
    memory_bytes: int

    def add(self, wanted: argparse.Namespace) -> None:
        """Fetch or find a model's files, check them, and write it into models.toml."""
        self._check_name(wanted)
        licence, origin, path = wanted.licence, "", Path(wanted.source).absolute()
        if wanted.source.startswith("hf:"):
            fetched = self._fetch(wanted)
            path, licence = fetched.path, licence or fetched.licence
            origin = f"{wanted.source.partition('@')[0]}@{fetched.commit}"
        format: FileFormat = wanted.format or guess_format(path)
        facts = read_facts(path, format)
        inside = path.is_relative_to(self.folder.absolute())
        entry = self._entry(wanted, {
            "name": wanted.name,
            "format": format,
            "source": str(path.relative_to(self.folder.absolute()) if inside else path),
            "origin": origin,
            "base": wanted.base,
            "licence": licence,
        })  # fmt: skip
        self._check_base(entry, path, facts.architecture)
        card = read_card(entry, self.folder, original=True)
        _say(f"hashing {facts.size_bytes / 1e6:,.0f} MB")
        entry = entry.model_copy(update={"sha256": hash_of(path, card)})
        card = read_card(entry, self.folder, original=True)
        self._fit(entry, card)
        self._write(entry)
        card = read_card(entry, self.folder)
        need = _gb(self._measures().need_bytes(card))
        kind = f"{format} {card.precision}".strip()
        _say(f"{entry.name}: {kind}, {_gb(card.size_bytes)} on disk, about {need} in memory")

    def list(self, _wanted: argparse.Namespace) -> None:
        """Show the models of models.toml."""
        catalogue, measures = self._catalogue(), self._measures()
        for entry in catalogue.model:
            card = read_card(entry, self.folder)
            known = measures.of(card)
            words = [f"{entry.name:<28}", f"{entry.format:<11}", f"{_gb(card.size_bytes):>8}"]
            words += [f"memory={_gb(measures.need_bytes(card))}", f"context={card.context_tokens}"]
            words += [f"precision={card.precision}"] * bool(card.precision)
            words += [f"agreement={card.agreement:.2f}"] if card.agreement is not None else []
            words += [f"tokens/s={known.tokens_per_s:.1f}"] * bool(known.tokens_per_s)
            words += [f"base={entry.base}"] * bool(entry.base)
            words += [entry.licence] * bool(entry.licence) + ["pinned"] * entry.pinned
            words += ["default"] * (entry.name == catalogue.default)
            words += [f"UNUSABLE: {card.fault}"] * bool(card.fault)
            _say("  ".join(words))

    def remove(self, wanted: argparse.Namespace) -> None:
        """Take a model out of models.toml, and delete what was fetched or made of it."""
        entry = self._known(wanted.name)
        users = [other.name for other in self._catalogue().model if other.base == entry.name]
        if users:
            raise ModelUnusable(
                f"{entry.name} is the base of {', '.join(users)}: remove those first"
            )
        with self._changing() as document:
            if document.get("default") == entry.name:
                del document["default"]
            models = document["model"]
            for index, other in enumerate(models):
                if other["name"] == entry.name:
                    del models[index]
                    break
            if not models:
                del document["model"]
        shutil.rmtree(self.folder / entry.name, ignore_errors=True)
        _say(f"{entry.name} is gone")

    def default(self, wanted: argparse.Namespace) -> None:
        """Let a model answer when none is named."""
        if wanted.name != BUILT_IN:
            self._known(wanted.name)
        with self._changing() as document:
            document["default"] = wanted.name
        _say(f"{wanted.name} answers when no model is named")

    def quantize(self, wanted: argparse.Namespace) -> None:
        """Make a precision and use it, or go back to the one before."""
        entry = self._known(wanted.name)
        own = self.folder / entry.name
        known = Precisions.read(own)
        if wanted.rollback:
            known.rolled_back().write(own)
        elif wanted.precision == "none":
            known.choosing(None).write(own)
        else:
            original = read_card(entry, self.folder, original=True)
            bar = Bar(wanted.agreement, wanted.perplexity)
            if wanted.precision == "fastest":
                self._calibrate(entry, original, bar, wanted)
            else:
                self._make(entry, original, wanted.precision, bar, wanted.room)
        card = read_card(entry, self.folder)
        _say(f"{entry.name} now writes as {card.precision or ORIGINAL}, {_gb(card.size_bytes)}")

    def bench(self, wanted: argparse.Namespace) -> None:
        """Load a model, let it write, and remember what it takes and how fast it is."""
        entry = self._known(wanted.name)
        card = read_card(entry, self.folder)
        if card.fault or card.format in {"lora", "remote"}:
            raise ModelUnusable(card.fault or f"{entry.name}: measure its base or its own server")
        found = asyncio.run(measure(card, wanted.tokens, wanted.at_once))
        measures = self._measures()
        measures.note(card, memory_bytes=found.memory_bytes, tokens_per_s=found.writing_per_s)
        measures.write()
        _say(
            f"{entry.name}: {found.writing_per_s:.1f} tokens/s, {wanted.at_once} at once; "
            f"{_gb(found.memory_bytes)} in memory; loaded in {found.load_s:.2f} s"
        )

    def _fetch(self, wanted: argparse.Namespace) -> Fetched:
        hub = Hub(os.environ.get("HF_ENDPOINT", ENDPOINT), os.environ.get("HF_TOKEN", ""))
        try:
            return hub.fetch(
                Wanted.read(wanted.source), self.folder / wanted.name / "fetched", Progress()
            )
        finally:
            hub.close()

    def _entry(self, wanted: argparse.Namespace, facts: dict[str, str]) -> ModelEntry:
        return _valid({
            **facts,
            "context_tokens": wanted.context,
            "slots": wanted.slots,
            "threads": wanted.threads,
            "quantization": "none" if wanted.base else wanted.quantization,
            "pinned": wanted.pinned,
        })  # fmt: skip

    def _check_name(self, wanted: argparse.Namespace) -> None:
        _valid({"name": wanted.name, "format": "gguf", "source": "?"})
        if wanted.base:
            self._known(wanted.base)

    def _check_base(self, entry: ModelEntry, path: Path, architecture: str) -> None:
        """Raise ModelUnusable when an adapter's files are of another kind than its base."""
        if not entry.base:
            return
        base = read_card(self._known(entry.base), self.folder)
        kind = "gguf" if path.suffix == ".gguf" else "safetensors"
        if base.format != kind:
            raise ModelUnusable(
                f"{entry.name} is a {kind} adapter and {base.id} is {base.format}: add the base as "
                f"{kind} too, or take the adapter in the base's format"
            )
        if base.facts and architecture and base.facts.architecture != architecture:
            raise ModelUnusable(
                f"{entry.name} was made for {architecture} and {base.id} is "
                f"{base.facts.architecture}: give the base it was made for"
            )

    def _fit(self, entry: ModelEntry, card: ModelCard) -> None:
        """Make the precision that was asked for, or with `auto` one that fits."""
        if entry.quantization == "none" or not smaller(card):
            return
        fits = self._measures().need_bytes(card) <= budget_bytes(self.memory_bytes)
        if entry.quantization != "auto":
            self._make(entry, card, entry.quantization, Bar(), 0)
        elif not fits:
            self._make(entry, card, "auto", Bar(), 0)

    def _make(
        self, entry: ModelEntry, original: ModelCard, precision: str, bar: Bar, room: int
    ) -> None:
        if original.fault:
            raise ModelUnusable(original.fault)
        if precision == "auto":
            precision = best_that_fits(original, room or budget_bytes(self.memory_bytes))
        if precision not in makeable(original):
            names = ", ".join(makeable(original)) or "nothing"
            raise ModelUnusable(f"{entry.name} can be made as: {names}")
        own = self.folder / entry.name
        made = use_precision(original, entry_weights(entry, self.folder), precision, own, bar, _say)
        _say(f"{precision} chooses the original's token {made.agreement:.1%} of the time")

    def _calibrate(
        self, entry: ModelEntry, original: ModelCard, bar: Bar, wanted: argparse.Namespace
    ) -> None:
        if original.fault or original.format in {"lora", "remote"}:
            raise ModelUnusable(original.fault or f"{entry.name}: nothing is made of it here")
        own, weights = self.folder / entry.name, entry_weights(entry, self.folder)
        best = fastest(
            original,
            weights,
            own,
            bar,
            wanted.room or budget_bytes(self.memory_bytes),
            tokens=wanted.tokens,
            at_once=wanted.at_once,
            say=_say,
        )
        Precisions.read(own).choosing(best.made).write(own)

    def _known(self, name: str) -> ModelEntry:
        for entry in self._catalogue().model:
            if entry.name == name:
                return entry
        raise UnknownModel(f"no model is called {name}; model list shows them", model=name)

    def _catalogue(self) -> Catalogue:
        return Catalogue.read(self.folder / CATALOGUE)

    def _measures(self) -> Measures:
        return Measures.read(self.folder / MEASURES)

    def _write(self, entry: ModelEntry) -> None:
        written = entry.model_dump(exclude_defaults=True, mode="json")
        with self._changing() as document:
            models = document.setdefault("model", tomlkit.aot())
            for index, other in enumerate(models):
                if other["name"] == entry.name:
                    models[index] = tomlkit.item(written)
                    return
            models.append(tomlkit.item(written))

    @contextmanager
    def _changing(self) -> Iterator[tomlkit.TOMLDocument]:
        """Give models.toml to change, comments and all; it is written only if it is right."""
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


class Progress:
    """Says now and then how far a file has come."""

    def __init__(self) -> None:
        self._said: tuple[str, int] = ("", 0)

    def __call__(self, name: str, done_bytes: int, size_bytes: int) -> None:
        """Hear how far a file has come; see `hub.Report`."""
        file, said = self._said
        started = file != name
        if started or done_bytes - said >= REPORT_EVERY_BYTES or done_bytes == size_bytes:
            self._said = (name, done_bytes)
            share = done_bytes / size_bytes if size_bytes else 1.0
            _say(f"{name}: {done_bytes / 1e6:,.0f} of {size_bytes / 1e6:,.0f} MB ({share:.0%})")


def _valid(keys: dict[str, object]) -> ModelEntry:
    try:
        return ModelEntry.model_validate(keys)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ": ".join(map(str, fault["loc"]))
        raise ModelUnusable(f"{keys['name']}: {where} {fault['msg']}".replace("  ", " ")) from None


def _empty() -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("The models of this service; docs/models.md tells what each key does.")
    )
    return document


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
