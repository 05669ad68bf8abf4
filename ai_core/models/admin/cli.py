"""`model add | list | remove | default | quantize | bench`, for operators.

A running service sees within a second what is changed here.
"""

import argparse
import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ai_core.engines.formats import FileFormat
from ai_core.errors import ModelUnusable
from ai_core.models.admin.benchmark import benchmark, fastest
from ai_core.models.admin.catalogue_file import CatalogueFile, valid_entry
from ai_core.models.admin.listing import lacks_chat_template, model_rows
from ai_core.models.admin.rows import BUILT_IN, printed
from ai_core.models.admin.rows import gigabytes as _gb
from ai_core.models.admin.selection import (
    Thresholds,
    VariantMaker,
    best_that_fits,
    possible_precisions,
    smaller_precisions,
    weights_sha256,
)
from ai_core.models.admin.services import is_address, private_place, read_key, upstream_model
from ai_core.models.files import guess_format, main_file, read_metadata
from ai_core.models.memory import MEASUREMENTS, Measurements, budget_bytes, estimate_bytes
from ai_core.models.registry import (
    ModelEntry,
    Quantization,
    entry_weights,
    read_card,
)
from ai_core.models.variants import ORIGINAL, Variants
from ai_core.settings import ModelSettings
from shared.weights.progress import DownloadProgress

if TYPE_CHECKING:
    from ai_core.models.admin.hub_files import FetchedModel

NO_CHAT_TEMPLATE = (
    "{name} has no chat template: it was trained to go on with a text, not to answer. Use it "
    "through /v1/completions, or write its chat_template into models.toml; a chat is given to it "
    'as "user: …" lines, and its answers may be poor or run to their limit'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the actions and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="add a model")
    add.add_argument("name")
    add.add_argument(
        "source",
        help="a file or folder, hf:OWNER/REPO[/FILE.gguf][@REVISION], or the address of a service "
        "with OpenAI's API: https://api.openai.com/v1",
    )
    add.add_argument("--model", default="", metavar="NAME", help="its name at that service")
    add.add_argument(
        "--key-file", default="", metavar="FILE", help="the file with that service's key"
    )
    add.add_argument("--replace", action="store_true", help="take the place of a model so named")
    add.add_argument(
        "--format", choices=get_args(FileFormat), help="read from the files when left out"
    )
    add.add_argument("--base", default="", metavar="NAME", help="the model a LoRA belongs to")
    add.add_argument("--context", type=int, default=0, metavar="TOKENS")
    add.add_argument("--slots", type=int, default=0, metavar="N", help="answers at once")
    add.add_argument("--threads", type=int, default=0, metavar="N")
    add.add_argument("--quantization", choices=get_args(Quantization), default="auto")
    add.add_argument("--pinned", action="store_true", help="always in memory")
    add.add_argument("--licence", default="", help="the Hub's when left out")
    listing = actions.add_parser("list", help="show every model")
    listing.add_argument("--json", action="store_true", help="as a JSON array, for programs")
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
    quantize.add_argument("--agreement", type=float, default=Thresholds().agreement, metavar="0.80")
    quantize.add_argument(
        "--perplexity", type=float, default=Thresholds().perplexity_ratio, metavar="1.15"
    )


def run(arguments: argparse.Namespace, settings: ModelSettings, data_dir: Path) -> int:
    """Run the action; every error it raises names the remedy."""
    folder = settings.folder or data_dir / "models"
    admin = ModelAdmin(CatalogueFile(folder), settings.memory_bytes, settings.default)
    actions = {
        "add": admin.add,
        "list": admin.list,
        "remove": admin.remove,
        "default": admin.default,
        "quantize": admin.quantize,
        "bench": admin.bench,
    }
    actions[arguments.action](arguments)
    return 0


@dataclass(frozen=True, slots=True)
class ModelAdmin:
    """The models of a folder; each public method is one action."""

    catalogue: CatalogueFile
    memory_bytes: int
    default_model: str = ""

    @property
    def folder(self) -> Path:
        """The folder of models.toml."""
        return self.catalogue.folder

    def add(self, options: argparse.Namespace) -> None:
        """Fetch or find a model's files, check them, and write it into models.toml."""
        valid_entry({"name": options.name, "format": "gguf", "source": "?"})
        self._need_name(options)
        if is_address(options.source):
            self._add_service(options)
            return
        if options.base:
            self.catalogue.entry(options.base)
        licence, origin, path = options.licence, "", Path(options.source).absolute()
        if options.source.startswith("hf:"):
            fetched = self._fetch(options)
            path, licence = fetched.path, licence or fetched.licence
            origin = f"{options.source.partition('@')[0]}@{fetched.commit}"
        path = main_file(path) if path.is_file() else path
        format: FileFormat = options.format or guess_format(path)
        metadata = read_metadata(path, format)
        licence = licence or metadata.licence
        entry = valid_entry({
            "name": options.name,
            "format": format,
            "source": self._source(path),
            "origin": origin,
            "base": options.base,
            "licence": licence,
            "context_tokens": options.context,
            "slots": options.slots,
            "threads": options.threads,
            "quantization": "none" if options.base else options.quantization,
            "pinned": options.pinned,
        })  # fmt: skip
        if entry.base:
            self._check_base(entry, path, metadata.architecture)
        _print(f"hashing {metadata.size_bytes / 1e6:,.0f} MB")
        entry = entry.model_copy(update={"sha256": weights_sha256(path, format)})
        self._make_fit(entry)
        self.catalogue.put(entry)
        card = read_card(entry, self.folder)
        need = _gb(self._measurements().need_bytes(card))
        kind = f"{format} {card.precision}".strip()
        _print(f"{entry.name}: {kind}, {_gb(card.size_bytes)} on disk, about {need} in memory")
        if lacks_chat_template(card):
            _print(NO_CHAT_TEMPLATE.format(name=entry.name))

    def list(self, options: argparse.Namespace) -> None:
        """Show the built-in model and those of models.toml."""
        rows = model_rows(self.folder, self.default_model)
        sys.stdout.write(printed(rows, as_json=options.json))

    def _need_name(self, options: argparse.Namespace) -> None:
        """Raise ModelUnusable when another model has the name, and is not to be replaced."""
        if options.name == BUILT_IN:
            raise ModelUnusable(f"{BUILT_IN} is built in: give the model another name")
        taken = {entry.name for entry in self.catalogue.read().model}
        if options.name in taken and not options.replace:
            raise ModelUnusable(
                f"a model is called {options.name} already: choose another name, or add --replace"
            )

    def _add_service(self, options: argparse.Namespace) -> None:
        """Write a model of another service into models.toml, once the service lists it."""
        key = read_key(options.key_file)
        model = upstream_model(options.name, options.source, options.model, key)
        entry = valid_entry({
            "name": options.name,
            "format": "remote",
            "upstreams": (options.source,),
            "upstream_model": model,
            "upstream_key_file": private_place(options.key_file),
            "context_tokens": options.context,
            "slots": options.slots,
            "licence": options.licence,
        })  # fmt: skip
        self.catalogue.put(entry)
        _print(f"{entry.name}: {model} at {options.source}; what people ask is sent there")

    def remove(self, options: argparse.Namespace) -> None:
        """Take a model out of models.toml, and delete what was fetched or made of it."""
        name = self.catalogue.entry(options.name).name
        adapters = [other.name for other in self.catalogue.read().model if other.base == name]
        if adapters:
            raise ModelUnusable(f"{name} is the base of {', '.join(adapters)}: remove those first")
        self.catalogue.remove(name)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        _print(f"{name} is gone")

    def default(self, options: argparse.Namespace) -> None:
        """Set the model that answers when a request names none."""
        if options.name != BUILT_IN:
            self.catalogue.entry(options.name)
        self.catalogue.set_default(options.name)
        _print(f"{options.name} answers when no model is named")

    def quantize(self, options: argparse.Namespace) -> None:
        """Make a variant and select it, or roll back to the previous one."""
        entry = self.catalogue.entry(options.name)
        own_folder = self.folder / entry.name
        variants = Variants.read(own_folder)
        if options.rollback:
            variants.roll_back().write(own_folder)
        elif options.precision == "none":
            variants.select(None).write(own_folder)
        else:
            maker = self._maker(entry, Thresholds(options.agreement, options.perplexity))
            budget = options.room or budget_bytes(self.memory_bytes)
            if options.precision == "fastest":
                self._select_fastest(maker, budget, options)
            else:
                self._select(maker, options.precision, budget)
        card = read_card(entry, self.folder)
        _print(f"{entry.name} now writes as {card.precision or ORIGINAL}, {_gb(card.size_bytes)}")

    def bench(self, options: argparse.Namespace) -> None:
        """Load a model, benchmark it, and record its memory and speed."""
        entry = self.catalogue.entry(options.name)
        card = read_card(entry, self.folder)
        if card.error or card.format in {"lora", "remote"}:
            raise ModelUnusable(card.error or f"{entry.name}: measure its base or its own server")
        result = asyncio.run(benchmark(card, options.tokens, options.at_once))
        measurements = self._measurements()
        measurements.record(
            card,
            memory_bytes=result.memory_bytes,
            bench_tokens_per_s=result.decode_per_s,
            bench_at_once=options.at_once,
        )
        measurements.write()
        _print(
            f"{entry.name}: {result.decode_per_s:.1f} tokens/s, {options.at_once} at once; "
            f"{_gb(result.memory_bytes)} in memory; loaded in {result.load_s:.2f} s"
        )

    def _fetch(self, options: argparse.Namespace) -> "FetchedModel":
        # half a second and 20 MB, which a service that never downloads should not pay
        from ai_core.models.admin.hub_files import fetch_model
        from shared.weights.hub import ENDPOINT, Hub, HubSource

        hub = Hub(os.environ.get("HF_ENDPOINT", ENDPOINT), os.environ.get("HF_TOKEN", ""))
        target = self.folder / options.name / "fetched"
        return fetch_model(hub, HubSource.parse(options.source), target, DownloadProgress())

    def _source(self, path: Path) -> str:
        """Return a path as written in models.toml: relative where it is inside the folder."""
        folder = self.folder.absolute()
        return str(path.relative_to(folder) if path.is_relative_to(folder) else path)

    def _check_base(self, adapter: ModelEntry, path: Path, architecture: str) -> None:
        """Raise ModelUnusable when an adapter does not fit its base."""
        base = read_card(self.catalogue.entry(adapter.base), self.folder)
        format = "gguf" if path.suffix == ".gguf" else "safetensors"
        if base.format != format:
            raise ModelUnusable(
                f"{adapter.name} is a {format} adapter and {base.id} is {base.format}: "
                f"add the base as {format} too, or take the adapter in the base's format"
            )
        if base.metadata and architecture and base.metadata.architecture != architecture:
            raise ModelUnusable(
                f"{adapter.name} was made for {architecture} and {base.id} is "
                f"{base.metadata.architecture}: give the base it was made for"
            )

    def _make_fit(self, entry: ModelEntry) -> None:
        """Make the variant that was asked for, or with `auto` one that fits if needed."""
        card = read_card(entry, self.folder, original=True)
        if entry.quantization == "none" or not smaller_precisions(card):
            return
        budget = budget_bytes(self.memory_bytes)
        if entry.quantization == "auto" and self._measurements().need_bytes(card) <= budget:
            return
        self._select(self._maker(entry, Thresholds()), entry.quantization, budget)

    def _select(self, maker: VariantMaker, precision: str, budget: int) -> None:
        original = maker.original
        if original.error:
            raise ModelUnusable(original.error)
        if precision == "auto":
            if not smaller_precisions(original) and estimate_bytes(original) <= budget:
                Variants.read(maker.folder).select(None).write(maker.folder)
                written = f"{original.format} {original.precision}".strip()
                _print(f"{original.id} fits as it is: nothing smaller is made of {written}")
                return
            precision = best_that_fits(original, budget)
        possible = possible_precisions(original)
        if precision not in possible:
            names = ", ".join(possible) or "nothing"
            raise ModelUnusable(f"{original.id} can be made as: {names}")
        variant = maker.select(precision)
        _print(f"{precision} chooses the original's token {variant.agreement:.1%} of the time")

    def _select_fastest(
        self, maker: VariantMaker, budget: int, options: argparse.Namespace
    ) -> None:
        original = maker.original
        if original.error or original.format in {"lora", "remote"}:
            raise ModelUnusable(original.error or f"{original.id}: nothing is made of it here")
        best = fastest(maker, budget, tokens=options.tokens, at_once=options.at_once)
        Variants.read(maker.folder).select(best.variant).write(maker.folder)

    def _maker(self, entry: ModelEntry, thresholds: Thresholds) -> VariantMaker:
        return VariantMaker(
            original=read_card(entry, self.folder, original=True),
            weights=entry_weights(entry, self.folder),
            folder=self.folder / entry.name,
            thresholds=thresholds,
            report=_print,
        )

    def _measurements(self) -> Measurements:
        return Measurements.read(self.folder / MEASUREMENTS)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
