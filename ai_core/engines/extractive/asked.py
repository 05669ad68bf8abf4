"""What a question asks for: a duration, an amount, a yes or no, somebody, a procedure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from operator import mul

from ai_core.engines.extractive.amounts import Told, told
from ai_core.engines.extractive.words import fold, stem_list, stems_of
from ai_core.law.classifications import Place, places_told
from ai_core.law.search.everyday_words import EverydayWords
from ai_core.law.search.stems import FrenchStemmer

_GENERAL_WEIGHT = 0.35
_FEW_STEMS = 6
_GENERAL = stems_of(
    "salarie employeur travail travailler entreprise contrat droit loi article dispositions regle"
    " patron boite chef mois jour an annee personne employe societe bonjour combien duree"
    " delai temps obligation obligatoire possible pouvoir devoir faire avoir boulot emploi legal"
    " legalement prevoit dit francais france savoir besoin veux voudrais vouloir fois demande"
    " concerne cas semaine heure moyen anciennete"
)
_LAW_WORDS = 0.9
_everyday = EverydayWords(FrenchStemmer())


class Asked(StrEnum):
    """The kind of thing a question asks for."""

    DURATION = "duration"
    MONEY = "money"
    RATE = "rate"
    NUMBER = "number"
    DAY = "day"
    YES_NO = "yes_no"
    PERSON = "person"
    PROCEDURE = "procedure"
    ANY = "any"


_FIGURE_KINDS = {Asked.DURATION, Asked.MONEY, Asked.RATE, Asked.NUMBER, Asked.DAY}
_PATTERNS = (
    (Asked.RATE, r"\btaux\b|pourcentage|majoration|\bmajore|how much extra|\brate\b"),
    (
        Asked.DURATION,
        r"combien de (?:temps|jours?|mois|semaines?|heures?|annees?)|durees?\b|\bdelais?\b"
        r"|preavis|how long|how many (?:days|weeks|months|hours)|jusqu'a combien|quel age"
        r"|dans combien|au bout de|nombre d'heures|notice period|depuis combien|combien d'annees",
    ),
    (
        Asked.MONEY,
        r"\bcombien\b.*\b(?:paye|paie|touche|gagne|euros?|salaire|prime|indemnite|amende)"
        r"|montant|salaire minim|\bsmic\b|how much|a combien|indemnite",
    ),
    (Asked.DAY, r"\bquand\b|\bdate\b|quelle heure|\bwhen\b|a partir de quel"),
    (Asked.NUMBER, r"\bcombien\b|\bnombre\b|how many"),
    (
        Asked.PROCEDURE,
        r"\bcomment\b|que (?:dois-je |puis-je )?faire|quoi faire|demarches?|procedure|etapes"
        r"|formalites|\bhow (?:do|can|to|should)\b|what (?:can|should|do) i"
        r"|qu'est-ce que je (?:fais|peux)",
    ),
    (Asked.PERSON, r"\bqui\b(?! (?:est|m'a|ne|n'|a |me|se|sont|ont))|a qui|aupres de qui|\bwho\b"),
    (
        Asked.YES_NO,
        r"le droit de|(?:ai|as|a|ont|avons|avez)-(?:je|t-il|t-elle|t-on|ils|elles|nous|vous|tu)"
        r"|\b(?:peut|puis|peux|peuvent|doit|dois|doivent|est|sont|suis|va|faut|pouvons|pouvez)"
        r"-(?:je|il|elle|on|ils|elles|ce|nous|vous|tu)\b|est[- ]ce que|obligatoire|oblige"
        r"|c'est legal|legal|interdit|autorise|possible|ai[- ]je droit|j'ai droit|il peut|il a le"
        r"|elle peut|je peux|je dois|il faut|normal|valable|\b(?:can|may|must|is it|does|do i)\b",
    ),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)


@dataclass(frozen=True, slots=True)
class Term:
    """A stem of a question, its weight, and the stems of what the law says instead."""

    stem: str
    weight: float
    law: frozenset[str]

    def covered(self, stems: frozenset[str]) -> float:
        """Return how far (0 to 1) stems cover the term: by itself, or in the law's words."""
        if self.stem in stems:
            return 1.0
        return _LAW_WORDS * len(self.law & stems) / len(self.law) if self.law else 0.0


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question as the extractive engine compares it: its terms, each with a weight.

    Terms that no passage holds are kept: what nothing found speaks of lowers every coverage. Words
    that nearly every text of labour law has weigh less. `words` are the stems of all terms and what
    the law says instead, `weight` is the sum of the terms' `weights`; `pairs` count terms from 0.
    """

    folded: str
    terms: tuple[Term, ...]
    weights: tuple[float, ...]
    weight: float
    words: frozenset[str]
    pairs: tuple[tuple[int, int], ...]
    kinds: tuple[Asked, ...]
    amounts: tuple[Told, ...]
    places: frozenset[Place] = frozenset()

    @classmethod
    def read(cls, question: str) -> "AskedQuestion":
        """Read a question."""
        folded = fold(question)
        kinds = tuple(kind for kind, pattern in _COMPILED if pattern.search(folded))
        law: dict[str, frozenset[str]] = {}
        for said, meant in _everyday.find(folded):
            law |= {stem: law.get(stem, frozenset()) | frozenset(meant) for stem in said}
        terms = tuple(
            Term(stem, _GENERAL_WEIGHT if stem in _GENERAL else 1.0, law.get(stem, frozenset()))
            for stem in dict.fromkeys(stem_list(folded))
        )
        weights = tuple(term.weight for term in terms)
        return cls(
            folded,
            terms,
            weights,
            sum(weights),
            frozenset(term.stem for term in terms).union(*(term.law for term in terms)),
            tuple(pairwise(n for n, weight in enumerate(weights) if weight == 1)),
            kinds or (Asked.ANY,),
            told(folded),
            places_told(folded),
        )

    @property
    def wants_figure(self) -> bool:
        """Whether a number, an amount or a date is asked for."""
        return bool(_FIGURE_KINDS & {*self.kinds})

    def held(self, stems: frozenset[str]) -> "Held":
        """Return how far stems cover the question."""
        near = stems & self.words
        return Held(self, [term.covered(near) for term in self.terms] if near else [])

    def coverage(self, stems: frozenset[str]) -> float:
        """Return the share (0 to 1) of the question's weight that stems cover."""
        return self.held(stems).share

    def precision(self, stems: frozenset[str], few: int = _FEW_STEMS) -> float:
        """Return the share of stems that the question has; fewer than `few` count as `few`."""
        return self.held(stems).precision(len(stems), few)


class Held:
    """How far stems cover a question, term by term; no `covered` where they cover none."""

    def __init__(self, asked: AskedQuestion, covered: Sequence[float]) -> None:
        self._asked, self._covered = asked, covered
        self._weight = sum(map(mul, asked.weights, covered), start=0.0)

    @property
    def share(self) -> float:
        """The share (0 to 1) of the question's weight."""
        return self._weight / (self._asked.weight or 1.0)

    @property
    def pairs(self) -> float:
        """The share of neighbouring telling words that stand together."""
        pairs, covered = self._asked.pairs, self._covered
        if not (pairs and covered):
            return 0.0
        return sum([min(covered[one], covered[other]) for one, other in pairs]) / len(pairs)

    def precision(self, stems: int, few: int = _FEW_STEMS) -> float:
        """Return the share of so many stems; fewer than `few` count as `few`."""
        return min(1.0, self._weight / max(few, stems))
