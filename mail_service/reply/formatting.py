"""Subjects, names, dates and line folding of our mail."""

import re
from email.utils import parsedate_to_datetime
from textwrap import wrap

from shared.clock import PARIS
from shared.languages import Language
from shared.texts import date_in_words

REPLY_PREFIX = re.compile(
    r"\A\s*(?:(?:re|ré|réf|tr|fwd?|aw|wg|rv|sv|vs|antw|i|rif|回复|答复|回覆|转发|轉寄|ตอบ(?:กลับ)?|ส่งต่อ)\s*(?:\[\d+\])?\s*[:：]\s*)+",
    re.IGNORECASE,
)
_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u064b-\u0652\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])"
"""A letter, or a mark above or below one: Thai and Arabic write vowels so."""
PLAIN_NAME = re.compile(rf"[^\W\d_]{_LETTER}*(?:[ '’.-]{{1,2}}{_LETTER}+\.?){{0,5}}")
UNBREAKABLE_SPACE = re.compile(
    r"(?<=«) | (?=[?!:;»])|(?<=\b[LRD]\.) (?=\d)|(?<=\d) (?=[%€]|\d{3}\b)|(?<=\bn°) (?=\d)"
)
"""Spaces at which no line breaks: of French punctuation, in numbers, before their unit."""
LEAD = re.compile(r"[>-] |\[\d+\] | *")
ORGANISATION = re.compile(
    r"\b(?:salon|cabinet|agence|soci[eé]t[eé]|entreprise|ets|[eé]tablissements?|sarl|sasu?|eurl"
    r"|scop|gmbh|ltd|inc|association|mairie|commune|boulangerie|restaurant|brasserie|h[oô]tel"
    r"|garage|pharmacie|clinique|ehpad|syndicat|service|direction|secr[eé]tariat|comptabilit[eé]"
    r"|paie|rh|drh|contact|accueil|bureau|office|team|department|company|shop|ferme|domaine"
    r"|magasin|atelier|[eé]quipe|collectif|salari[eé]s|coll[eè]gues|staff|employees)\b",
    re.IGNORECASE,
)
"""Words of the names of firms, services and groups, which nobody greets as a person."""
CIVILITY = re.compile(
    r"(?P<mrs>mme|madame)|(?P<mr>m|mr|monsieur)|(?P<miss>mlle|mademoiselle)", re.IGNORECASE
)
INITIAL = re.compile(r"[^\W\d_]\.?")
PARTICLES = frozenset(("de", "du", "des", "le", "la", "van", "von", "el", "ben"))
MAX_NAME_CHARACTERS = 60
MAX_SUBJECT_CHARACTERS = 200
LINE_CHARACTERS = 76


_CIVILITIES = {"mrs": "Madame", "mr": "Monsieur", "miss": "Mademoiselle"}


def clean_subject(subject: str) -> str:
    """Return a subject without its Re:, TR:, Fwd: prefixes, on one line."""
    return REPLY_PREFIX.sub("", " ".join(subject.split()), count=1)[:MAX_SUBJECT_CHARACTERS]


def reply_subject(subject: str) -> str:
    """Return the subject of a reply."""
    return f"Re: {clean_subject(subject)}".strip()


def greeted_name(name: str) -> str:
    """Return a display name fit for a greeting; empty when it is not clearly a person's.

    "Mme Odile Carpentier" is greeted "Madame Carpentier", "Sami B." is greeted "Sami".
    """
    plain = plain_name(name)
    if not plain or ORGANISATION.search(plain):
        return ""
    first, *rest = plain.split()
    civility = CIVILITY.fullmatch(first.rstrip("."))
    if civility and rest:
        surname = rest if len(rest) == 1 or rest[0].lower() in PARTICLES else rest[1:]
        return " ".join([_CIVILITIES[str(civility.lastgroup)], *surname])
    while rest and INITIAL.fullmatch(rest[-1]):
        rest.pop()
    return " ".join([first.capitalize() if first.islower() else first, *rest])


def plain_name(name: str) -> str:
    """Return a display name of words alone; empty when it is anything else."""
    stripped = " ".join(name.split()).strip("\"'")
    fits = len(stripped) <= MAX_NAME_CHARACTERS and PLAIN_NAME.fullmatch(stripped)
    return stripped if fits else ""


def written_date(date_field: str, language: Language) -> str:
    """Return the day of a Date field in words; empty when it cannot be parsed."""
    try:
        moment = parsedate_to_datetime(date_field)
        return date_in_words(moment.astimezone(PARIS).date(), language)
    except (ValueError, TypeError, OverflowError, IndexError):
        return ""


def without_breaks(text: str) -> str:
    """Return a text whose French punctuation, units and numbers cannot begin a line."""
    return UNBREAKABLE_SPACE.sub("\xa0", text)


def fold_lines(text: str) -> str:
    """Fold lines at LINE_CHARACTERS for text clients; lines with a URL stay whole."""
    lines: list[str] = []
    text = without_breaks(re.sub(r"\n{3,}", "\n\n", text).strip())
    for line in text.split("\n"):
        if "https://" in line:
            lines.append(line)
            continue
        indent = LEAD.match(line)
        lead = re.sub(r"[^> ]", " ", indent[0] if indent else "")
        folded = wrap(
            line,
            LINE_CHARACTERS,
            subsequent_indent=lead,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        lines += folded if folded and line != "-- " else [line]
    return "\n".join(lines) + "\n"
