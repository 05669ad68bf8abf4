"""Checks an entry by itself: marks, figures, lengths, languages. See `law_checks` for the law."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ai_core.knowledge.faults import Fault, fault
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


def faults_of(entry: Entry) -> Iterator[Fault]:
    """Yield every fault of an entry, each with its place."""
    keys = {source.key for source in entry.sources}
    if len(keys) != len(entry.sources):
        yield fault("same_keys", "sources")
    used = {mark for _, text in entry.texts() for mark in MARK.findall(text.fr)}
    for key in sorted(keys - used):
        yield fault("unused_source", "sources", key=key)
    for place, text in entry.texts():
        yield from _faults_of_text(entry, place, text, keys)
    yield from _faults_of_phrasings(entry)


def faults_among(entries: Sequence[Entry]) -> Iterator[tuple[str, Fault]]:
    """Yield what is wrong among entries: missing related ones, phrasings that two have."""
    counted = Counter(entry.topic_id for entry in entries)
    for topic, count in counted.items():
        if count > 1:
            yield topic, fault("several_files", count=count)
    topics = set(counted)
    where: dict[tuple[Language, str], str] = {}
    for entry in entries:
        for related in entry.related:
            if related not in topics or related == entry.topic_id:
                yield entry.topic_id, fault("unknown_related", "related", related=related)
        phrased = [*entry.phrasings.written(), *entry.test_phrasings.written()]
        for language, text in phrased:
            other = where.setdefault((language, _plain(text)), entry.topic_id)
            if other != entry.topic_id:
                yield entry.topic_id, fault("phrasing_elsewhere", other=other, text=text)


def _faults_of_text(entry: Entry, place: str, text: Localized, keys: set[str]) -> Iterator[Fault]:
    kind = place.partition("[")[0]
    marks = set(MARK.findall(text.fr))
    for mark in sorted(marks - keys):
        yield fault("unknown_mark", place, mark=mark)
    if place == "answer" and not marks:
        yield fault("no_mark", place)
    for figure in _missing(figures_in(MARK.sub("", text.fr)), _figures_of_sources(entry)):
        yield fault("unfounded_figure", place, figure=str(figure.value), unit=figure.unit)
    for language in entry.languages():
        said = text.in_language(language)
        if said is None:
            yield fault("not_written", place, language=language)
            continue
        most = LONGEST[kind] * (1 if language == "fr" else _OTHER_LANGUAGE_SHARE)
        if len(MARK.sub("", said)) > most:
            yield fault("too_long", place, language=language, length=len(said), most=f"{most:.0f}")
        if set(MARK.findall(said)) != marks:
            yield fault("other_marks", place, language=language)
        yield from _faults_of_figures(place, language, said, text.fr)


def _faults_of_figures(place: str, language: Language, said: str, french: str) -> Iterator[Fault]:
    plain, wanted = MARK.sub("", said), list(figures_in(MARK.sub("", french)))
    if language == "en":
        for kind, figures in (
            ("figure_missing", _missing(wanted, figures_in(plain))),
            ("figure_added", _missing(figures_in(plain), wanted)),
        ):
            for figure in figures:
                facts = {"figure": str(figure.value), "unit": figure.unit}
                yield fault(kind, place, language=language, **facts)
    elif language in _SCRIPTS:
        if not _SCRIPTS[language].search(plain):
            yield fault("other_script", place, language=language)
        numbers = {found.replace(",", ".") for found in _NUMBER.findall(_GROUPED.sub("", plain))}
        for value in sorted({format(figure.value, "f") for figure in wanted} - numbers):
            yield fault("digits_missing", place, language=language, figure=value)


def _figures_of_sources(entry: Entry) -> set[Figure]:
    fragments = [fragment for source in entry.sources for fragment in source.fragments]
    return {figure for fragment in fragments for figure in figures_in(fragment)}


def _missing(wanted: Iterable[Figure], held: Iterable[Figure]) -> list[Figure]:
    there = set(held)
    return [figure for figure in dict.fromkeys(wanted) if figure not in there]


def _faults_of_phrasings(entry: Entry) -> Iterator[Fault]:
    counts = Counter(_plain(text) for _, text in entry.phrasings.written())
    for text, count in counts.items():
        if count > 1:
            yield fault("phrasing_twice", "phrasings", text=text)
    for language in LANGUAGES:
        asked = getattr(entry.phrasings, language)
        tested = getattr(entry.test_phrasings, language)
        if entry.speaks(language):
            yield from _too_little(entry, language, len(asked))
        elif asked:
            yield fault("phrasings_unanswered", f"phrasings.{language}", language=language)
        for text in tested:
            if counts[_plain(text)]:
                yield fault("test_among_phrasings", f"test_phrasings.{language}", text=text)


def _too_little(entry: Entry, language: Language, asked: int) -> Iterator[Fault]:
    if asked < FEWEST_PHRASINGS:
        place = f"phrasings.{language}"
        yield fault("too_few_phrasings", place, count=asked, least=FEWEST_PHRASINGS)
    if entry.question.in_language(language) is None:
        yield fault("not_written", "question", language=language)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text).folded))
