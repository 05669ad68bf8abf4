"""Parses article references in French free text, in any spelling.

Pure functions over text: `resolving` checks that the article exists, and `codes` finds the code a
reference belongs to. A reference keeps its span, so that the same parser serves questions and
generated answers.

Not covered: numbers written in words, articles of texts that are not a code (laws, decrees,
agreements).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ai_core.law.codes import Code, code_after, code_before

Reading = tuple[str, ...]
"""Numbers meant together: one, or one per letter when the text gives no letter."""

LETTERS = ("L", "R", "D")

_ARTICLE = r"(?:articles?|aritcles?|articels?|artciles?|artilces?|atricles?|artcles?|arts?)"
_FLAGS = re.VERBOSE | re.IGNORECASE
_LETTERED = re.compile(
    r"""(?:(?<!\w)|(?<=\bart)|(?<=\barticle)|(?<=\barticles))
    (?P<letter>[LRD])(?P<mark>[\s.,:;*°'/-]{0,4}) (?P<base>(?!(?:19|20)\d\d)\d{1,4})(?!\d)
    (?P<rest>(?:\s{0,2}[-_]{1,2}\s{0,2}\d{1,3}(?!\d) | [./]\d{1,3}(?!\d)
        | \s{1,2}\d{1,3}(?![\d°%€])){0,3})(?![-_./]\d)
    (?P<suffix>\s?(?-i:[A-E])(?![\w'.]|\s*(?:l'|art\w*)?[\s.]*[LRD]?[\s.*]*\d)
        | \s?[a-e](?=\s*(?:[?,;)]|$)))?""",
    _FLAGS,
)
_BARE = re.compile(
    r"(?<![\w.,/+-])(?P<base>(?!(?:19|20)\d\d)\d{3,4})(?P<rest>(?:\s?[-_]\s?\d{1,3}(?!\d)){1,3})(?![\w€%/]|[-.,]\d)",
    _FLAGS,
)
_SOME = re.compile(r"[LRD][\s.,:;*°'/-]{0,4}\d|\d\s?[-_]\s?\d", re.IGNORECASE)
"""What every number of an article begins with; few figures do."""
_STEP = re.compile(r"(\s*[-_./]+\s*|\s+)(\d+)")
_WORD_BEFORE = re.compile(rf"(?<!\w){_ARTICLE}\.?\s*(?:n\s?[°o]\.?\s*)?[*_\[(\"«]*\s*$", _FLAGS)
_ANNEX_BEFORE = re.compile(
    rf"(?<!\w)annexe\s+(?:(?P<rank>[IVX]{{1,4}})\s+)?(?:à|a|de)\s+l'\s?{_ARTICLE}\.?\s*$", _FLAGS
)
_NOT_AN_ARTICLE_BEFORE = re.compile(
    r"""(?:n\s?[°o]s?\.?|num[ée]ro|d[ée]crets?|lois?|ordonnances?|arr[êe]t[ée]s?|circulaires?
    |directives?|r[èe]glements?|avis|cerfa|formulaire|siren|siret|t[ée]l\.?|t[ée]l[ée]phone
    |dossier|r[ée]f\.?|r[ée]f[ée]rence|pourvoi|arr[êe]t|rg|idcc|brochure|matricule|facture
    |commande|naf|ape|iso|norme|en|nf)[\s:.(]*$""",
    _FLAGS,
)
_UNIT_AFTER = re.compile(
    r"""\s*(?:euros?|eur|k|h|heures?|mn|minutes?|jours?|semaines?|mois|ans?|ann[ée]es?|salari[ée]s?
    |personnes?|km|kg|francs?|points?|fois|centimes?|€|%)(?!\w)""",
    _FLAGS,
)
_FOLLOWING_AFTER = re.compile(r"[\s,]*(?:et|&)\s*(?:suiv(?:ante?s?)?|ss?|sqq)\b\.?", _FLAGS)
_BETWEEN_RANGE = re.compile(
    rf"""[\s,]*(?:jusqu'?\s*(?:à|a|aux?)|à|a|aux?|->|→|⇒|…|\.\.\.?)\s*
    (?:l'\s?|les\s+)?(?:{_ARTICLE}\.?\s*)?(?:n\s?°\s*)?-?""",
    _FLAGS,
)
_BETWEEN_LIST = re.compile(
    rf"""(?:[\s,;/+&*_()\[\]-] | \d{{1,2}}\s?°
    | (?:et|ou|puis|ainsi|que|and|or|avec|vs|les?|la|des?|du|à|aux?|celui|ceux|[IVX]+|{_ARTICLE}\.?
        |alin[ée]as?|premier|second|deuxi[èe]me|troisi[èe]me|avant|dernier|n°)(?!\w) | l'
    ){{1,40}}""",
    _FLAGS,
)
_SHORT = re.compile(
    r"""\s*(?:,|(?<=[\s])(?:et|ou|à|a)(?=[\s]))\s*-?(?P<digits>\d{1,3})
    (?=\s*(?:[?!.;)\]]|,\s|$|(?:et|ou|à|du\s+code)\s))""",
    _FLAGS,
)
_NEAR_CHARS = 40
_DASHES = re.compile(r"[‐-―−﹘﹣－⁃]")
_APOSTROPHES = re.compile(r"[’ʼ′´`‘]")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference, or one range, at text[start:stop].

    `readings` come in order of preference: the first of which an article exists is the one meant.
    `last` holds the readings of a range's other end; `following` is "et suivants". `sure` marks
    text that can only be a reference, so that "no such article" may be reported. `other_code` is a
    reference to another code, never to be resolved to ours.
    """

    start: int
    stop: int
    readings: tuple[Reading, ...]
    last: tuple[Reading, ...] = ()
    following: bool = False
    sure: bool = True
    other_code: bool = False

    @property
    def name(self) -> str:
        """Return the reference in canonical spelling: "L1234-1", "1234-1" without a letter."""
        reading = self.readings[0]
        return reading[0] if len(reading) == 1 else reading[0].lstrip("LRD")


@dataclass(frozen=True, slots=True)
class _Mention:
    """One number in the cleaned text, before ranges, lists and codes are parsed."""

    start: int
    stop: int
    readings: tuple[Reading, ...]
    letter: str
    sure: bool
    complete: bool


@lru_cache(maxsize=4_096)
def canonical(number: str) -> str:
    """Normalize an article's number, so that all its spellings compare equal.

    "R*3231-2", "r. 3231 - 2" and "R3231-2" are one; so are "L1453-1 A" and "L1453-1A".
    """
    plain = unicodedata.normalize("NFKD", _DASHES.sub("-", number))
    return "".join(c for c in plain.upper() if c.isalnum() or c == "-")


def find_references(text: str) -> tuple[Reference, ...]:
    """Find every article reference in `text`, in order, ranges as one."""
    clean, places = _cleaned(text)
    if not _SOME.search(clean):
        return ()
    groups = _groups(clean, _mentions(clean))
    found = [reference for group in groups for reference in _understood(clean, group)]
    return tuple(
        replace(reference, start=places[reference.start], stop=places[reference.stop - 1] + 1)
        for reference in found
    )


def _cleaned(text: str) -> tuple[str, Sequence[int]]:
    """Unify dashes, apostrophes, blanks and full-width forms; return each character's offset."""
    if text.isascii():
        return text.translate(_ASCII), range(len(text))
    clean: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for c in _cleaned_character(character):
            clean.append(c)
            places.append(place)
    return "".join(clean), places


@lru_cache(maxsize=4_096)
def _cleaned_character(character: str) -> str:
    plain = _DASHES.sub("-", _APOSTROPHES.sub("'", unicodedata.normalize("NFKC", character)))
    visible = (c for c in _DASHES.sub("-", plain) if unicodedata.category(c) != "Cf")
    return "".join(" " if c.isspace() and c != "\n" else c for c in visible)


_ASCII = {code: _cleaned_character(chr(code)) for code in range(0x80)}


def _mentions(clean: str) -> list[_Mention]:
    lettered = [
        mention for found in _LETTERED.finditer(clean) if (mention := _lettered(clean, found))
    ]
    rest = list(clean)
    for mention in lettered:
        rest[mention.start : mention.stop] = "\0" * (mention.stop - mention.start)
    bare = [mention for found in _BARE.finditer("".join(rest)) if (mention := _bare(clean, found))]
    whole = sorted((*lettered, *bare), key=lambda mention: mention.start)
    return [found for mention in whole for found in (mention, *_shortened(clean, mention))]


def _shortened(clean: str, mention: _Mention) -> list[_Mention]:
    """Parse numbers that omit the prefix of the one before: "L1153-1 à 3", "L3163-1 et 2"."""
    found: list[_Mention] = []
    stop = mention.stop
    while short := _SHORT.match(clean, stop):
        start, stop = short.start("digits"), short.end()
        readings = tuple(
            tuple(f"{number.rpartition('-')[0]}-{short['digits']}" for number in reading)
            for reading in mention.readings[:1]
            if "-" in reading[0]
        )
        if not readings:
            break
        found.append(_Mention(start, stop, readings, mention.letter, False, True))
    return found


def _before(clean: str, start: int) -> str:
    """Return the few words before a number, which decide what it is."""
    return clean[max(0, start - _NEAR_CHARS) : start]


def _joint(blank: str) -> str:
    """Classify the separator of two groups of digits: "-", ".", "/", " - " or " "."""
    if blank.isspace():
        return " "
    if any(c.isspace() for c in blank):
        return " - "
    return blank[0].replace("_", "-")


def _numbers(base: str, rest: str) -> tuple[list[str], str, int]:
    """Parse groups of digits as a number: longest first, shorter where the last group may not be
    part of it ("l 1233 24 4 jours"); with the first separator and the end offset.
    """
    numbers, read, first = [base], 0, ""
    for step in _STEP.finditer(rest):
        joint = _joint(step[1])
        if first and joint not in ("-", first):
            break
        longer = f"{numbers[0]}-{step[2]}"
        if first and joint != "-":
            numbers.insert(0, longer)
        else:
            numbers[0] = longer
        first, read = first or joint, step.end()
    return numbers, first, read


def _lettered(clean: str, found: re.Match[str]) -> _Mention | None:
    numbers, joint, read = _numbers(found["base"], found["rest"])
    if joint == " " and found["mark"].strip(" .*"):
        return None
    letter = found["letter"].upper()
    readings = [(letter + number,) for number in numbers]
    start, stop = found.start(), found.start("rest") + read
    before = _before(clean, start)
    word = bool(_WORD_BEFORE.search(before))
    if found["suffix"] and joint and read == len(found["rest"]):
        readings.insert(0, (readings[0][0] + found["suffix"].strip().upper(),))
        stop = found.end()
    annex = _ANNEX_BEFORE.search(before)
    if annex:
        rank = f" {annex['rank']}" if annex["rank"] else ""
        readings.insert(0, (canonical(f"Annexe{rank} à l'article {readings[0][0]}"),))
        start -= len(annex[0])
    sure = word or (joint not in ("", " ") and len(found["base"]) > 2)
    return _Mention(start, stop, tuple(readings), letter, sure, bool(joint) or word)


def _bare(clean: str, found: re.Match[str]) -> _Mention | None:
    before = _before(clean, found.start())
    word = bool(_WORD_BEFORE.search(before))
    numbers, joint, read = _numbers(found["base"], found["rest"])
    if not word and (
        joint != "-"
        or len(found["base"]) < 4
        or _NOT_AN_ARTICLE_BEFORE.search(before)
        or _UNIT_AFTER.match(clean, found.end())
    ):
        return None
    readings = tuple(tuple(letter + number for letter in LETTERS) for number in numbers)
    return _Mention(found.start(), found.start("rest") + read, readings, "", word, True)


def _groups(clean: str, mentions: list[_Mention]) -> list[list[_Mention]]:
    """Group the mentions that are joined by nothing but "et", "à", a comma…"""
    groups: list[list[_Mention]] = []
    for mention in mentions:
        if groups and _joined(clean, groups[-1][-1], mention):
            groups[-1].append(mention)
        else:
            groups.append([mention])
    return groups


def _joined(clean: str, one: _Mention, other: _Mention) -> bool:
    between = clean[_after_following(clean, one) : other.start]
    return bool(_BETWEEN_RANGE.fullmatch(between) or _BETWEEN_LIST.fullmatch(between))


def _after_following(clean: str, mention: _Mention) -> int:
    following = _FOLLOWING_AFTER.match(clean, mention.stop)
    return following.end() if following else mention.stop


def _understood(clean: str, group: list[_Mention]) -> list[Reference]:
    """Convert grouped mentions to references: they share a code, a letter and a word "articles"."""
    stop = _after_following(clean, group[-1])
    after = code_after(clean, stop)
    code = after or code_before(clean, group[0].start)
    sure = any(mention.sure for mention in group)
    found: list[Reference] = []
    letter, previous_stop = "", 0
    for mention in group:
        letter = mention.letter or letter
        readings = _inherited(mention, letter)
        end = _after_following(clean, mention)
        ranged = found and _BETWEEN_RANGE.fullmatch(clean, previous_stop, mention.start)
        if ranged and not found[-1].last:
            found[-1] = replace(found[-1], stop=mention.stop, last=readings, following=False)
        elif mention.complete or sure or after is Code.TRAVAIL:
            following = end > mention.stop
            other = code is Code.OTHER
            found.append(Reference(mention.start, end, readings, (), following, sure, other))
        previous_stop = end
    return found


def _inherited(mention: _Mention, letter: str) -> tuple[Reading, ...]:
    if mention.letter or not letter:
        return mention.readings
    same = tuple((letter + reading[0][1:],) for reading in mention.readings)
    return (*same, *mention.readings)
