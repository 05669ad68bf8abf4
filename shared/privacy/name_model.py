"""Finds names of people by a model of named entities (the extra [names]).

The model is spaCy's `fr_core_news_md` (https://spacy.io/models/fr#fr_core_news_md); of its pipeline
only what entities need is loaded. Importing spaCy and loading the model take seconds and 0.5 GiB:
only the child process of `shared.privacy.text_masker` does that.
"""

import importlib
import importlib.util
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, cast

from shared.privacy.folding import fold
from shared.privacy.identifiers import Kind, Span, name_value
from shared.privacy.masking import FindNames

LIBRARY = "spacy"
MODEL = "fr_core_news_md"
LEFT_OUT = ("morphologizer", "parser", "senter", "lemmatizer", "attribute_ruler")
"""Parts of the pipeline that entities do not need."""
PERSON = "PER"
PIECE_CHARACTERS = 4_000
"""Read at once: what the network needs of memory grows with it."""
OVERLAP_CHARACTERS = 200
"""Read again with the next piece, so that a name at a cut is whole in one of them."""
_WORD = re.compile(r"\S+")
_EDGE = " \t\r\n.,;:!?()[]{}«»\"'’“”…*-–—"
_NO_NAME = re.compile(r"[\d<>_@/\\°=+|⟨⟩]")
_LOWEST_LETTERS = 2
_LONGEST_ABBREVIATION = 5
_LONGEST_BEFORE = 16
_BETWEEN_SENTENCES = " \t\u00a0«»\"'*•–—-"
_ENDS = ("", "\n", ".", "!", "?")
TITLES = frozenset(
    [
        "m",
        "mr",
        "mme",
        "mlle",
        "mm",
        "monsieur",
        "madame",
        "mademoiselle",
        "messieurs",
        "mesdames",
        "docteur",
        "dr",
        "maitre",
        "me",
    ]
)
NOT_NAMES = frozenset(
    [
        "cass",
        "soc",
        "civ",
        "crim",
        "bull",
        "ministre",
        "president",
        "presidente",
        "republique",
        "directeur",
        "directrice",
        "pajemploi",
        "urssaf",
        "legifrance",
        "nom",
        "article",
        "articles",
    ]
)
"""Words that end a name: what the model took for people in labour questions, and others of that
kind (courts, offices, services); folded. "nom" stands in the label of a sender's name."""
NAMED_AFTER_PEOPLE = re.compile(
    r"\b(?:lois?|ordonnances?|arrets?|baremes?|reformes?|decrets?|jurisprudences?|primes?) $"
)
"""Before the name of a law or a judgment ("la loi Aubry"), folded."""
PARTICLES = frozenset(
    [
        "de",
        "du",
        "des",
        "d",
        "la",
        "le",
        "les",
        "et",
        "van",
        "von",
        "der",
        "den",
        "el",
        "al",
        "da",
        "dos",
        "di",
        "y",
    ]
)
"""Words that stand inside a name and are none alone."""


class Entity(Protocol):
    """A span of spaCy: its label, and where it stands in the text."""

    label_: str
    start_char: int
    end_char: int


class Document(Protocol):
    """A text that a pipeline has read."""

    ents: tuple[Entity, ...]


class Pipeline(Protocol):
    """A loaded pipeline of spaCy."""

    def __call__(self, text: str) -> Document:
        """Return the text with its entities."""
        ...

    def memory_zone(self) -> AbstractContextManager[object]:
        """Forget, when left, the words that were read inside."""
        ...


def missing_modules() -> list[str]:
    """Return what of the library and the model is not installed."""
    return [name for name in (LIBRARY, MODEL) if importlib.util.find_spec(name) is None]


def load_name_model() -> FindNames:
    """Load the model; return what finds the names in a text."""
    spacy = importlib.import_module(LIBRARY)
    pipeline = cast(Pipeline, spacy.load(MODEL, exclude=list(LEFT_OUT)))

    def find_names(text: str) -> Iterator[Span]:
        for start, end in _pieces(text):
            with pipeline.memory_zone():
                people = [
                    (start + entity.start_char, start + entity.end_char)
                    for entity in pipeline(text[start:end]).ents
                    if entity.label_ == PERSON
                ]
            for person in people:
                yield from _names_in(text, *person)

    return find_names


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield places of pieces that overlap, cut at an end of a line, a sentence or a word."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        latest = start + PIECE_CHARACTERS
        cuts = (text.rfind(mark, start + 1, latest) for mark in ("\n", ". ", " "))
        end = next((cut + 1 for cut in cuts if cut > start + PIECE_CHARACTERS // 2), latest)
        yield start, end
        start = end - OVERLAP_CHARACTERS
    yield start, len(text)


def _names_in(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the runs of words of an entity that may be a name."""
    run: list[tuple[int, int]] = []
    for word in _WORD.finditer(text, start, end):
        bare = _bare(word[0])
        is_none = not bare or bare in TITLES | NOT_NAMES or _NO_NAME.search(word[0]) is not None
        if is_none or (run and "\n" in text[run[-1][1] : word.start()]):
            yield from _name(text, run)
            run = []
        if not is_none:
            run.append(word.span())
    yield from _name(text, run)


def _bare(word: str) -> str:
    return fold(word.strip(_EDGE)).folded


def _name(text: str, words: list[tuple[int, int]]) -> Iterator[Span]:
    """Yield the words as one name, unless they are particles, an abbreviation or a common word."""
    while words and _bare(text[slice(*words[-1])]) in PARTICLES:
        words = words[:-1]
    while words and _is_particle_before(text[slice(*words[0])]):
        words = words[1:]
    if not words:
        return
    start, end = words[0][0], words[-1][1]
    while start < end and text[start] in _EDGE:
        start += 1
    while start < end and text[end - 1] in _EDGE:
        end -= 1
    before = text[max(0, start - _LONGEST_BEFORE) : start]
    if not _is_common(text[start:end].split(), before):
        yield Span(Kind.NAME, name_value(text[start:end]), start, end)


def _is_particle_before(word: str) -> bool:
    return word.islower() and _bare(word) in PARTICLES


def _is_common(words: list[str], before: str) -> bool:
    """Whether words that the model takes for a person are an abbreviation, a law or plain words.

    The model takes capitals at the start of a sentence or a heading for names ("Licenciement").
    """
    name = " ".join(words)
    if sum(map(str.isalpha, name)) <= _LOWEST_LETTERS:
        return True
    if NAMED_AFTER_PEOPLE.search(fold(before).folded):
        return True
    starts = before.rstrip(_BETWEEN_SENTENCES)[-1:] in _ENDS
    if len(words) > 1:
        return starts and words[0][0].isupper() and any(_is_plain(word) for word in words)
    abbreviation = name.isupper() and len(name) <= _LONGEST_ABBREVIATION
    return starts or abbreviation or not name[0].isupper() or name.startswith("Saint-")


def _is_plain(word: str) -> bool:
    return word.islower() and _bare(word) not in PARTICLES
