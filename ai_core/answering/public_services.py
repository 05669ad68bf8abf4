"""The public services that people are referred to, in `texts/contacts.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from shared.languages import Language

FILE = Path(__file__).parents[1] / "texts" / "contacts.toml"


@dataclass(frozen=True, slots=True)
class PublicService:
    """A public service: its name and its area of law, in each language."""

    url: str
    name: dict[Language, str]
    law: dict[Language, str]


def read_public_services(path: Path = FILE) -> dict[str, PublicService]:
    """Read the public services that people are referred to."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, PublicService]).validate_python(content)
