"""The order in which recognised pieces are read."""

import math

from shared.reading.layout import Piece, lines_in_order


def piece(text: str, left: float, top: float, *, width: float = 0, angle: float = 0.0) -> Piece:
    width = width or 12 * len(text)
    corners = [(left, top), (left + width, top), (left + width, top + 20), (left, top + 20)]
    cos, sin = math.cos(angle), math.sin(angle)
    turned = tuple((x * cos - y * sin, x * sin + y * cos) for x, y in corners)
    return Piece(text, 0.9, turned)


def order(*pieces: Piece) -> list[str]:
    """The lines, whatever the order in which the pieces were found."""
    there, back = (
        [line.text for line in lines_in_order(found)] for found in (pieces, pieces[::-1])
    )
    assert there == back
    return there


def test_columns_of_running_text_are_read_one_after_the_other() -> None:
    left = [f"colonne de gauche, ligne {number}" for number in range(1, 7)]
    right = [f"colonne de droite, ligne {number}" for number in range(1, 7)]
    pieces = [piece("Un titre par-dessus les deux colonnes du règlement", 50, 20, width=700)]
    pieces += [piece(text, 50, 100 + 30 * at, width=310) for at, text in enumerate(left)]
    pieces += [piece(text, 420, 104 + 30 * at, width=310) for at, text in enumerate(right)]
    assert order(*pieces) == [pieces[0].text, *left, *right]


def test_a_table_is_read_line_by_line() -> None:
    rows = [
        ("Salaire de base", "151,67", "12,80", "1 941,38"),
        ("Heures supplémentaires", "8,00", "16,00", "128,00"),
        ("Prime d'ancienneté", "", "3 %", "58,24"),
        ("Total brut", "", "", "2 127,62"),
        ("Net à payer", "", "", "1 671,05"),
    ]
    pieces = [
        piece(cell, left, 40 + 34 * at)
        for at, row in enumerate(rows)
        for left, cell in zip((40, 420, 560, 700), row, strict=True)
        if cell
    ]
    assert order(*pieces) == [" | ".join(filter(None, row)) for row in rows]


def test_blocks_of_addresses_are_no_columns() -> None:
    pieces = [
        piece("Élise Aubert", 40, 40),
        piece("3 rue Haute", 40, 66),
        piece("Atelier Marchal", 560, 40),
        piece("9 quai Neuf", 560, 66),
    ]
    assert order(*pieces) == ["Élise Aubert | Atelier Marchal", "3 rue Haute | 9 quai Neuf"]


def test_a_page_that_is_askew_keeps_its_lines() -> None:
    lines = [("Votre contrat", "prend fin"), ("le 14 juin", "2026")]
    pieces = [
        piece(text, 40 + 260 * place, 60 + 30 * at, width=240, angle=0.12)
        for at, line in enumerate(lines)
        for place, text in enumerate(line)
    ]
    assert order(*pieces) == ["Votre contrat prend fin", "le 14 juin 2026"]


def test_a_line_is_as_sure_as_its_characters() -> None:
    sure = Piece("abcdefghi", 1.0, piece("", 0, 0, width=90).corners)
    unsure = Piece("j", 0.5, piece("", 95, 0, width=10).corners)
    [line] = lines_in_order([sure, unsure])
    assert line.confidence == 0.95
    assert lines_in_order([]) == []
