import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_core.law.references import canonical, find_references

NUMBERS = st.builds(
    lambda base, rest: (str(base), [str(n) for n in rest]),
    st.integers(1111, 1899) | st.integers(2111, 8999) | st.integers(111, 899),
    st.lists(st.integers(1, 199), min_size=1, max_size=3),
)
MARKS = ["", " ", ".", ". ", "\u00a0", ".\u00a0", "\u202f", "-", ". . "]
JOINS = ["-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "_", " - ", "- ", " -"]
BEFORE = [
    "",
    "article ",
    "art. ",
    "Art.",
    "l'article ",
    "l’article ",
    "(",
    "[",
    "« ",
    "**",
    "selon l ",
]
AFTER = ["", " ?", ".", ")", "]", "**", " du code du travail", " C. trav.", " svp", ", alinéa 2"]


def names(text: str) -> list[str]:
    return [reference.name for reference in find_references(text) if not reference.other_code]


@given(
    st.sampled_from("LRDlrd"),
    st.sampled_from(MARKS),
    NUMBERS,
    st.sampled_from(JOINS),
    st.sampled_from(BEFORE),
    st.sampled_from(AFTER),
)
def test_every_spelling_of_a_lettered_number_is_read(
    letter: str, mark: str, number: tuple[str, list[str]], join: str, before: str, after: str
) -> None:
    spelled = letter + mark + join.join([number[0], *number[1]])
    text = f"{before}{spelled}{after}"
    (reference,) = find_references(text)
    assert reference.name == f"{letter.upper()}{'-'.join([number[0], *number[1]])}"
    assert text[reference.start : reference.stop] == spelled


@given(NUMBERS, st.sampled_from(["article ", "art. ", "articles "]), st.sampled_from(JOINS))
def test_a_number_without_a_letter_means_each_letter(
    number: tuple[str, list[str]], word: str, join: str
) -> None:
    digits = "-".join([number[0], *number[1]])
    (reference,) = find_references(word + join.join([number[0], *number[1]]))
    assert reference.readings[0] == (f"L{digits}", f"R{digits}", f"D{digits}")


@pytest.mark.slow
@given(st.text(alphabet=string.printable + "éàû–‑’«»°", max_size=200))
def test_any_text_is_read_without_failing_and_spans_are_in_order(text: str) -> None:
    spans = [(reference.start, reference.stop) for reference in find_references(text)]
    assert all(0 <= start < stop <= len(text) for start, stop in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R*3231-2", "R3231-2"),
        ("R.* 3231-2", "R3231-2"),
        ("l 5134 27", "L5134-27"),
        ("L.5134.115", "L5134-115"),
        ("articleL1234-1", "L1234-1"),
        ("aritcle l1234-1", "L1234-1"),
        ("article n° L1234-1", "L1234-1"),
        ("L1234\u00ad-1", "L1234-1"),
        ("Ｌ１２３４−１", "L1234-1"),
        ("L1453-1 A", "L1453-1A"),
        ("l1453-1a ?", "L1453-1A"),
        ("article L1", "L1"),
        ("L1 du code du travail", "L1"),
        ("4412-93-4", "4412-93-4"),
        ("L1234-1 2 mois", "L1234-1"),
        ("L1234-1 - 2 mois", "L1234-1"),
        ("L1234-1 et 2 mois", "L1234-1"),
    ],
)
def test_a_spelling_people_use(text: str, expected: str) -> None:
    assert names(text) == [expected]


def test_a_number_held_by_blanks_may_be_shorter_than_it_looks() -> None:
    (reference,) = find_references("l 1233 24 4 jours")
    assert reference.readings == (("L1233-24-4",), ("L1233-24",))
    assert not reference.sure


@pytest.mark.parametrize(
    "text",
    [
        "articles L. 1234-1, L. 1234-5 et R. 1234-4",
        "L1234-1;L1234-5 ; R1234-4",
        "l1234-1 ou l1234-5 ainsi que r1234-4",
        "L1234-1/L1234-5/R1234-4",
        "les articles L1234-1, l'article L1234-5 et celui de l'article R1234-4",
    ],
)
def test_a_list_gives_each_of_its_articles(text: str) -> None:
    assert names(text) == ["L1234-1", "L1234-5", "R1234-4"]


def test_a_list_may_leave_out_what_repeats() -> None:
    assert names("L1234-1, 5 et 9") == ["L1234-1", "L1234-5", "L1234-9"]


def test_a_number_after_a_lettered_one_takes_its_letter_first() -> None:
    first, second = find_references("L. 1234-1 et 1234-5")
    assert first.readings == (("L1234-1",),)
    assert second.readings[0] == ("L1234-5",)


@pytest.mark.parametrize(
    "text",
    [
        "articles L. 1423-8 à L. 1423-15",
        "L1423-8 a l1423-15",
        "L1423-8 jusqu’à L1423-15",
        "art. L1423-8 au L1423-15",
        "L1423-8 et suivants jusqu'à L1423-15",
        "des articles L1423-8 à 1423-15 du code du travail",
        "L1423-8 à 15",
        "L. 1423-8 à l'article L. 1423-15",
    ],
)
def test_a_range_is_one_reference_with_two_ends(text: str) -> None:
    (reference,) = find_references(text)
    assert reference.name == "L1423-8"
    assert reference.last[0] == ("L1423-15",)


@pytest.mark.parametrize("text", ["L1234-1 et suivants", "L. 1234-1 et s.", "L1234-1 & suiv."])
def test_and_following_is_understood(text: str) -> None:
    (reference,) = find_references(text)
    assert reference.following


@pytest.mark.parametrize(
    "text",
    [
        "L1234-5 du code de la santé publique",
        "article L. 311-1 du code de la sécurité sociale",
        "L3121-1 CSP",
        "L311-3 CSS",
        "L. 123-1 C. com.",
        "Code de la sécurité sociale, article L. 311-1",
        "CSS, art. L311-1",
        "Que dit le code de la santé publique à l'article L1234-5 ?",
        "article L1234-5, alinéa 2, du code de commerce",
        "L. 227-3 du livre des procédures fiscales",
        "article L1234-1 du code du travail maritime",
    ],
)
def test_an_article_of_another_code_is_recognised(text: str) -> None:
    assert [reference.other_code for reference in find_references(text)] == [True]


def test_a_list_shares_the_code_named_after_it_and_the_next_does_not() -> None:
    text = "L1234-1 du code du travail, L311-1, L311-2 et L311-3 du code de la sécurité sociale"
    assert [r.other_code for r in find_references(text)] == [False, True, True, True]


def test_the_same_code_is_the_one_last_named() -> None:
    text = "L311-1 du code de la sécurité sociale et, selon les cas, L311-2 du même code"
    assert [r.other_code for r in find_references(text)] == [True, True]


def test_the_contract_called_csp_before_an_article_is_not_a_code() -> None:
    assert names("CSP : article L1233-65") == ["L1233-65"]


@pytest.mark.parametrize(
    "text",
    [
        "mon salaire est de 1234-50 euros",
        "de 1200-1500 euros",
        "convention IDCC 1979",
        "SIRET 123 456 789 00012",
        "décret 2017-1387",
        "décret n° 2016-88",
        "loi n°2008-596 du 25 juin 2008",
        "D 2024-15",
        "du 12-03-2024 au 15-04-2024",
        "2024-2025",
        "cerfa 13975-10",
        "Cass. soc., 12 mai 2021, n° 19-20.319",
        "RG 21/01234",
        "01-42-33-44-55 ou 06 12 34 56 78",
        "FR76 3000 4000 0312 3456 7890 143",
        "article 5 de la convention collective",
        "article 1240 du code civil",
        "la salle L1 et le plan D3",
        "dossier 4121-2",
        "35 heures sur 1 607",
    ],
)
def test_what_only_looks_like_a_reference_is_left_alone(text: str) -> None:
    assert find_references(text) == ()


def test_an_annex_is_named_by_its_article() -> None:
    (reference,) = find_references("que dit l'annexe I à l'article R. 4312-1 ?")
    assert reference.readings == ((canonical("Annexe I à l'article R4312-1"),), ("R4312-1",))


@pytest.mark.parametrize(
    ("one", "other"),
    [("R*3231-2", "r. 3231 - 2"), ("L1453-1 A", "L1453-1a"), ("L1234‑1", "L. 1234-1")],
)
def test_two_spellings_of_a_number_have_one_canonical_form(one: str, other: str) -> None:
    assert canonical(one).replace("--", "-") == canonical(other)


@pytest.mark.parametrize(
    ("text", "sure"),
    [("L1234-1", True), ("article 1234-1", True), ("1234-1", False), ("l 1234 1", False)],
)
def test_only_what_cannot_be_something_else_is_sure(text: str, sure: bool) -> None:
    assert [reference.sure for reference in find_references(text)] == [sure]


def test_a_number_inside_a_reference_is_not_another_one() -> None:
    assert names("L1234-1 1234-5, R. 4121-1-2") == ["L1234-1", "L1234-5", "R4121-1-2"]
