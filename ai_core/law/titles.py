"""Readable titles of sections and passages.

The code numbers its titles ("Section 2 : Durée") and repeats the same three under every subject
("Ordre public", "Champ de la négociation collective", "Dispositions supplétives"): alone they are
meaningless, so they are shown with the title above.
"""

import re
from collections.abc import Sequence

from ai_core.law.records import Passage, SourceKind, TextRank

_RANK = re.compile(
    r"^\s*(?:(?:Premi[eè]re|Deuxi[eè]me|Troisi[eè]me|Quatri[eè]me|Cinqui[eè]me|Sixi[eè]me"
    r"|Septi[eè]me|Huiti[eè]me)\s+partie|Partie(?:\s+l[ée]gislative|\s+r[ée]glementaire)?|Livre"
    r"|Titre|Chapitre|(?:Sous-)*section|(?:Sous-)?paragraphe)"
    r"(?:\s+(?:[IVXL]+|\d+|pr[ée]liminaire|unique|premier)(?:\s*(?:er|bis|ter|quater))?)?\s*:?\s*",
    re.IGNORECASE,
)
_SAYS_NOTHING_ALONE = re.compile(
    r"^(?:ordre public|champ de la n[ée]gociation|dispositions|r[eè]gles? g[ée]n[ée]rales?"
    r"|principes?|champ d.application|d[ée]finitions?|objet|conditions|mise en [oœ]uvre|contenu"
    r"|dur[ée]e|modalit[ée]s|proc[ée]dure|sanctions|forme|effets|organisation|conclusion)\b",
    re.IGNORECASE,
)


def readable(title: str) -> str:
    """Return a title without its number: "Section 1 : Démission" reads "Démission"."""
    return _RANK.sub("", title).strip().rstrip(".") or title.strip()


def heading(section_path: Sequence[str]) -> str:
    """Return the last title of a path, after its parent when it is meaningless alone."""
    titles = [readable(title) for title in section_path[-2:]]
    if not titles:
        return ""
    if len(titles) > 1 and _SAYS_NOTHING_ALONE.match(titles[-1]):
        return f"{titles[-2]} – {titles[-1]}"
    return titles[-1]


def title_of(passage: Passage) -> str:
    """Return a self-contained title of a passage; a side agreement's holds its date and place."""
    if passage.kind is SourceKind.FICHE:
        parts = dict.fromkeys(part.strip() for part in passage.section_path if part.strip())
        return " – ".join(parts) or passage.title
    if passage.kind is SourceKind.AGREEMENT:
        text = passage.agreement_text
        side = text.title if text and text.rank is not TextRank.BASE else ""
        parts = dict.fromkeys((passage.title, side, heading(passage.section_path)))
        return " – ".join(filter(None, parts))
    return heading(passage.section_path) or passage.title


def titles_of(passages: Sequence[Passage]) -> list[str]:
    """Return the title of each passage."""
    return [title_of(passage) for passage in passages]
