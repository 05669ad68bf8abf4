"""Whose a fact is: told by the asker, denied, or of somebody else.

A fact counts as told when the last person mentioned before it in its sentence is the one who
writes, or when it stands alone ("Cadre, 3 ans d'ancienneté, …"). Of somebody else ("mon collègue
est cadre") or of nobody in particular ("le préavis d'un cadre") it is only mentioned, and "pas
cadre" denies it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

CLAUSE = re.compile(r",|\bet\b|\band\b|\bmais\b|\bbut\b|[:()]")
NEAR_CHARACTERS = 300
"""How far before a fact the person it belongs to is looked for."""

_OTHERS = (
    r"(?:mon|ma|mes|un|une|son|sa|ses|leur|notre|l'|le|la|my|a|an|his|her|our) ?(?:\w+ )?"
    r"(?:collegues?|copains?|copines?|amie?s?|maris?|femme|epou(?:x|se)|conjointe?|compagn(?:on|e)"
    r"|freres?|soeurs?|fils|filles?|peres?|meres?|maman|papa|parents?|cousine?s?|voisine?s?"
    r"|chef(?:fe)?(?! d')|superieure?|manager|responsable|directeur|directrice|patronn?e?"
    r"|colleague|friend|husband|wife|brother|sister|son|daughter|father|mother|partner|boss)"
)
_ANYBODY = (
    r"(?:un|une|le|la|les|l'|d'un|d'une|des|du|tout|chaque|aux?|a|the|any|every) ?"
    r"(?:salariee?s?|employee?s?|cadres?|ouvri\w+|travailleu\w+|personnes?|apprentie?s?"
    r"|technicien\w*|employees?|workers?)|quelqu'un|someone|somebody"
)
_PRONOUNS = r"(?<!qu')(?<!t-)(?<!-)\b(?P<pronoun>il|elle|ils|elles|he|she|they)\b"
_OWN = r"je|j'|moi|me|m'|mon|ma|mes|nous|notre|nos|i|i'm|i've|my|me|we|our|us"
PERSON = re.compile(
    rf"\b(?P<other>{_OTHERS}|{_ANYBODY})\b|{_PRONOUNS}(?! y a\b| faut\b| est possible)"
    rf"|\b(?P<own>{_OWN})(?:\b|(?<='))"
)
"""A person mentioned: `lastgroup` is own, other or pronoun."""

_DENIED = re.compile(
    r"\b(?:pas|ni|jamais|aucun|not|never|neither|nor|no longer|n't|(?<=suis )plus|(?<=ai )plus"
    r"|(?<=est )plus)(?: (?:encore|ete|un|une|de|d'|en|a|au|du|le|la|mon|ma|been|yet|the|on|in"
    r"|payee?|sous|dans|my))*[ ']?$|\bnon[ -]$|\bsans$"
)
_COUNT_DENIED = re.compile(r"\b(?:pas|not|n't) (?:encore |yet )?$")
_GENERAL = re.compile(
    r"\b(?:d'un|d'une|pour un|pour une|pour les|les|des|aux?|le|la|l'|du|un|une|of an?|for an?)"
    r"(?: contrat)? ?(?:en |a )?$"
)
_OWN_ONE = re.compile(
    r"\b(?:suis|etais|comme|que|en tant qu'?|ai|avais|eu|signe|obtenu|am|as|have|got|signed)"
    r" (?:un|une|an?|le|la|mon|my) (?:nouveau |new )?$"
)
_ALWAYS_OWN = {"role", "seniority_months", "sector"}
_TITLES = {"category", "contract"}
_LETTERS = re.compile(r"[a-z]{2,}")
_EMPTY = frozenset(
    """
    de des du la le les un une en au aux et ou ai suis est ce cette mon ma mes je avec chez pour par
    dans sur fin depuis environ convention collective am the of in at and my for bonjour bonsoir
    merci oui non donc alors salarie salariee paye payee actuellement meme boite entreprise societe
    """.split()  # noqa: SIM905 - a literal would take one line per word
)
_OTHER_WORDS_ALONE = 1


class Standing(StrEnum):
    """Whether a fact is the asker's, is denied, or is only mentioned."""

    TOLD = "told"
    DENIED = "denied"
    MENTIONED = "mentioned"


@dataclass(frozen=True, slots=True)
class Fact:
    """A field of the profile and its value, at a place of the folded text."""

    field: str
    value: str | bool | int | float
    start: int
    stop: int
    standing: Standing = Standing.TOLD


@dataclass(frozen=True, slots=True)
class Owners:
    """Tells whose the facts of a sentence are; an employer's "he" is the employee of the case."""

    sentence: str
    spans: list[tuple[int, int]]
    is_reply: bool
    is_employer: bool

    def standing(self, fact: Fact) -> Standing:
        """Return whether a fact is the asker's."""
        before = self.sentence[max(0, fact.start - NEAR_CHARACTERS) : fact.start]
        counted = isinstance(fact.value, int | float) and not isinstance(fact.value, bool)
        if (_COUNT_DENIED if counted else _DENIED).search(before):
            return Standing.DENIED
        if fact.field == "headcount":
            return Standing.TOLD
        return Standing.TOLD if self._is_own(fact, before) else Standing.MENTIONED

    def _is_own(self, fact: Fact, before: str) -> bool:
        person = self._last_person(before)
        if person == "other":
            return False
        if person is None:
            return self.is_reply or fact.field in _ALWAYS_OWN or self._stands_alone(fact)
        general = fact.field in _TITLES and _GENERAL.search(before)
        return not general or _OWN_ONE.search(before) is not None

    def _last_person(self, before: str) -> str | None:
        last = None
        for found in PERSON.finditer(before):
            last = found.lastgroup
        if last == "pronoun":
            return "own" if self.is_employer else "other"
        return last

    def _stands_alone(self, fact: Fact) -> bool:
        """Whether the clause of a fact holds nothing but facts."""
        start, stop = 0, len(self.sentence)
        for cut in CLAUSE.finditer(self.sentence):
            if cut.end() <= fact.start:
                start = cut.end()
            elif cut.start() >= fact.stop:
                stop = cut.start()
                break
        rest = list(self.sentence[start:stop])
        for first, last in self.spans:
            for at in range(max(first, start), min(last, stop)):
                rest[at - start] = " "
        others = sum(word not in _EMPTY for word in _LETTERS.findall("".join(rest)))
        return others <= (0 if "?" in rest else _OTHER_WORDS_ALONE)
