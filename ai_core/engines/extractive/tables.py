"""Rows of a table told in words: each cell with the header of its column.

The publisher's tables lose what joins cells: a row of a joined first cell is one cell shorter, and
a joined head has a second line of heads below it. Both are put back before a row is chosen.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ai_core.engines.extractive.amounts import bounds, fit
from ai_core.engines.extractive.asked import AskedQuestion
from ai_core.engines.extractive.signs import sides
from ai_core.engines.extractive.units import TEXTS_REMEMBERED, Reading, Role, read
from ai_core.engines.extractive.words import fold, stems
from ai_core.law.classifications import Place, fits, kinds_named, places_of_cell, places_told

_MOST_ROWS = 6
_MOST_JOINED = 2
_AMOUNT = re.compile(r"\d{1,3}(?:[ \u202f\u00a0.]?\d{3})*(?:,\d{1,4})?\s?(?:€|%)?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_OF_AGE = re.compile(r"\bage\b")
_ROW_NAMES = re.compile(r"\b(?:emplois?|fonctions?|qualifications?|categories?|statuts?)\b")

_Line = tuple[int, list[str]]
"""A unit of a table, and its cells."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its unit, its cells beside their heads, and the title above it."""

    at: int
    heads: tuple[str, ...]
    cells: tuple[str, ...]
    title: str
    places: frozenset[Place]


@dataclass(frozen=True, slots=True)
class ToldRows:
    """The rows of a table that answer, each "Employés — De 2 à 5 ans : 1 mois".

    `chosen` is true where something the question tells picked them; else `lacking` are the heads of
    what would.
    """

    rows: tuple[str, ...]
    chosen: bool
    lacking: tuple[str, ...]


def told_rows(reading: Reading, row: int, asked: AskedQuestion) -> ToldRows:
    """Return the rows of the table of `row` that answer.

    When neither a row nor a column is the one the question speaks of, all are told, if they are
    few; else the first ones.
    """
    table = _read(reading, row)
    if not table:
        return ToldRows((), chosen=False, lacking=())
    fitting = _fitting(table, asked)
    columns = {one.heads: _columns(one, asked) for one in table}
    lacking = () if fitting else _lacking(table, asked)
    few = lacking or len(table) <= _MOST_ROWS
    chosen = fitting or [one for one in table if few or one.at == row]
    lines = tuple(_told(one, columns[one.heads]) for one in chosen[:_MOST_ROWS])
    return ToldRows(lines, bool(fitting), lacking)


def rows_of(reading: Reading, row: int) -> set[int]:
    """Return the header and all rows of the table of `row`, which may be the header."""
    if reading.units[row].role is Role.HEADER:
        header = row
    else:
        header = next(n for n in reading.units[row].needs if reading.units[n].role is Role.HEADER)
    return {header} | {
        at
        for at, unit in enumerate(reading.units)
        if unit.role is Role.ROW and header in unit.needs
    }


@lru_cache(TEXTS_REMEMBERED)
def places_by_row(text: str) -> Mapping[int, frozenset[Place]]:
    """Return the places that each row of the tables of a text is for, or one of its columns is."""
    reading = read(text)
    headers = [at for at, unit in enumerate(reading.units) if unit.role is Role.HEADER]
    tables = (_read(reading, header) for header in headers)
    return {
        row.at: row.places.union(*(places_told(fold(head)) for head in row.heads[1:]))
        for table in tables
        for row in table
    }


def title_above(reading: Reading, row: int) -> int | None:
    """Return the title that stands within the table of a row, or right above it."""
    above, header = reading.units[row].heading, min(rows_of(reading, row))
    return above if above is not None and (above > header or above == header - 1) else None


# ---------------------------------------------------------------------------- reading a table


def _read(reading: Reading, row: int) -> list[Row]:
    """Return the rows of a table with all their cells, both lines of its heads joined."""
    header, *below = sorted(rows_of(reading, row))
    first, *others = ((at, _cells(reading, at)) for at in (header, *below))
    heads, lines = _heads(first, others)
    width = len(heads)
    last: list[str] = []
    table = []
    for at, cells in lines:
        if cells[0] == heads[0] and not any(map(str.isdigit, "".join(cells))):
            heads, last = cells + [""] * (width - len(cells)), []
            continue
        whole = _whole(cells, last, heads)
        if whole is None:
            continue
        last = whole
        if not any(cell.strip("–—- ") for cell in whole[1:]):
            continue
        above = title_above(reading, at)
        title = "" if above is None else reading.words(above).strip()
        table.append(Row(at, tuple(heads), tuple(whole), title, _places(heads, whole, title)))
    return table


def _heads(first: _Line, lines: Sequence[_Line]) -> tuple[list[str], Sequence[_Line]]:
    """Return the heads of a table and the lines below them.

    Heads that span several columns have their own heads in the line below; a table without heads
    begins with a row.
    """
    heads = first[1]
    widest = max((len(cells) for _, cells in lines), default=len(heads))
    if any(_is_amount(cell) for cell in heads[1:]):
        return [""] * max(widest, len(heads)), [first, *lines]
    if widest <= len(heads) or not lines:
        return heads, lines
    second = lines[0][1]
    alone = widest - len(second)
    spanning = len(heads) - alone
    if alone >= 0 and spanning > 0 and len(second) % spanning == 0:
        each = len(second) // spanning
        above = [head for head in heads[alone:] for _ in range(each)]
        joined = [", ".join(filter(None, pair)) for pair in zip(above, second, strict=True)]
        return [*heads[:alone], *joined], lines[1:]
    return heads + [""] * (widest - len(heads)), lines


def _is_amount(cell: str) -> bool:
    return _AMOUNT.fullmatch(cell) is not None and _YEAR.fullmatch(cell) is None


def _whole(cells: list[str], last: Sequence[str], heads: Sequence[str]) -> list[str] | None:
    """Return the cells of a row with those that it shares with the row above; None if they differ.

    A row that names another place of the kind that the row above begins with shares none: its first
    cell spans two columns.
    """
    missing = len(heads) - len(cells)
    if not missing:
        return cells
    if missing < 0 or missing > _MOST_JOINED:
        return None
    own, above = (
        {place.kind for place in places_told(fold(one[0])) if place.kind} if one else set()
        for one in (cells, last)
    )
    if own & above:
        return [cells[0], *[""] * missing, *cells[1:]]
    return [*last[:missing], *cells] if last else None


def _places(heads: Sequence[str], cells: Sequence[str], title: str) -> frozenset[Place]:
    named = (
        places_of_cell(fold(cell), fold(head)) for head, cell in zip(heads, cells, strict=True)
    )
    return frozenset().union(*named, places_told(fold(title)))


def _cells(reading: Reading, at: int) -> list[str]:
    return [cell.strip() for cell in reading.words(at).split("\t")]


# ---------------------------------------------------------------------------- choosing


def _fitting(table: Sequence[Row], asked: AskedQuestion) -> list[Row]:
    """Return the rows that what the question tells picks, none where nothing does."""
    placed = [(fits(asked.places, one.places), one) for one in table]
    most = max(count for count, _ in placed)
    kept = [one for count, one in placed if count >= 0] or list(table)
    by_place = [one for count, one in placed if count == most] if most > 0 else []
    amounts = [(_amount_fit(one, asked), one) for one in by_place or kept]
    within = [(lowest, one) for (fitted, lowest), one in amounts if fitted > 0]
    if within:
        nearest = max(lowest for lowest, _ in within)
        return [one for lowest, one in within if lowest == nearest]
    if by_place:
        return [one for (fitted, _), one in amounts if fitted == 0] or by_place
    return _by_words(kept, asked)


def _amount_fit(row: Row, asked: AskedQuestion) -> tuple[int, float]:
    """Return 1 where a row's bounds hold an amount told, -1 where they exclude it, else 0.

    With it comes the lowest amount of these bounds: of "from 2 years" and "from 5 years", the
    nearer one counts.
    """
    fitted, lowest = 0, 0.0
    for head, cell in zip(row.heads, row.cells, strict=True):
        folded = fold(head)
        if _OF_AGE.search(folded):
            continue
        limits = bounds(fold(_with_unit(cell, folded)))
        one = fit(asked.amounts, limits)
        if one < 0:
            return -1, 0.0
        if one > 0:
            fitted = 1
            lowest = max(lowest, *(limit.lowest for limit in limits))
    if not fitted and _told_years(row, asked):
        return 1, 0.0
    return fitted, lowest


def _with_unit(cell: str, head: str) -> str:
    years = "annee" in head or "ans" in head.split()
    return f"{cell} ans" if years and cell.isdigit() else cell


def _told_years(row: Row, asked: AskedQuestion) -> bool:
    """Whether the first cell is a number of years, and the one told."""
    head, label = fold(row.heads[0]), row.cells[0]
    years = ("annee" in head or "ans" in head.split()) and label.isdigit()
    return years and any(int(t.amount // 12) == int(label) for t in asked.amounts)


def _by_words(table: Sequence[Row], asked: AskedQuestion) -> list[Row]:
    """Return the rows of the category that the question names, else those that share its words."""
    about = sides(asked.folded)
    of_category = [one for one in table if sides(fold(one.cells[0])) & about]
    if of_category:
        return of_category
    shared = [
        sum(term.weight * term.covered(stems(one.cells[0])) for term in asked.terms)
        for one in table
    ]
    best = max(shared, default=0.0)
    return [one for one, value in zip(table, shared, strict=True) if value == best and best >= 1]


def _columns(row: Row, asked: AskedQuestion) -> list[int]:
    """Return the columns whose heads hold what the question tells; all where none does.

    Bounds come first (the nearest of several), then places in the classification, then the
    category ("Cadres") that the question names.
    """
    heads = [fold(head) for head in row.heads[1:]]
    limits = [(n, bounds(head)) for n, head in enumerate(heads)]
    within = [(n, held) for n, held in limits if fit(asked.amounts, held) > 0]
    if within:
        nearest = max(max(one.lowest for one in held) for _, held in within)
        return [n for n, held in within if max(one.lowest for one in held) == nearest]
    placed = [fits(asked.places, places_told(head)) for head in heads]
    if max(placed, default=0) > 0:
        return [n for n, count in enumerate(placed) if count == max(placed)]
    about = sides(asked.folded)
    named = [n for n, head in enumerate(heads) if sides(head) & about]
    return named or list(range(len(heads)))


def _lacking(table: Sequence[Row], asked: AskedQuestion) -> tuple[str, ...]:
    """Return what says whom a row or a column is for, in the table's words: "Coefficient".

    What the question tells is left out.
    """
    told = {one.kind for one in asked.places}
    words: dict[str, str] = {}
    for row in table if len(table) > 1 else ():
        for said in (*row.heads, row.title, *row.cells):
            for kind in kinds_named(fold(said)):
                words.setdefault(kind, next(iter(said.split())).strip("():"))
    if not words and table and _ROW_NAMES.search(fold(table[0].heads[0])):
        return (table[0].heads[0],)
    return tuple(word for kind, word in words.items() if kind not in told)


# ---------------------------------------------------------------------------- telling


def _told(row: Row, columns: Sequence[int]) -> str:
    heads, cells = row.heads, row.cells
    label = f"{heads[0]} : {cells[0]}" if heads[0] and cells[0] else cells[0] or heads[0]
    label = ", ".join(filter(None, (row.title, label)))
    beside = [
        n
        for n in range(len(heads) - 1)
        if n not in columns
        and places_of_cell(fold(cells[n + 1]), fold(heads[n + 1]))
        and kinds_named(fold(heads[n + 1]))
    ]
    told = " ; ".join(
        f"{heads[n + 1]} : {cells[n + 1]}" if heads[n + 1] else cells[n + 1]
        for n in (*beside, *columns)
        if cells[n + 1]
    )
    return f"{label} — {told}" if label else told
