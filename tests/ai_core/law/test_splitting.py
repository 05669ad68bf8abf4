from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ai_core.law.splitting import split, table_header

TEXTS = st.text(alphabet="ab .;\n\té", max_size=400)


def test_a_short_text_is_one_piece() -> None:
    assert split("Un article.") == ((0, 11),)


def test_an_empty_text_has_no_piece() -> None:
    assert split(" \n ") == ()


def test_a_long_text_is_cut_where_a_line_ends() -> None:
    text = "Premier alinéa, assez long.\nSecond alinéa."
    assert [text[a:b] for a, b in split(text, 32)] == [
        "Premier alinéa, assez long.",
        "Second alinéa.",
    ]


def test_a_list_or_a_table_is_not_parted_from_its_introduction_where_it_can_be_whole() -> None:
    prose = "Une phrase assez longue pour tenir une ligne."
    for listed in (
        "Le préavis est :\n1° D'un mois ;\n2° De deux mois.",
        "Âge\tDurée\n20\t1\n30\t2",
    ):
        text = f"{prose}\n{listed}\n{prose}"
        first, second, *_ = split(text, len(prose) + len(listed) - 3)
        assert text[slice(*first)] == prose
        assert text[slice(*second)].startswith(listed)


@given(TEXTS, st.integers(min_value=1, max_value=60))
def test_pieces_are_short_ordered_and_lose_only_white_space(text: str, longest: int) -> None:
    spans = split(text, longest)
    assert all(0 < stop - start <= longest for start, stop in spans)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


TABLE = "Le préavis dure :\nStatut\tDurée\nCadre\t3 mois\nEmployé\t1 mois\nIl est réciproque."


def test_a_table_is_kept_whole_where_it_fits() -> None:
    text = f"{'Le salarié prévient. ' * 3}\n{TABLE}"
    pieces = [text[a:b] for a, b in split(text, 90)]
    assert any("Statut\tDurée\nCadre\t3 mois\nEmployé\t1 mois" in piece for piece in pieces)


def test_a_piece_that_begins_inside_a_table_has_its_first_row() -> None:
    rows = "\n".join(f"{n} ans\t{n} mois" for n in range(30))
    text = f"Barème :\nAncienneté\tIndemnité\n{rows}\nLe reste suit la loi."
    spans = split(text, 120)
    headers = [table_header(text, start) for start, _ in spans]
    assert len(spans) > 2
    assert headers[0] == ""
    assert set(headers[1:]) <= {"Ancienneté\tIndemnité", ""}
    for (start, stop), header in zip(spans[1:], headers[1:], strict=True):
        assert (header != "") == ("\t" in text[start:stop].splitlines()[0])


def test_prose_and_the_head_of_a_table_have_no_header() -> None:
    assert table_header(TABLE, 0) == ""
    assert table_header(TABLE, TABLE.index("Statut")) == ""
    assert table_header(TABLE, TABLE.index("Employé")) == "Statut\tDurée"
    assert table_header(TABLE, TABLE.index("Il est")) == ""
