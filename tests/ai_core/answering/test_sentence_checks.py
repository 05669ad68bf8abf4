"""Of what a model writes, the sentences stay that a passage carries."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from ai_core.answering.citations import CitationFilter
from ai_core.answering.sentence_checks import SentenceCheck
from ai_core.law.records import Passage, SourceKind


def article(number: str, text: str) -> Passage:
    return Passage(
        kind=SourceKind.ARTICLE,
        id=f"LEGIARTI-{number}",
        number=number,
        title="Titre",
        section_path=("Titre",),
        text=text,
        url=f"https://www.legifrance.gouv.fr/codes/article_lc/{number}",
        score=1.0,
        in_force_since=date(2016, 1, 1),
    )


PASSAGES = (
    article(
        "L1225-4",
        "Aucun employeur ne peut rompre le contrat de travail d'une salariée lorsqu'elle est en "
        "état de grossesse constaté et au cours des dix semaines suivant ces périodes.",
    ),
    article(
        "L1237-1",
        "En cas de démission, l'existence et la durée du préavis sont fixées par la loi. "
        "Il est de deux mois. L'employeur doit remettre un certificat.",
    ),
    article("L3121-27", "La durée légale de travail effectif est fixée à trente-cinq heures."),
)


def checked(written: str, *, pieces: int = 7, question: str = "Je gagne 2 300 €.") -> str:
    sources = CitationFilter(PASSAGES, date(2026, 11, 30), "(référence non vérifiée)")
    check = SentenceCheck(sources, PASSAGES, question)
    shown = [check.feed(written[at : at + pieces]) for at in range(0, len(written), pieces)]
    return "".join(shown) + check.finish()


def test_a_sentence_with_its_source_and_the_sources_figure_stays() -> None:
    for written in (
        "Le préavis est de 2 mois [2].",
        "Votre préavis dure deux mois. [2]",
        "You must give two months' notice [2].",
        "La durée légale est de 35 heures [3].",
        "Selon l'article L1237-1, le préavis est fixé par la loi.",
        "Avec 2 300 € par mois, le préavis est de deux mois [2].",
    ):
        assert checked(written).rstrip(".]123 ") == written.rstrip(".]123 "), written


def test_what_no_passage_carries_is_removed() -> None:
    for written in (
        "Le préavis est de deux mois.",
        "Le préavis est de trois mois [2].",
        "Vous toucherez 20 000 euros [2].",
        "You must give three months' notice [2].",
        "Le préavis est de deux mois [9].",
        "Oui, l'employeur peut rompre le contrat d'une salariée en état de grossesse [1].",
        "L'employeur ne doit pas remettre de certificat [2].",
        "> Le préavis est de six mois.",
        "Bonne journée !",
        "Réponse :",
    ):
        assert checked(written) == "", written


def test_the_rest_of_an_answer_stays_readable() -> None:
    written = (
        "**Réponse**\n\nLe préavis est de deux mois [2]. C'est mon avis.\n\nConditions :\n"
        "- fixé par la loi [2]\n- vous toucherez 20 000 euros [2]\n\n> Il est de deux mois."
        "\n\nVoilà."
    )

    assert checked(written) == (
        "**Réponse**\n\nLe préavis est de deux mois [1].\n\nConditions :\n- fixé par la loi [1]\n\n"
        "> Il est de deux mois."
    )


@given(
    st.lists(
        st.sampled_from(
            [
                "Il est de deux mois [2].",
                " ",
                "\n",
                "Non.",
                "- ",
                "[1]",
                "M. X",
                "> Il",
                "35 h",
                "!",
            ]
        ),
        max_size=12,
    ).map("".join),
    st.integers(1, 9),
)
def test_the_same_stays_however_the_text_is_cut(written: str, pieces: int) -> None:
    assert checked(written, pieces=pieces) == checked(written, pieces=10_000)
