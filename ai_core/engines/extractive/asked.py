"""What a question asks for: a duration, an amount, a yes or no, somebody, a procedure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ai_core.engines.extractive.amounts import Told, told
from ai_core.engines.extractive.words import fold, stems_of

_GENERAL_WEIGHT = 0.35
_GENERAL = stems_of(
    "salarie employeur travail travailler entreprise contrat droit loi article dispositions regle"
    " patron boite chef mois jour an annee personne employe societe bonjour combien duree"
    " delai temps obligation obligatoire possible pouvoir devoir faire avoir boulot emploi legal"
    " legalement prevoit dit francais france savoir besoin veux voudrais vouloir fois demande"
    " concerne cas semaine heure moyen anciennete"
)
_EVERYDAY: Mapping[str, str] = {
    "vire": "licenciement", "viree": "licenciement", "virer": "licenciement",
    "patron": "employeur", "boite": "entreprise", "paye": "salaire", "paie": "salaire",
    "arret": "maladie", "enceinte": "grossesse", "vacances": "conges", "demissionne": "demission",
    "demissionner": "demission", "licencie": "licenciement", "licenciee": "licenciement",
    "licencier": "licenciement", "paternite": "pere", "prudhommes": "prud'hommes",
    "arretmaladie": "maladie", "mort": "deces", "mariage": "mariage",
}  # fmt: skip


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
class AskedQuestion:
    """A question as the extractive engine compares it: its stems, each with a weight.

    Stems that no passage holds are kept: what nothing found speaks of lowers every coverage. Words
    that nearly every text of labour law has weigh less.
    """

    folded: str
    weights: Mapping[str, float]
    kinds: tuple[Asked, ...]
    amounts: tuple[Told, ...]

    @classmethod
    def read(cls, question: str) -> "AskedQuestion":
        """Read a question."""
        folded = fold(question)
        kinds = tuple(kind for kind, pattern in _COMPILED if pattern.search(folded))
        weights = {stem: _GENERAL_WEIGHT if stem in _GENERAL else 1.0 for stem in stems_of(folded)}
        for word in re.findall(r"[a-z]+", folded):
            if word in _EVERYDAY:
                (also,) = (
                    stems_of(_EVERYDAY[word]) if len(stems_of(_EVERYDAY[word])) == 1 else ("",)
                )
                if also:
                    weights.setdefault(also, 0.8)
        return cls(folded, weights, kinds or (Asked.ANY,), told(folded))

    def coverage(self, stems: frozenset[str]) -> float:
        """Return the share (0 to 1) of the question's weight that stems cover."""
        total = sum(self.weights.values())
        return sum(self.weights.get(stem, 0.0) for stem in self.weights if stem in stems) / (
            total or 1.0
        )
