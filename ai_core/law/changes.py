"""What changed between two versions of the corpus: texts that are new, changed or gone.

Articles of the Code are compared as they are in force on a day, by their lasting id (cid); clauses
of agreements and sections of fiches by theirs.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from ai_core.errors import CorpusRefused
from ai_core.law import store
from ai_core.law.corpus import Corpus
from ai_core.law.store import CorpusFile
from ai_core.law.versions import CorpusVersions

Change = Literal["new", "changed", "gone"]
Kind = Literal["article", "clause", "fiche"]


@dataclass(frozen=True, slots=True)
class ChangedText:
    """A text that differs; `ids` are all the ids and numbers a source may name it by."""

    kind: Kind
    change: Change
    title: str
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class LawChanges:
    """What differs between a version and the one before; both by their law's date."""

    before: date
    after: date
    texts: tuple[ChangedText, ...]

    def of(self, kind: Kind, change: Change) -> tuple[ChangedText, ...]:
        """Return the texts of one kind that changed in one way."""
        return tuple(one for one in self.texts if (one.kind, one.change) == (kind, change))

    @property
    def touched(self) -> frozenset[str]:
        """Return the ids of the texts that changed or are gone."""
        return frozenset(one for text in self.texts if text.change != "new" for one in text.ids)


@dataclass(frozen=True, slots=True)
class _Text:
    title: str
    ids: frozenset[str]
    digest: bytes


_Texts = Mapping[tuple[Kind, str], _Text]


def changes_since(versions: CorpusVersions, day: date) -> LawChanges | None:
    """Compare the version in service with the one before it; None where either is missing.

    Blocks on the disk for about a second with the whole law.
    """
    current = versions.current()
    if current is None:
        return None
    with closing(Corpus(versions.folder(current))) as new, ExitStack() as stack:
        olds = []
        for version in versions.others():
            with suppress(CorpusRefused):  # of a release before: it is read no more
                olds.append(stack.enter_context(closing(Corpus(versions.folder(version)))))
        if not olds:
            return None
        old = max(olds, key=lambda corpus: corpus.imported_at)
        texts = tuple(_compared(_texts(old.directory, day), _texts(new.directory, day)))
        return LawChanges(old.law_date, new.law_date, texts)


def _texts(directory: Path, day: date) -> _Texts:
    found: dict[tuple[Kind, str], _Text] = {}
    with closing(CorpusFile(directory / store.FILE_NAME)) as file:
        for cid, number, one, text in file.rows(store.TEXTS_OF_CODE, day=day.isoformat()):
            found["article", cid] = _Text(number, frozenset((cid, number, one)), _digest(text))
        for idcc, cid, number, one, text in file.rows(store.TEXTS_OF_CLAUSES):
            title = f"IDCC {idcc} · {number}" if number else f"IDCC {idcc} · {one}"
            found["clause", f"{idcc} {cid}"] = _Text(title, frozenset((cid, one)), _digest(text))
        for one, fiche, section, text in file.rows(store.TEXTS_OF_FICHES):
            found["fiche", one] = _Text(f"{fiche} · {section}", frozenset((one,)), _digest(text))
    return found


def _compared(before: _Texts, after: _Texts) -> Iterator[ChangedText]:
    for key, text in after.items():
        held = before.get(key)
        if held is None:
            yield ChangedText(key[0], "new", text.title, text.ids)
        elif held.digest != text.digest:
            yield ChangedText(key[0], "changed", text.title, text.ids | held.ids)
    for key, text in before.items():
        if key not in after:
            yield ChangedText(key[0], "gone", text.title, text.ids)


def _digest(text: str) -> bytes:
    """Return a hash of a text, white space aside."""
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=16).digest()
