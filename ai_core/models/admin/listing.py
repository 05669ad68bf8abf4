"""`model list`, also as `python -m ai_core.models.admin.listing`, which loads little else."""

import argparse
import sys
from pathlib import Path

from ai_core.models.admin.rows import BUILT_IN, ModelRow, built_in, printed
from ai_core.models.memory import MEASUREMENTS, Measurements
from ai_core.models.registry import CATALOGUE, Catalogue, ModelCard, ModelEntry, read_card
from ai_core.settings import Settings
from shared.settings import WrongSettings, read_settings


def model_rows(folder: Path, default: str = "") -> list[ModelRow]:
    """Return the built-in model and those of the folder's models.toml. Raises WrongSettings.

    `default` is the setting, which wins over the file's own.
    """
    catalogue = Catalogue.read(folder / CATALOGUE)
    chosen = default or catalogue.default or BUILT_IN
    measurements = Measurements.read(folder / MEASUREMENTS)
    return [
        built_in(default=chosen == BUILT_IN),
        *(_row(entry, folder, measurements, chosen) for entry in catalogue.model),
    ]


def _row(entry: ModelEntry, folder: Path, measurements: Measurements, default: str) -> ModelRow:
    card = read_card(entry, folder)
    remote = bool(card.upstreams)
    measured = measurements.of(card)
    return ModelRow(
        name=entry.name,
        format=entry.format,
        size_bytes=card.size_bytes,
        memory_bytes=0 if remote else measurements.need_bytes(card),
        context_tokens=card.context_tokens,
        precision=card.precision,
        agreement=card.agreement,
        tokens_per_s=measured.tokens_per_s,
        bench_tokens_per_s=measured.bench_tokens_per_s,
        bench_at_once=measured.bench_at_once,
        base=entry.base,
        upstreams=card.upstreams,
        upstream_model=card.upstream_model,
        licence=entry.licence,
        pinned=entry.pinned,
        default=entry.name == default,
        chat_template=not lacks_chat_template(card),
        error=card.error,
    )


def lacks_chat_template(card: ModelCard) -> bool:
    """Whether a model writes and neither its files nor models.toml have a chat template."""
    return bool(
        card.metadata and not card.metadata.has_chat_template and not card.options.chat_template
    )


def main(arguments: list[str]) -> int:
    """Print the list; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ai_core.models.admin.listing")
    parser.add_argument("--json", action="store_true", help="as a JSON array, for programs")
    as_json = parser.parse_args(arguments).json
    try:
        settings = read_settings(Settings)
        folder = settings.models.folder or settings.data_dir / "models"
        sys.stdout.write(printed(model_rows(folder, settings.models.default), as_json=as_json))
    except WrongSettings as error:
        sys.stderr.write(f"ai_core: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
