"""Feature flags: other prompts, or another setting, for some keys or a share of the callers.

`flags.toml` has a table for each flag; docs/operating.md#flags says what may stand there. Whether a
flag is on is a hash of its name and of who asks: the same conversation, or visitor, always gets the
same answer, and one flag's draw says nothing about another's. A flag for a share of the callers is
an experiment: which side an answer was on is written into its event, and nothing else is.
"""

import asyncio
import hashlib
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import structlog
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from ai_core.answering.prompts import FOLDER, Prompts
from ai_core.settings import Settings
from shared.settings import WrongSettings

log = structlog.get_logger()

NAME = r"^[a-z][a-z0-9_]{0,39}$"
FILE = "flags.toml"
VARIANTS = "prompts"
"""The folder beside the file with a folder of prompts for each variant."""


class Flag(BaseModel):
    """One flag: for whom it is on, and what it changes.

    `percent` of the callers with one of `keys` (names or ids; none: every key) have it. `prompts`
    names a folder whose files stand in for ours; `passage_tokens` and `quotes_lead` win over the
    settings of the same meaning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    percent: float = Field(default=100.0, ge=0, le=100)
    keys: tuple[str, ...] = ()
    prompts: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9_-]*)?$")
    passage_tokens: int | None = Field(default=None, ge=200, le=32_000)
    quotes_lead: bool | None = None

    @property
    def compares(self) -> bool:
        """Whether some callers have it and others do not."""
        return 0 < self.percent < 100

    def concerns(self, keys: tuple[str, ...]) -> bool:
        """Whether it is for a caller with this key, by its id and its name."""
        return not self.keys or not set(self.keys).isdisjoint(keys)


FlagName = Annotated[str, StringConstraints(pattern=NAME)]
FLAGS = TypeAdapter(dict[FlagName, Flag])


@dataclass(frozen=True, slots=True)
class Variant:
    """What the flags that are on make of an answer.

    `sides` tells for each experiment that concerns the caller which side the answer is on, as
    `NAME=on` or `NAME=off`. `changes` differs wherever answers may.
    """

    prompts: Prompts
    quotes_lead: bool | None = None
    sides: tuple[str, ...] = ()
    changes: tuple[object, ...] = ()


class _Read(NamedTuple):
    flags: Mapping[str, Flag]
    prompts: Mapping[str, Mapping[tuple[str, str], str]]
    stamp: tuple[int, int] | None


class Flags:
    """The flags of one file, read again when it changes; a broken change is logged and not used."""

    def __init__(self, file: Path, base: Prompts, *, passage_tokens: int) -> None:
        """Read the file, which may be missing. Raises WrongSettings."""
        self._file = file
        self._base = base
        self._passage_tokens = passage_tokens
        self._variants: dict[tuple[tuple[str, bool], ...], Variant] = {}
        self._read = self._parsed(self._stamp())
        self._refused: tuple[int, int] | None = None

    @classmethod
    def of(cls, settings: Settings, base: Prompts) -> "Flags":
        """Return the flags of the file that the settings name. Raises WrongSettings."""
        answers = settings.answers
        file = answers.flags_file or settings.data_dir / FILE
        return cls(file, base, passage_tokens=answers.passage_tokens)

    async def refresh(self) -> None:
        """Read the file again if it changed."""
        stamp = await asyncio.to_thread(self._stamp)
        if stamp in (self._read.stamp, self._refused):
            return
        try:
            self._read = await asyncio.to_thread(self._parsed, stamp)
        except WrongSettings as error:
            self._refused = stamp
            log.warning("flags not read", reason=str(error))
            return
        self._variants = {}
        log.info("flags read", flags=sorted(self._read.flags))

    def variant(
        self, keys: tuple[str, ...], caller: str = "", conversation: str | None = None
    ) -> Variant:
        """Return what a caller gets with a key, of which `keys` are the id and the name.

        Drawn once for a conversation, or for a visitor (`caller`); where many share a key, for
        each answer.
        """
        visitor = caller if caller not in keys else ""
        unit = conversation or visitor or secrets.token_hex(8)
        drawn = tuple(
            (name, draw(name, unit) < flag.percent)
            for name, flag in self._read.flags.items()
            if flag.concerns(keys)
        )
        found = self._variants.get(drawn)
        if found is None:
            found = self._variants[drawn] = self._made(drawn)
        return found

    def _made(self, drawn: tuple[tuple[str, bool], ...]) -> Variant:
        flags, texts = self._read.flags, self._read.prompts
        on = [flags[name] for name, is_on in drawn if is_on]
        folders = [flag.prompts for flag in on if flag.prompts]
        tokens = [flag.passage_tokens for flag in on if flag.passage_tokens]
        lead = [flag.quotes_lead for flag in on if flag.quotes_lead is not None]
        prompts = self._base
        if folders or tokens:
            files = {name: text for folder in folders for name, text in texts[folder].items()}
            prompts = self._base.varied(files, (tokens or [self._passage_tokens])[-1])
        return Variant(
            prompts,
            lead[-1] if lead else None,
            tuple(f"{name}={'on' if on else 'off'}" for name, on in drawn if flags[name].compares),
            (prompts.version, *lead[-1:]) if on else (),
        )

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size

    def _parsed(self, stamp: tuple[int, int] | None) -> _Read:
        if stamp is None:
            return _Read({}, {}, None)
        try:
            flags = FLAGS.validate_python(tomllib.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise WrongSettings(f"{self._file}: {_said(error)}") from error
        folders = {flag.prompts for flag in flags.values() if flag.prompts}
        texts = {name: _texts(self._file.parent / VARIANTS / name) for name in folders}
        return _Read(flags, texts, stamp)


def draw(flag: str, unit: str) -> float:
    """Return a number of [0, 100), the same for the same flag and unit, evenly spread."""
    digest = hashlib.sha256(f"{flag}\0{unit}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 * 100


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)


def _texts(folder: Path) -> Mapping[tuple[str, str], str]:
    """Return the prompts of a folder by task and language. Raises WrongSettings."""
    known = {path.name for path in FOLDER.glob("*.md")}
    files = sorted(folder.glob("*.md"))
    if not files:
        raise WrongSettings(f"{folder} has no prompts: {', '.join(sorted(known))}")
    if unknown := [path.name for path in files if path.name not in known]:
        raise WrongSettings(f"{folder}: {unknown[0]} stands in for no prompt of ours")
    named = {path: path.name.split(".") for path in files}
    return {(words[0], words[1]): path.read_text("utf-8") for path, words in named.items()}
