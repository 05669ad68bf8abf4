"""Masks personal data in French and English text by labels, and unmasks it.

docs/privacy.md lists what is found and what is not. A number is taken on its check digits, its
grouping or the word before it, a name only after words that announce one, so that the law is
not mistaken for a person. Time is linear in the length of the text; callers cap that length,
and apply `shared.privacy.plain_text.without_invisible` first.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from structlog.typing import EventDict, WrappedLogger

from shared.privacy.identifiers import Kind, Span, name_value, spans

FindNames = Callable[[str], Iterable[Span]]

KINDS = tuple(Kind)

LABELS: Mapping[Kind, str] = {
    Kind.EMAIL: "EMAIL",
    Kind.IBAN: "IBAN",
    Kind.NIR: "NIR",
    Kind.CARD: "CARTE",
    Kind.PHONE: "TEL",
    Kind.TAX_NUMBER: "FISCAL",
    Kind.IDENTITY_DOCUMENT: "IDENTITE",
    Kind.IP_ADDRESS: "IP",
    Kind.BIRTH_DATE: "NAISSANCE",
    Kind.POSTAL_ADDRESS: "ADRESSE",
    Kind.SIRET: "SIRET",
    Kind.PLATE: "PLAQUE",
    Kind.FILE_NUMBER: "DOSSIER",
    Kind.NAME: "NOM",
}


@dataclass(frozen=True)
class Found:
    """Count of each kind found, and the original of each label.

    The originals stay in memory: they are left out of the representation, so printing or logging
    this object shows counts only.
    """

    counts: Mapping[Kind, int]
    originals: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Masked:
    """A text with labels such as `<TEL_1>` for personal data, and what was found in it."""

    text: str
    found: Found


_LABEL = re.compile(f"<({'|'.join(LABELS.values())})_[0-9]{{1,9}}>")
_KINDS_BY_LABEL = {label: kind for kind, label in LABELS.items()}


def mask(text: str, find_names: FindNames | None = None) -> Masked:
    """Replace personal data by labels; one value has one label, however it is written.

    `find_names` (shared/privacy/name_model.py) finds further names than the rules.

    A label that the text already contains is never used, so that `unmask` restores the text, except
    that a value with several spellings is restored in its first one.
    """
    found = sorted(spans(text), key=lambda span: span.start)
    if find_names is not None:
        found = _merged(found, sorted(find_names(text), key=lambda span: span.start), text)
    labels = _labels(found, text)
    pieces, place = [], 0
    originals: dict[str, str] = {}
    for span in found:
        label = labels[span.kind, span.value]
        originals.setdefault(label, text[span.start : span.end])
        pieces += [text[place : span.start], label]
        place = span.end
    counts = Counter(span.kind for span in found)
    return Masked("".join([*pieces, text[place:]]), Found(counts, originals))


def unmask(text: str, found: Found) -> str:
    """Replace the labels by their originals; an unknown label stays as it is."""
    return _LABEL.sub(lambda match: found.originals.get(match[0], match[0]), text)


def contains_label(text: str) -> bool:
    """Whether a text contains a label, such as `mask` puts in the place of personal data."""
    return "<" in text and _LABEL.search(text) is not None


def label_counts(text: str) -> dict[Kind, int]:
    """Return how many labels of each kind a masked text holds."""
    return dict(Counter(_KINDS_BY_LABEL[match[1]] for match in _LABEL.finditer(text)))


def contains_personal_data(text: str) -> bool:
    """Whether `mask` would change the text."""
    return next(spans(text), None) is not None


def _merged(found: list[Span], names: list[Span], text: str) -> list[Span]:
    """Return both in order; a name that overlaps one of the rules' becomes one with it.

    What else the rules found wins: a name inside an address or an e-mail address is part of that.
    """
    merged: list[Span] = []
    for span in sorted((*found, *names), key=lambda span: span.start):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
        elif last.kind is span.kind is Kind.NAME:
            end = max(last.end, span.end)
            value = last.value if end == last.end else name_value(text[last.start : end])
            merged[-1] = Span(Kind.NAME, value, last.start, end)
        elif last.kind is Kind.NAME:
            head = text[last.start : span.start].rstrip()
            merged[-1:] = [Span(Kind.NAME, name_value(head), last.start, last.start + len(head))]
            merged.append(span)
    return merged


def _labels(found: Iterable[Span], text: str) -> dict[tuple[Kind, str], str]:
    taken = {match[0] for match in _LABEL.finditer(text)}
    numbers = {kind: count(1) for kind in KINDS}
    labels: dict[tuple[Kind, str], str] = {}
    for span in found:
        if (span.kind, span.value) not in labels:
            free = (f"<{LABELS[span.kind]}_{number}>" for number in numbers[span.kind])
            labels[span.kind, span.value] = next(label for label in free if label not in taken)
    return labels


# What our own code writes under these names: times, levels, names and identifiers of ours.
SAFE_LOG_KEYS = frozenset(
    {
        *("timestamp", "level", "logger", "service", "version"),
        *("request_id", "trace_id", "span_id", "method", "route"),
    }
)
LONGEST_LOGGED = 8_192
_LONGEST_IDENTIFIER = 200
_ONE_WORD = re.compile(r"[A-Za-z_./-]{1,64}")
"""A name of ours, as most logged strings are: no rule finds anything in it without a digit."""


def redact_event(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """Mask every string of a log event, nested ones too (a structlog processor).

    It runs after `format_exc_info` and before the renderer. Numbers are unchanged, and so are keys
    that start with `_` (structlog's own); strings beyond `LONGEST_LOGGED` characters are cut.
    """
    for key, value in event_dict.items():
        if key not in SAFE_LOG_KEYS and not key.startswith("_") and key != "exc_info":
            event_dict[key] = _redacted(value)
    return event_dict


def _redacted(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _redacted_text(value)
        case dict():
            return {_redacted(key): _redacted(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted(item) for item in value]
        case _:
            return _redacted_text(str(value))


def _redacted_text(text: str) -> str:
    if _ONE_WORD.fullmatch(text):
        return text
    if len(text) <= LONGEST_LOGGED:
        return mask(text).text
    # The cut may split a number: digits next to it are removed too.
    return mask(text[:LONGEST_LOGGED]).text[:-_LONGEST_IDENTIFIER] + "…"
