"""Checks an entry by itself: marks, figures, lengths, languages. See `law_checks` for the law."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ai_core.knowledge.records import MARK, Entry, Localized
from ai_core.law.figures import Figure, figures_in
from shared.languages import LANGUAGES, Language
from shared.privacy.folding import fold

LONGEST = {"answer": 450, "conditions": 290, "steps": 290}
"""Characters of a French text; other languages may be a fifth longer."""
MOST_LINES = 6
FEWEST_PHRASINGS = 6
_OTHER_LANGUAGE_SHARE = 1.25
_SCRIPTS = {"th": re.compile(r"[\u0e01-\u0e5b]"), "zh": re.compile(r"[\u4e00-\u9fff]")}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_GROUPED = re.compile(r"(?<=\d)[ \u00a0\u202f,](?=\d{3}(?!\d))")


def faults_of(entry: Entry) -> Iterator[str]:
    """Yield every fault of an entry, each with its place."""
    keys = {source.key for source in entry.sources}
    if len(keys) != len(entry.sources):
        yield "sources: two have the same key"
    used = {mark for _, text in entry.texts() for mark in MARK.findall(text.fr)}
    for key in sorted(keys - used):
        yield f"sources: no text refers to [{key}]"
    for place, text in entry.texts():
        yield from (f"{place}: {fault}" for fault in _faults_of_text(entry, place, text, keys))
    yield from _faults_of_phrasings(entry)


def faults_among(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what is wrong among entries: missing related ones, phrasings that two have."""
    counted = Counter(entry.topic_id for entry in entries)
    yield from (f"{topic}: {count} files" for topic, count in counted.items() if count > 1)
    topics = set(counted)
    where: dict[tuple[Language, str], str] = {}
    for entry in entries:
        for related in entry.related:
            if related not in topics or related == entry.topic_id:
                yield f"{entry.topic_id}: related: no other entry is {related}"
        phrased = [*entry.phrasings.written(), *entry.test_phrasings.written()]
        for language, text in phrased:
            other = where.setdefault((language, _plain(text)), entry.topic_id)
            if other != entry.topic_id:
                yield f"{entry.topic_id}: {other} has the phrasing {text!r}"


def _faults_of_text(entry: Entry, place: str, text: Localized, keys: set[str]) -> Iterator[str]:
    kind = place.partition("[")[0]
    marks = set(MARK.findall(text.fr))
    for mark in sorted(marks - keys):
        yield f"[{mark}] is no source"
    if place == "answer" and not marks:
        yield "refers to no source"
    unfounded = _missing(figures_in(MARK.sub("", text.fr)), _figures_of_sources(entry))
    for figure in unfounded:
        yield f"no fragment says {figure.value} {figure.unit}"
    for language in entry.languages():
        said = text.in_language(language)
        if said is None:
            yield f"is not written in {language}"
            continue
        most = LONGEST[kind] * (1 if language == "fr" else _OTHER_LANGUAGE_SHARE)
        if len(MARK.sub("", said)) > most:
            yield f"{language}: {len(said)} characters, at most {most:.0f}"
        if set(MARK.findall(said)) != marks:
            yield f"{language}: other marks than the French text"
        yield from (f"{language}: {fault}" for fault in _faults_of_figures(language, said, text.fr))


def _faults_of_figures(language: Language, said: str, french: str) -> Iterator[str]:
    plain, wanted = MARK.sub("", said), list(figures_in(MARK.sub("", french)))
    if language == "en":
        for figure in _missing(wanted, figures_in(plain)):
            yield f"does not say {figure.value} {figure.unit}"
        for figure in _missing(figures_in(plain), wanted):
            yield f"says {figure.value} {figure.unit}, which the French text does not"
    elif language in _SCRIPTS:
        if not _SCRIPTS[language].search(plain):
            yield "is in another script"
        numbers = {found.replace(",", ".") for found in _NUMBER.findall(_GROUPED.sub("", plain))}
        for value in sorted({format(figure.value, "f") for figure in wanted} - numbers):
            yield f"does not say {value} in digits"


def _figures_of_sources(entry: Entry) -> set[Figure]:
    fragments = [fragment for source in entry.sources for fragment in source.fragments]
    return {figure for fragment in fragments for figure in figures_in(fragment)}


def _missing(wanted: Iterable[Figure], held: Iterable[Figure]) -> list[Figure]:
    there = set(held)
    return [figure for figure in dict.fromkeys(wanted) if figure not in there]


def _faults_of_phrasings(entry: Entry) -> Iterator[str]:
    counts = Counter(_plain(text) for _, text in entry.phrasings.written())
    yield from (f"phrasings: {text!r} twice" for text, count in counts.items() if count > 1)
    for language in LANGUAGES:
        asked = getattr(entry.phrasings, language)
        tested = getattr(entry.test_phrasings, language)
        if entry.speaks(language):
            yield from _too_little(entry, language, len(asked))
        elif asked:
            yield f"phrasings.{language}: the answer is not written in {language}"
        for text in tested:
            if counts[_plain(text)]:
                yield f"test_phrasings.{language}: {text!r} is among the phrasings"


def _too_little(entry: Entry, language: Language, asked: int) -> Iterator[str]:
    if asked < FEWEST_PHRASINGS:
        yield f"phrasings.{language}: {asked}, at least {FEWEST_PHRASINGS}"
    if entry.question.in_language(language) is None:
        yield f"question: is not written in {language}"


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text).folded))
