"""Rows of a table told in words: each cell with the header of its column."""

from collections.abc import Sequence

from ai_core.engines.extractive.amounts import bounds, fit
from ai_core.engines.extractive.asked import AskedQuestion
from ai_core.engines.extractive.labels import labels_in_cells
from ai_core.engines.extractive.signs import sides
from ai_core.engines.extractive.units import Reading, Role
from ai_core.engines.extractive.words import fold, stems

_MOST_ROWS = 6


def told_rows(reading: Reading, row: int, asked: AskedQuestion) -> list[str]:
    """Return the rows of the table of `row` that answer, each "Employés — De 2 à 5 ans : 1 mois".

    When neither a row nor a column is the one the question speaks of, all are told, if they are
    few; else only the row itself.
    """
    header, *rows = sorted(rows_of(reading, row))
    heads = _cells(reading, header)
    table = [(at, _cells(reading, at)) for at in rows]
    table = [(at, cells) for at, cells in table if len(cells) == len(heads)]
    columns = _columns(heads, asked)
    labels = [cells[0] for _, cells in table]
    fitting = _labelled(table, asked) or _fitting(labels, asked, heads[0])
    chosen = [table[n] for n in fitting] or [
        (at, cells) for at, cells in table if len(table) <= _MOST_ROWS or at == row
    ]
    return [_told(heads, cells, columns) for _, cells in chosen[:_MOST_ROWS]]


def _labelled(table: Sequence[tuple[int, list[str]]], asked: AskedQuestion) -> list[int]:
    """Return the rows that name most of the places in a classification that the question tells."""
    named = [
        len(asked.labels & labels_in_cells([fold(cell) for cell in cells])) for _, cells in table
    ]
    most = max(named, default=0)
    return [n for n, count in enumerate(named) if count == most] if most else []


def rows_of(reading: Reading, row: int) -> set[int]:
    """Return the header and all rows of the table of `row`."""
    header = next(n for n in reading.units[row].needs if reading.units[n].role is Role.HEADER)
    return {header} | {
        at
        for at, unit in enumerate(reading.units)
        if unit.role is Role.ROW and header in unit.needs
    }


def _columns(heads: Sequence[str], asked: AskedQuestion) -> list[int]:
    """Return the columns whose bounds hold what the question tells; all where none does.

    Else the column of the category ("Cadres") that the question names.
    """
    fits = [n for n, head in enumerate(heads[1:]) if fit(asked.amounts, bounds(fold(head))) > 0]
    if not fits:
        about = sides(asked.folded)
        fits = [n for n, head in enumerate(heads[1:]) if sides(fold(head)) & about]
    return fits or list(range(len(heads) - 1))


def _cells(reading: Reading, at: int) -> list[str]:
    return [cell.strip() for cell in reading.words(at).split("\t")]


def _fitting(labels: Sequence[str], asked: AskedQuestion, head: str) -> list[int]:
    """Return the labels whose bounds hold an amount of the question, or that share its words."""
    years = "annee" in fold(head) or "ans" in fold(head).split()
    fits = [
        n
        for n, label in enumerate(labels)
        if fit(asked.amounts, bounds(fold(f"{label} ans" if years and label.isdigit() else label)))
        > 0
        or (
            years
            and label.isdigit()
            and any(int(t.amount // 12) == int(label) for t in asked.amounts)
        )
    ]
    if fits:
        return fits
    about = sides(asked.folded)
    of_category = [n for n, label in enumerate(labels) if sides(fold(label)) & about]
    if of_category:
        return of_category
    shared = [
        sum(term.weight * term.covered(stems(label)) for term in asked.terms) for label in labels
    ]
    best = max(shared, default=0.0)
    return [n for n, value in enumerate(shared) if value == best] if best >= 1 else []


def _told(heads: Sequence[str], cells: Sequence[str], columns: Sequence[int]) -> str:
    label = f"{heads[0]} : {cells[0]}" if heads[0] and cells[0] else cells[0] or heads[0]
    told = " ; ".join(
        f"{heads[n + 1]} : {cells[n + 1]}" if heads[n + 1] else cells[n + 1]
        for n in columns
        if cells[n + 1]
    )
    return f"{label} — {told}" if label else told
