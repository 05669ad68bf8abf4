"""What the words of a sentence show, whatever is asked: figures, rules, references, publics."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from ai_core.engines.extractive.asked import Asked

_SENTENCES_REMEMBERED = 8_192  # a few MiB
_WORD = re.compile(r"[a-z0-9]+")
_SUBJECT_CHARS = 150
_KEY_CHARS = 3
_BEGINNINGS = re.compile(rf" (?=(.{{{_KEY_CHARS}}}))")
_NUMBERS = (
    "un|une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize"
    "|vingt|trente|quarante|soixante|demi|cents?|premier|moitie"
)
_DURATION = (
    rf"(?:\d|\b(?:{_NUMBERS}))[- ](?:\w+ ){{0,2}}"
    r"(?:jours?|mois|ans?|annees?|semaines?|heures?|minutes?)\b"
)
_GIVES: Mapping[Asked, re.Pattern[str]] = {
    kind: re.compile(pattern)
    for kind, pattern in {
        Asked.DURATION: _DURATION,
        Asked.MONEY: (
            r"\d[\d\s,.]*\s?(?:€|eur|%)|euros?|pour cent|\bsmic\b|quart|tiers|moitie|dixieme"
            r"|cinquieme|egale?s? (?:a|au)\b|ne peut etre inferieure?"
        ),
        Asked.RATE: r"\d\s?%|pour cent|\d\s?/\s?\d|taux",
        Asked.NUMBER: rf"\d|\b(?:{_NUMBERS.partition('une|')[2]})\b",
        Asked.DAY: (
            r"\d{1,2}(?:er)? (?:janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre"
            r"|novembre|decembre)|\bau plus tard|\bavant le|\ba compter d|\ba partir d"
            r"|\bdes (?:le|la|que)|\bau moment|\bune fois par|\bdans (?:le|un|les) delai|"
            + _DURATION
        ),
        Asked.YES_NO: (
            r"\bpeu(?:t|vent)\b|\bne peu|\bdoi(?:t|vent)\b|\binterdit|\ba droit|\bont droit"
            r"|\best tenu|\bobligat|\baucune?\b|\bnul\b|\best nulle?\b|\bpossible|\bautoris"
            r"|\bn'est pas|\bil est|\bbeneficie|\bs'impose|\bne constitu|\bn'a pas"
            r"|\bsans (?:l'accord|autorisation)"
        ),
        Asked.PERSON: (
            r"l'employeur|inspect|medecin|conseil de prud|comite|juge|agent de controle|salarie"
            r"|caisse|representant|syndica|tribunal|directeur"
        ),
        Asked.PROCEDURE: (
            r"lettre|adress|demand|saisi|inform|notifi|ecrit|formulaire|recommande|declar|transm"
            r"|convoqu|recour|contact|conclu|signe|homolog|depos|entretien|justifi|contest|envo"
            r"|remet|tout moyen"
        ),
    }.items()
}
_RESERVES = re.compile(
    r"sous reserve|sans prejudice|par derogation|outre\b|conformement|pour l'application"
)
_AGREEMENT_DECIDES = re.compile(
    r"(?:convention|accord)s? (?:collecti|d'entreprise|de branche|ou).{0,160}"
    r"(?:peu(?:t|vent)|defini|fixe|determin|prevoi|precise)"
)
_WHO_NOT_WHAT = re.compile(
    r"age[es]* (?:de |d'au )?(?:moins|plus)?(?: de)? ?[\w-]+ ans|d'anciennete"
    r"|anciennete (?:\w+ ){0,4}(?:d'un an|de [\w-]+ (?:ans|mois|annees?))"
    r"|moins de (?:dix-huit|seize|18|16|26|25) ans"
)
_CASE_LAW = re.compile(r"cour de cassation|\bcass\b|conseil d'etat|haute juridiction|arret du")


WordTable = Mapping[str, Sequence[tuple[str, str]]]
"""Beginnings of words, each with what it shows, by the first characters of the word."""


def _read_words(file_name: str) -> WordTable:
    """Return the beginnings of words that show something. Raises ValueError for too short a one."""
    lines = Path(__file__).with_name(file_name).read_text(encoding="utf-8").splitlines()
    rows = (line.partition(": ") for line in lines if not line.startswith("#"))
    table: dict[str, list[tuple[str, str]]] = {}
    for name, _, shown in rows:
        for words in shown.split("|"):
            start = words.replace("_", " ")
            if len(start) < _KEY_CHARS:
                raise ValueError(f"{file_name}: {words} is too short")
            table.setdefault(start[:_KEY_CHARS], []).append((f" {start}", name))
    return table


_PUBLICS = _read_words("publics.txt")
_SIDES = _read_words("sides.txt")


class Signs:
    """What a folded sentence shows.

    `publics` names the special publics that its beginning, which tells who is meant, speaks of.
    """

    def __init__(self, folded: str) -> None:
        self.publics = publics(folded[:_SUBJECT_CHARS])
        self.reserves = _RESERVES.match(folded) is not None
        self.leaves_to_agreements = _AGREEMENT_DECIDES.search(folded) is not None
        self.case_law = _CASE_LAW.search(folded) is not None
        self._folded = folded
        self._gives: dict[Asked, bool] = {}

    def gives(self, kind: Asked) -> bool:
        """Whether it may answer a question of a kind; looked for once it is asked for."""
        if kind not in self._gives:
            pattern = _GIVES.get(kind)
            what = _WHO_NOT_WHAT.sub(" ", self._folded) if pattern else ""
            self._gives[kind] = pattern is not None and pattern.search(what) is not None
        return self._gives[kind]


@lru_cache(_SENTENCES_REMEMBERED)
def publics(folded: str) -> frozenset[str]:
    """Return the special publics of which a folded text speaks."""
    return _shown(_PUBLICS, folded)


@lru_cache(_SENTENCES_REMEMBERED)
def sides(folded: str) -> frozenset[str]:
    """Return the sides ("rupture/démission") of which a folded text speaks."""
    return _shown(_SIDES, folded)


def _shown(table: WordTable, folded: str) -> frozenset[str]:
    words = f" {' '.join(_WORD.findall(folded))} "
    return frozenset(
        name
        for beginning in table.keys() & _BEGINNINGS.findall(words)
        for start, name in table[beginning]
        if start in words
    )


@lru_cache(_SENTENCES_REMEMBERED)
def signs(folded: str) -> Signs:
    """Return what a folded sentence shows, whatever is asked."""
    return Signs(folded)
