"""What an answer may claim: checked on whole texts and on texts cut anywhere."""

import itertools
from datetime import date

import pytest

from ai_core.answering.citations import CitationFilter
from ai_core.law.records import Passage, SourceKind

DAY = date(2026, 11, 20)
TEXT = (
    "Le salarié qui démissionne respecte un préavis fixé par l'article L. 1234-1.\n"
    "À défaut, on suit les usages de la profession."
)


def passage(number: str = "L1237-1", text: str = TEXT, until: date | None = None) -> Passage:
    return Passage(
        kind=SourceKind.ARTICLE,
        id=f"LEGIARTI-{number}",
        number=number,
        title="Section 1 : Démission",
        section_path=("Titre III : Rupture", "Section 1 : Démission"),
        text=text,
        url=f"https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI-{number}",
        score=1.0,
        in_force_since=date(2008, 5, 1),
        in_force_until=until,
    )


def checked(answer: str, *passages: Passage, size: int = 10_000) -> tuple[str, list[str]]:
    """Return what is shown of an answer fed `size` characters at a time, and its sources."""
    check = CitationFilter(passages or (passage(),), DAY, "(non vérifié)")
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
    shown = "".join([*map(check.feed, pieces), check.finish()])
    return shown, [citation.number for citation in check.citations()]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("answer", "shown", "sources"),
    [
        ("Voir L1237-1.", "Voir L1237-1.", ["L1237-1"]),
        ("Voir l'article L. 1237-1 du code.", "Voir l'article L. 1237-1 du code.", ["L1237-1"]),
        ("Selon [1], oui.", "Selon [1], oui.", ["L1237-1"]),
        ("Selon [4], oui.", "Selon , oui.", []),
        ("Voir L9999-9 et L1237-1.", "Voir (non vérifié) et L1237-1.", ["L1237-1"]),
        ("Voir L1234-1.", "Voir (non vérifié).", []),
        (
            "Voir l'article L131-1 du code de la sécurité sociale.",
            "Voir l'article (non vérifié) du code de la sécurité sociale.",
            [],
        ),
        ("Comptez 2 à 3 mois, soit 1 234 €.", "Comptez 2 à 3 mois, soit 1 234 €.", []),
        (
            "Lisez https://exemple.fr/loi et la suite.",
            "Lisez  et la suite.",
            [],
        ),
        (
            f"Lisez {passage().url} ici.",
            f"Lisez {passage().url} ici.",
            [],
        ),
        ("Une « prime de départ » existe.", "Une « prime de départ » existe.", []),
        (
            "Il « suit les usages de la profession » [1].",
            "Il « suit les usages de la profession » [1].",
            ["L1237-1"],
        ),
        (
            "Il « doit partir dans la minute sans rien dire » selon la loi.",
            "Il doit partir dans la minute sans rien dire selon la loi.",
            [],
        ),
    ],
)
def test_only_what_holds_is_shown(answer: str, shown: str, sources: list[str], size: int) -> None:
    assert checked(answer, size=size) == (shown, sources)


INVENTED = "Tout salarié peut être licencié sans motif ni indemnité"
PAIRS = ["«»", "‹›", '""', "“”", "„“", "”“", "‘’", "''", "＂＂", "「」", "『』", "»«", "›‹"]
PAIRS += [
    "〝〞",
    "〝〟",
    "❝❞",
    "❛❜",
    "❮❯",
    "｢｣",
    "⟨⟩",
    "⟪⟫",
    "≪≫",
    "‚‘",
    "``",
    "″″",
    "״״",
    "《》",
    "〈〉",
]
PAIRS += ["«» "]  # with a blank inside
SPELLED = [("<<", ">>"), ("<< ", " >>"), ("``", "''"), ("&laquo;", "&raquo;"), ("&#171;", "&#xBB;")]
SPELLED += [("<q>", "</q>"), ("<Q cite='x'>", "</Q>"), ("<blockquote>", "</blockquote>")]
SPELLED += [("&quot;", "&quot;"), ("&amp;ldquo;", "&amp;rdquo;")]


def test_an_invented_quotation_loses_its_marks_and_its_source(subtests: pytest.Subtests) -> None:
    for pair in PAIRS:
        with subtests.test(pair=pair):
            blank = pair[2:]
            quotation = f"{pair[0]}{blank}{INVENTED}{blank}{pair[1]}"
            markers = (" [1]", "[1].", ", [1]", " ([1])", " [1][1]")
            for marker, size in itertools.product(markers, (1, 6, 10_000)):
                shown, sources = checked(f"La loi dit : {quotation}{marker} Fin.", size=size)

                assert INVENTED in shown, (marker, size)
                assert not set(pair.strip()) & set(shown.replace(INVENTED, "")), (marker, size)
                assert "[" not in shown, (marker, size)
                assert sources == [], (marker, size)


def test_a_quotation_that_is_word_for_word_keeps_marks_and_source(
    subtests: pytest.Subtests,
) -> None:
    for size in [1, 6, 10_000]:
        for pair in PAIRS:
            with subtests.test(size=size, pair=pair):
                answer = f"La loi dit : {pair[0]}on suit les usages de la profession{pair[1]} [1]."

                assert checked(answer, size=size) == (answer, ["L1237-1"])


def test_an_invented_quoted_line_loses_its_mark_and_its_source(subtests: pytest.Subtests) -> None:
    for size in [1, 6, 10_000]:
        for mark in ["> ", ">", "  > ", "- > ", "1. > ", ">> ", "> > ", "＞ "]:
            with subtests.test(size=size, mark=mark):
                shown, sources = checked(f"Selon la loi :\n{mark}{INVENTED} [1]\nFin.", size=size)

                assert shown == f"Selon la loi :\n{INVENTED}\nFin."
                assert sources == []


@pytest.mark.parametrize("size", [1, 6, 10_000])
def test_a_quoted_line_may_end_with_the_number_of_its_source(size: int) -> None:
    answer = "> À défaut, on suit les usages de la profession. [1]\n"

    assert checked(answer, size=size) == (answer, ["L1237-1"])


@pytest.mark.parametrize("size", [1, 6, 10_000])
@pytest.mark.parametrize(
    "number",
    [
        "L 99 99-1",
        "L99 99-1",
        "L. 9 9 9 9-1",
        "L.9999.1",
        "Ｌ９９９９-１",
        "L\u200b9999-1",
        "L9999—1",
        "L9999\u20111",
        "article neuf mille neuf cent quatre-vingt-dix-neuf",
        "article L. mille deux cent trente-quatre tiret neuf",
        "article nine thousand nine hundred",
    ],
)
def test_an_invented_number_is_marked_however_it_is_written(number: str, size: int) -> None:
    shown, sources = checked(f"Voir {number} sur ce point.", size=size)

    assert "(non vérifié)" in shown
    assert not any(part in shown for part in ("99", "９", "mille", "thousand"))
    assert sources == []


@pytest.mark.parametrize("size", [1, 9, 10_000])
def test_a_quoted_line_that_is_word_for_word_keeps_the_numbers_it_holds(size: int) -> None:
    line = "> Le salarié qui démissionne respecte un préavis fixé par l'article L. 1234-1.\n"

    assert checked(f"Article L1237-1 :\n{line}", size=size) == (
        f"Article L1237-1 :\n{line}",
        ["L1237-1"],
    )


@pytest.mark.parametrize("size", [1, 9, 10_000])
def test_a_quoted_line_that_was_changed_is_no_longer_a_quotation(size: int) -> None:
    shown, sources = checked(
        "> Le salarié respecte un préavis de l'article L. 1234-1.\n", size=size
    )

    assert shown == "Le salarié respecte un préavis de l'article (non vérifié).\n"
    assert sources == []


def test_the_quote_of_a_citation_is_word_for_word_in_the_article() -> None:
    check = CitationFilter((passage(),), DAY, "(non vérifié)")
    check.feed("> À défaut, on   suit les usages\n> […]\n")
    check.finish()

    assert [citation.quote for citation in check.citations()] == ["À défaut, on suit les usages"]


def test_an_article_no_longer_in_force_is_never_a_source() -> None:
    ended = passage(until=date(2026, 1, 1))

    assert checked("Voir L1237-1 [1].", ended) == ("Voir (non vérifié) .", [])


def test_markers_are_numbered_in_the_order_the_reader_meets_them() -> None:
    shown, sources = checked("Voir [2] puis [1] et [2].", passage("L1-1"), passage("L2-2"))

    assert shown == "Voir [1] puis [2] et [1]."
    assert sources == ["L2-2", "L1-1"]


def test_nothing_unverified_is_shown_while_it_may_still_become_a_reference() -> None:
    check = CitationFilter((passage(),), DAY, "(non vérifié)")

    shown = [check.feed(piece) for piece in ("Voir l'article ", "L. 99", "99-1 ", "du code")]

    assert not any(character.isdigit() for character in "".join(shown))
    assert check.finish().count("(non vérifié)") == 1


def test_an_annex_is_known_by_the_article_its_name_holds() -> None:
    annex = passage("Annexe I à l'article R4312-1", "Règles techniques de conception des machines.")

    shown, sources = checked("Annexe I à l'article R4312-1 [1]", annex)

    assert shown == "Annexe I à l'article R4312-1 [1]"
    assert sources == ["Annexe I à l'article R4312-1"]


def test_marks_that_are_typed_or_spelled_are_marks(subtests: pytest.Subtests) -> None:
    for size in [1, 6, 10_000]:
        for opening, closing in SPELLED:
            with subtests.test(size=size, opening=opening, closing=closing):
                shown, sources = checked(
                    f"La loi dit : {opening}{INVENTED}{closing} [1]. Fin.", size=size
                )
                assert (shown.replace(" .", "."), sources) == (f"La loi dit : {INVENTED}. Fin.", [])
                true = f"Il {opening}suit les usages de la profession{closing} [1]."
                assert checked(true, size=size)[1] == ["L1237-1"]


@pytest.mark.parametrize("size", [1, 6, 10_000])
@pytest.mark.parametrize("fence", ["```", "~~~", "````", "  ```"])
def test_a_block_of_code_is_no_way_to_quote(fence: str, size: int) -> None:
    shown, sources = checked(f"La loi dit :\n{fence}texte\n{INVENTED}\n{fence}\nFin.", size=size)
    assert (shown, sources) == (f"La loi dit :\n{INVENTED}\nFin.", [])


@pytest.mark.parametrize("size", [1, 6, 10_000])
@pytest.mark.parametrize(
    "answer",
    ["L''employeur paie 5 > 3 et 2 < 4.", "Le texte `CDI`, R&D, AT&T ; fin.", "1 an >> 2 ans"],
)
def test_what_only_looks_like_a_typed_mark_stays(answer: str, size: int) -> None:
    assert checked(answer, size=size)[0] == answer
