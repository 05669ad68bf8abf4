"""Reads entry files: the shipped ones, and an operator's own, which win over them.

Those published in the console are JSON, the others TOML.
"""

import json
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from ai_core.errors import EntryFileInvalid
from ai_core.knowledge.records import Entry

SHIPPED = Path(__file__).with_name("entries")


def read_entry(path: Path) -> Entry:
    """Read one file. Raises EntryFileInvalid, which names every fault and its place."""
    try:
        written = path.read_text(encoding="utf-8")
        fields = json.loads(written) if path.suffix == ".json" else tomllib.loads(written)
        entry = Entry.model_validate(fields)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise EntryFileInvalid(f"{path.name}: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise EntryFileInvalid(f"{path.name}: {faults}") from error
    if entry.topic_id != path.stem:
        raise EntryFileInvalid(f"{path.name}: its topic_id is {entry.topic_id}")
    return entry


def files_in(folder: Path) -> Iterator[Path]:
    """Yield the entry files below a folder, in the order of their names."""
    yield from sorted(folder.rglob("*.toml"), key=lambda path: (path.stem, path))


@lru_cache(1)
def shipped_entries() -> tuple[Entry, ...]:
    """Read the entries that come with the service, by topic id. Raises EntryFileInvalid."""
    return tuple(map(read_entry, files_in(SHIPPED)))
