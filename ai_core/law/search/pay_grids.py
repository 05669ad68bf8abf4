"""The grids of minimum pay of an agreement: which clauses hold one, and which of them is current.

Branches sign a grid every year and the publisher keeps the old ones beside it, with the same title.
Only the newest of a kind is quoted: of the same place, the same categories and the same trades, of
which the title tells, and of the same classification.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ai_core.law.agreement_categories import Category, categories_of
from ai_core.law.agreement_texts import first_date
from ai_core.law.classifications import Place, fits, places_in, places_told
from ai_core.law.records import Passage, TextRank
from ai_core.law.search.agreement_rivals import FoundClause, RankedClause
from ai_core.law.search.agreement_terms import AgreementTerms, Term
from ai_core.law.search.stems import fold

MINIMUM_PAY = "minimum_pay"
_BESIDE_PAY = {MINIMUM_PAY, "classification", "working_time"}
_NOT_OF_THE_TRADE, _UNTOLD_CATEGORY, _OTHER, _OTHER_PLACE = 0.75, 0.96, 0.6, 0.85
_TOO_OLD_YEARS = 8
"""No grid is of use so long after the newest: what it gives has fallen below the minimum wage."""
_AGE_COST, _LEAST_AGED, _UNDATED_YEARS = 0.03, 0.5, 6
"""A year that the newest grid is ahead costs so much; one without a date counts as so old."""
_BELOW_GRIDS = 0.9
"""What else was found stays so far below the grid that fits best."""
_AMOUNT = re.compile(
    r"\b\d{1,3}(?:[ \u202f\u00a0.]?\d{3})*(?:,\d{1,4})?\s?(?:€|euros?\b)"
    r"|\b\d{1,2}[ \u202f\u00a0]?\d{3}(?:,\d{1,2})?(?![\d,])|\b\d{1,2},\d{2,4}\b"
)
_LEAST_AMOUNTS = 3
_LEAST_PLACES, _SHARED_PLACES = 3, 0.5
_ENTRY = re.compile(
    r"^\W*(?:coefficients?|niveaux?|échelons?|positions?|groupes?|classes?|paliers?|catégories?)\b"
    r"[^\n:]{0,40}:[^\n]*\d",
    re.MULTILINE | re.IGNORECASE,
)
"""A line of a list that stands for the row of a grid: "– coefficient 155 : 11,38 € ;"."""
_OF_PAY = re.compile(r"salair|salari(?:al|aux)|remunerat|minim|bareme|grille|appointement")
_NOT_OF_PAY = re.compile(
    r"\bprimes?\b|\bfrais\b|indemnit|apprenti|stagiaire|panier|repas|trajet|prevoyance|sante\b"
    r"|formation|alternance|professionnalisation|vacataire|astreinte|anciennete|egalite|preambule"
    r"|champ d'application|duree|entree en vigueur|temps partiel|cotisation|clause de"
)
_SAYS_NOTHING = re.compile(
    r"\W*(?:annexes?|article|bareme|grille)?\W*[\divx]{0,4}\W*(?:bis|ter)?\W*"
)
_OF_POINTS = re.compile(r"\bpoints?\b")
"""The value of a point is stated in a sentence, in no grid."""
_LETTERS = re.compile(r"[a-z]+")
_OPENING_CHARS = 400
_FROM = re.compile(
    r"(?:au|à compter du|à partir du|applicables? (?:au|dès le))\s+(?=1er|\d)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PayGrid:
    """A clause that holds a grid of minimum pay.

    `since` is the day of its text, `applies_from` the one from which it says it applies.
    `categories` are those its titles name, `covers` else those its rows do; `trades` are the stems
    of its titles that tell whom it is for beside; `territory` is folded, empty for the whole
    country; `places` are those that the rows of its whole text name.
    """

    parts: tuple[Passage, ...]
    since: date | None
    applies_from: date | None
    territory: str
    extended: bool
    categories: frozenset[Category]
    covers: frozenset[Category]
    trades: frozenset[str]
    places: frozenset[str]

    @property
    def clause(self) -> str:
        """Return the id of the clause."""
        return self.parts[0].id

    @property
    def text(self) -> tuple[str, ...]:
        """Return the titles that tell its text from others."""
        return self.parts[0].section_path[:2]


@dataclass(frozen=True, slots=True)
class PayGrids:
    """The grids of an agreement on a day: those in use, and the clauses that are no longer."""

    current: tuple[PayGrid, ...]
    replaced: frozenset[str]


def find_grids(passages: Iterable[Passage], words: AgreementTerms) -> tuple[PayGrid, ...]:
    """Return the grids among the passages of an agreement, in its order."""
    clauses: dict[str, list[Passage]] = {}
    for one in passages:
        if _titled(one):
            clauses.setdefault(one.id, []).append(one)
    found = []
    for all_parts in clauses.values():
        parts = tuple(one for one in all_parts if _holds_grid(one))
        if parts:
            found.append(_read(parts, words))
    places: dict[tuple[str, ...], frozenset[str]] = {}
    for grid in found:
        places[grid.text] = places.get(grid.text, frozenset()) | grid.places
    return tuple(replace(grid, places=places[grid.text]) for grid in found)


def grids_on(grids: Sequence[PayGrid], day: date) -> PayGrids:
    """Return which grids are in use on a day; one that begins later replaces none before it does.

    One that binds only those who signed it (not extended) stands beside the extended one.
    """
    begun = [one for one in grids if one.applies_from is None or one.applies_from <= day]
    begun = [one for one in begun if one.since is None or one.since <= day]
    current = [one for one in begun if not any(_replaces(other, one) for other in begun)]
    kept = {one.clause for one in current}
    replaced = {one.clause for one in grids} - kept
    return PayGrids(tuple(current), frozenset(replaced))


def _titled(passage: Passage) -> bool:
    """Whether the nearest title that says anything speaks of pay, and of nothing beside it."""
    for title in reversed(passage.section_path[1:]):
        folded = fold(title)
        if _SAYS_NOTHING.fullmatch(folded):
            continue
        said = folded.partition("relati")[2] or folded
        named, other = _OF_PAY.search(said), _NOT_OF_PAY.search(said)
        if named or other:
            return named is not None and (other is None or named.start() < other.start())
    return passage.agreement_text is not None and passage.agreement_text.rank is TextRank.PAY


def _holds_grid(passage: Passage) -> bool:
    amounts = len(_AMOUNT.findall(passage.text))
    if amounts < _LEAST_AMOUNTS:
        return False
    rows = sum(
        "\t" in line and _AMOUNT.search(line) is not None for line in passage.text.splitlines()
    )
    return rows >= _LEAST_AMOUNTS - 1 or len(_ENTRY.findall(passage.text)) >= _LEAST_AMOUNTS


def _read(parts: tuple[Passage, ...], words: AgreementTerms) -> PayGrid:
    first = parts[0]
    text = first.agreement_text
    titles = first.section_path[1:] or first.section_path
    base = text is not None and text.rank is TextRank.BASE
    own = titles[-1] if base else titles[0]
    place = fold((text.territory if text else None) or "")
    stems = {one for one in words.stems(own) if one.isalpha()} - words.said_of_pay
    stems -= set(words.stems(place))
    opening = " ".join((*titles, first.text[:_OPENING_CHARS]))
    titled = categories_of(" ; ".join(titles))
    begins = _FROM.search(opening)
    return PayGrid(
        parts,
        (text.signed if text and not base else None) or first.updated,
        first_date(opening[begins.start() :]) if begins else None,
        " ".join(_LETTERS.findall(place)),
        text.extended if text else True,
        titled,
        titled or categories_of(" ".join(part.text for part in parts)),
        frozenset(stems),
        frozenset().union(*({one.value for one in _places(part)} for part in parts)),
    )


def _replaces(newer: PayGrid, older: PayGrid) -> bool:
    """Whether a grid stands in place of another: one of a later text, or of a later year of it."""
    if newer.text == older.text:
        mine, theirs = newer.applies_from, older.applies_from
        alike = _own_title(newer) == _own_title(older)
        return mine is not None and theirs is not None and mine > theirs and alike
    if newer.since is None or older.since is None or newer.since <= older.since:
        return False
    return (
        newer.territory == older.territory
        and (newer.extended or not older.extended)
        and _covers(newer, older)
        and newer.trades == older.trades
        and _classifies_alike(newer, older)
    )


def _covers(newer: PayGrid, older: PayGrid) -> bool:
    """Whether a grid is for all whom another is for, as far as titles and rows tell."""
    if not newer.categories and not older.categories:
        return True
    return not newer.covers or (bool(older.categories) and older.categories <= newer.covers)


def _classifies_alike(newer: PayGrid, older: PayGrid) -> bool:
    """Whether the rows of two grids are of one classification, as far as they name its places."""
    fewest = min(len(newer.places), len(older.places))
    if fewest < _LEAST_PLACES:
        return len(older.places) < _LEAST_PLACES
    return len(newer.places & older.places) >= _SHARED_PLACES * fewest


def _places(part: Passage) -> frozenset[Place]:
    return places_in(fold(part.text))


def _own_title(grid: PayGrid) -> str:
    """Return the last title of a grid without its numbers: "Annexe 2" and "Annexe 3" are alike."""
    return re.sub(r"[\W\d]+", " ", fold(grid.parts[0].section_path[-1]))


def grid_asked(terms: Sequence[Term], question: str) -> bool:
    """Whether a question asks for the minimum pay of an agreement, and of nobody special."""
    names = {term.name for term in terms if term.name}
    folded = fold(question)
    if _OF_POINTS.search(folded) or _NOT_OF_PAY.search(folded):
        return False
    return MINIMUM_PAY in names <= _BESIDE_PAY


def with_grids(
    clauses: Sequence[RankedClause],
    grids: Sequence[PayGrid],
    question: str,
    trade: str,
    words: AgreementTerms,
    day: date,
) -> list[RankedClause]:
    """Return the clauses found with the grids in use first, and without all others.

    `trade` are the words that named the agreement, which the question lacks.
    """
    held = grids_on(grids, day)
    folded = fold(question)
    told = {*words.stems(f"{trade} {question}")}
    wanted = categories_of(question)
    newest = max((one.since for one in held.current if one.since), default=day)
    own = any(grid.trades & told for grid in held.current)
    fitting, unfit = [], set(held.replaced)
    for grid in held.current:
        if grid.since and (newest - grid.since).days > _TOO_OLD_YEARS * 365:
            unfit.add(grid.clause)
            continue
        if grid.territory and grid.territory not in " ".join(_LETTERS.findall(folded)):
            unfit.add(grid.clause)
            continue
        if grid.trades and not grid.trades & told and (grid.since is None or grid.since < newest):
            unfit.add(grid.clause)
            continue
        worth = _worth(grid, wanted, newest)
        if not grid.trades & told:
            worth *= _NOT_OF_THE_TRADE if own else 1.0
        fitting.append(_ranked(grid, worth, folded))
    best = max((one.score for one in fitting), default=0.0)
    beside = {one.clause.best.id for one in fitting} | unfit
    others = [
        replace(one, score=min(one.score, best * _BELOW_GRIDS) if best else one.score)
        for one in clauses
        if one.clause.best.id not in beside
    ]
    return sorted([*fitting, *others], key=lambda one: -one.score)


def set_nationally(grids: Sequence[PayGrid]) -> bool:
    """Whether the whole country has a grid that is not far older than those of places."""
    days = [grid.since for grid in grids if grid.since]
    national = [grid.since for grid in grids if grid.since and not grid.territory]
    return bool(national) and (max(days) - max(national)).days <= _TOO_OLD_YEARS * 365


def _worth(grid: PayGrid, wanted: frozenset[Category], newest: date) -> float:
    worth = 1.0
    if grid.categories:
        worth *= _UNTOLD_CATEGORY if not wanted else 1.0 if grid.categories & wanted else _OTHER
    years = (newest - grid.since).days / 365 if grid.since else _UNDATED_YEARS
    return worth * max(_LEAST_AGED, 1 - _AGE_COST * years)


def _ranked(grid: PayGrid, worth: float, folded: str) -> RankedClause:
    """Return a grid as a clause found, the part first that names the place the asker tells."""
    told = places_told(folded)
    named = [fits(told, _places(part)) for part in grid.parts]
    order = sorted(range(len(grid.parts)), key=lambda at: -named[at])
    if told and max(named) < 1:
        worth *= _OTHER_PLACE
    score = min(1.0, worth)
    parts = tuple(replace(grid.parts[at], score=score, pay_grid=True) for at in order)
    return RankedClause(FoundClause(parts, score, score), score, replaced=False)
