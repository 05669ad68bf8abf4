"""Detects which code of law a text names: ours (the Code du travail) or another.

A reference belongs to the code named right after it ("L. 311-1 du code de la sécurité sociale",
"L3121-1 CSP"), or else shortly before it ("Code civil, art. 1240").
"""

import re
from enum import StrEnum


class Code(StrEnum):
    """The code a reference belongs to."""

    TRAVAIL = "travail"
    OTHER = "other"


_OUR_NAME = r"""(?:nouveau\s+|présent\s+)?code\s+d[eu]\s+(?:le\s+)?travail
    (?!\s+(?:maritime|d['e]\s*(?:outre|la\s+(?:nouvelle|polyn)|nouvelle|polyn)))
    | code\s+trav(?:ail|\.)?(?!\w)"""
_OUR_INITIALS = r"(?:c\.?\s?d\.?\s?t\.?n? | c\.?\s?trav\.? | c\.?\s?t\.?)(?!\w)"
_OTHER_NAME = r"""code\s+(?:d[eu]s?\b|d'|la\b|g[ée]n[ée]ral|civil|p[ée]nal|rural|mon[ée]taire
    |[ée]lectoral|forestier|minier|disciplinaire|p[ée]nitentiaire|europ[ée]en)
    | livre\s+des\s+proc[ée]dures\s+fiscales | constitution\b | convention\s+europ[ée]enne"""
_OTHER_INITIALS = r"""(?:c\.?\s?s\.?\s?s|c\.?\s?p\.?\s?c|c\.?\s?p\.?\s?p|c\.?\s?g\.?\s?i|cgct|cgfp
    |cgppp|crpm|crpa|casf|cja|cpce|ceseda|cch|cmf|coj|cpi|lpf|rgpd|tfue|tue|cedh
    |c\.\s?(?:civ|com|p[ée]n|s[ée]c\.?\s?soc|rur|cons(?:om)?|[ée]duc|ass(?:ur)?|sant[ée]\s?publ
        |mon|proc\.?\s?civ|env|urb|route|sport|just))\b\.?"""
# After an article, CSP is the Code de la santé publique; before one it is as often the "contrat de
# sécurisation professionnelle" of our own code.
_SANTE_PUBLIQUE = r"c\.?\s?s\.?\s?p\b\.?"

_SAME = r"(?:même|dit|ledit|susdit)\s+code|dudit\s+code"
_PRESENT = r"présent\s+code"

_SUBDIVISION = r"""(?:[\s,(]*(?:
        (?:(?:premier|deuxi[èe]me|second|troisi[èe]me|dernier|\d+(?:er|e|[èe]me)?)\s+(?:et\s+)?)*
        (?:alin[ée]as?|al\.?|paragraphes?|phrases?|§)\s*\d*
    | [IVX]{1,4}\b | \d{1,2}\s?°)\)?)*"""
_LINK = r"[\s,;:(\[*_-]*(?:(?:du|de|des|au|dans)\s+|de\s+l'|d')?(?:la\s+|le\s+|l'|les\s+)?"
_FLAGS = re.VERBOSE | re.IGNORECASE
_AFTER = re.compile(
    rf"""{_SUBDIVISION}{_LINK}(?:(?P<ours>{_OUR_NAME}|{_OUR_INITIALS}|{_PRESENT})
    | (?P<same>{_SAME}) | {_OTHER_NAME} | {_OTHER_INITIALS} | {_SANTE_PUBLIQUE})""",
    _FLAGS,
)
_NAME = re.compile(rf"(?<!\w)(?:(?P<ours>{_OUR_NAME})|{_OTHER_NAME})", _FLAGS)
_INITIALS_BEFORE = re.compile(
    rf"""(?<!\w)(?:(?P<ours>{_OUR_INITIALS})|{_OTHER_INITIALS})
    [\s,;:(\[*_-]*(?:l'|les\s+)?(?:art(?:icle)?s?\.?\s*)?$""",
    _FLAGS,
)
_SENTENCE_END = re.compile(r"[!?\n]|\.\s+(?=[A-ZÉÈÀ])")
REACH_CHARS = 40
"""How far before a reference a code's name still speaks for it."""

SAME_CODE_CHARS = 2_000
"""How far back "the same code" is looked for."""


def _which(found: re.Match[str]) -> Code:
    return Code.TRAVAIL if found["ours"] else Code.OTHER


def code_after(text: str, stop: int) -> Code | None:
    """Return the code named right after `stop`; "the same code" is the last one named."""
    found = _AFTER.match(text, stop)
    if found and found["same"]:
        names = list(_NAME.finditer(text, max(0, stop - SAME_CODE_CHARS), stop))
        return _which(names[-1]) if names else None
    return _which(found) if found else None


def code_before(text: str, start: int) -> Code | None:
    """Return the last code named shortly before `start`, in the same sentence."""
    sentence = _SENTENCE_END.split(text[max(0, start - 2 * REACH_CHARS) : start])[-1]
    initials = _INITIALS_BEFORE.search(sentence)
    if initials:
        return _which(initials)
    names = list(_NAME.finditer(sentence))
    if not names or len(sentence) - names[-1].end() > REACH_CHARS:
        return None
    return _which(names[-1])
