"""The parts of an extractive answer, as the citation filter lets them through."""

from datetime import date

from ai_core.engines.base import AnswerPart
from ai_core.law.records import Confidence
from tests.ai_core.engines.extractive.passages import article, clause, fiche, parts

NOTICE = """Le salarié a droit à un préavis lorsque le licenciement n'est pas motivé par une faute :
1° S'il justifie d'une ancienneté comprise entre six mois et deux ans, un préavis d'un mois ;
2° S'il justifie d'une ancienneté d'au moins deux ans, un préavis de deux mois.
Toutefois, ces dispositions ne s'appliquent que si la convention n'est pas plus favorable."""
STEPS = """Le préavis de licenciement commence à la présentation de la lettre.
Le salarié peut saisir le conseil de prud'hommes si son préavis de licenciement n'est pas payé.
Consulter le simulateur de préavis."""
TABLE = """Le préavis de démission est fixé comme suit :
\tMoins de 6 mois\t6 mois à moins de 2 ans\tPlus de 2 ans
Cadres\t1 mois\t3 mois\t3 mois
Employés\t8 jours\t15 jours\t1 mois"""


async def test_the_summary_is_the_sentence_that_decides_with_its_number() -> None:
    found = await parts(
        "Quel préavis de licenciement après trois ans d'ancienneté ?",
        article("L1234-1", NOTICE),
        fiche("Préavis", STEPS),
    )

    assert found[AnswerPart.SUMMARY].endswith("un préavis de deux mois. » [1]")
    assert "un préavis d'un mois" not in found[AnswerPart.SUMMARY]
    assert len(found[AnswerPart.SUMMARY]) <= 600


async def test_conditions_come_with_what_they_point_back_to() -> None:
    found = await parts("Quel préavis de licenciement après trois ans ?", article("L1", NOTICE))

    assert "Toutefois, ces dispositions ne s'appliquent que si" in found[AnswerPart.CONDITIONS]


async def test_the_steps_tell_whom_to_turn_to() -> None:
    found = await parts(
        "Quel préavis de licenciement après trois ans ?",
        article("L1234-1", NOTICE),
        fiche("Préavis de licenciement", STEPS),
    )

    assert "saisir le conseil de prud'hommes" in found[AnswerPart.STEPS]
    assert "simulateur" not in "".join(found.values())


async def test_each_source_has_its_number_date_words_and_address() -> None:
    found = await parts(
        "Quel préavis de licenciement après trois ans ?",
        article("L1234-1", NOTICE),
        fiche("Préavis de licenciement", STEPS),
    )

    sources = found[AnswerPart.SOURCES]
    assert "Article L1234-1 [1]" in sources
    assert "(en vigueur depuis le 1er janvier 2020)" in sources
    assert "(mise à jour le 1er mars 2026)" in sources
    assert "https://loi.example/L1234-1" in sources
    assert "> 2° S'il justifie" in sources


async def test_a_table_is_told_by_its_headers() -> None:
    found = await parts(
        "Employé depuis 8 mois, quel préavis de démission ?", clause("IDCC 9999 art. 30", TABLE)
    )

    assert "- Employés — 6 mois à moins de 2 ans : 15 jours" in found[AnswerPart.SUMMARY]
    assert "« Le préavis de démission est fixé comme suit : »" in found[AnswerPart.SUMMARY]
    assert "> Employés | 8 jours | 15 jours | 1 mois" in found[AnswerPart.SOURCES]


async def test_an_article_decides_over_a_fiche_older_than_it() -> None:
    stale = fiche(
        "Salaire de l'apprenti",
        "Le salaire de l'apprenti est de 25 % du SMIC la première année.",
        updated=date(2019, 1, 1),
        outdated=True,
    )
    fresh = article("D6222-26", "Le salaire de l'apprenti est de 27 % du SMIC la première année.")

    found = await parts("Quel est le salaire d'un apprenti la première année ?", stale, fresh)

    assert "27 %" in found[AnswerPart.SUMMARY]
    assert "25 %" not in found[AnswerPart.SUMMARY]


async def test_an_example_never_leads_and_is_never_cut() -> None:
    example = (
        "Exemple : un salarié à 2 000 € parti après 12 ans.\n10 x 500 = 5 000 €\nSoit 6 333 €."
    )
    text = f"L'indemnité de départ est d'un quart de mois de salaire par année.\n{example}\n" + (
        "Le règlement de l'atelier est affiché à l'entrée de chaque bâtiment de l'entreprise.\n" * 9
    )

    found = await parts("Combien d'indemnité de départ après 12 ans ?", article("R1", text))

    assert "un quart de mois" in found[AnswerPart.SUMMARY]
    assert "Exemple" not in found[AnswerPart.SUMMARY]
    shown = found[AnswerPart.SOURCES]
    assert ("Exemple" in shown) == ("Soit 6 333 €." in shown)


async def test_without_confidence_the_answer_says_so_first_and_shows_the_nearest() -> None:
    question, nearest = "Ma clause de non-concurrence est-elle valable ?", article("L1", NOTICE)

    doubted = await parts(question, nearest, confidence=Confidence.LOW)
    none = await parts(question, nearest, confidence=Confidence.NONE)

    assert doubted[AnswerPart.SUMMARY].startswith("Je ne suis pas certain")
    assert "[1]" in doubted[AnswerPart.SUMMARY]
    assert none[AnswerPart.SUMMARY].startswith("Aucun des textes trouvés ne répond")
    assert "«" not in none[AnswerPart.SUMMARY]
    for found in (doubted, none):
        assert AnswerPart.SOURCES not in found
        assert "Article L1 [1]" in found[AnswerPart.NEAREST]


async def test_an_article_named_by_its_number_is_quoted_in_full_below_its_first_sentence() -> None:
    long = (
        NOTICE + "\n" + "\n".join(f"Le préavis numéro {n} est payé en entier." for n in range(20))
    )

    found = await parts("Que dit l'article L1234-1 ?", article("L1234-1", long), named=("L1234-1",))

    assert found[AnswerPart.SUMMARY].startswith("« Le salarié a droit à un préavis lorsque")
    assert "> Le préavis numéro 19 est payé en entier." in found[AnswerPart.SOURCES]


async def test_two_parts_of_one_source_stand_under_one_heading() -> None:
    pieces = [
        article("L1", "Le préavis dure deux mois.", id="ID", start=0),
        article("L1", "Le préavis est payé chaque mois de préavis.", id="ID", start=900),
    ]

    found = await parts("Le préavis est-il payé, et combien de mois dure-t-il ?", *pieces)

    assert found[AnswerPart.SOURCES].count("Article L1 [") == 1


async def test_words_of_the_question_that_no_passage_holds_count() -> None:
    about = article("L2", "Le remboursement des frais du conseiller est fait dans les deux mois.")
    right = article("L3", "L'abonnement aux transports est remboursé pour moitié.")

    found = await parts("L'abonnement navigo aux transports est-il remboursé ?", about, right)

    assert "transports" in found[AnswerPart.SUMMARY]


async def test_words_between_marks_of_their_own_are_still_quoted() -> None:
    text = "Le repos remplace le paiement (« repos compensateur ») si l'employeur le décide."

    found = await parts("Le repos peut-il remplacer le paiement ?", article("L4", text))

    assert found[AnswerPart.SUMMARY] == f"“{text}” [1]"


async def test_a_table_of_dismissal_does_not_answer_who_resigns() -> None:
    both = (
        f"30.1. Licenciement\n{TABLE.replace('démission', 'licenciement')}\n30.2. Démission\n"
        + (TABLE.replace("15 jours", "21 jours"))
    )

    found = await parts(
        "Employé depuis 8 mois, je démissionne : quel préavis ?", clause("IDCC 9999 art. 30", both)
    )

    assert "21 jours" in found[AnswerPart.SUMMARY]
    assert "15 jours" not in found[AnswerPart.SUMMARY]


async def test_a_category_named_decides_its_row() -> None:
    found = await parts(
        "Cadre, trois ans d'ancienneté, quel préavis de démission ?",
        clause("IDCC 9999 art. 30", TABLE),
    )

    assert "- Cadres — Plus de 2 ans : 3 mois" in found[AnswerPart.SUMMARY]
    assert "Employés" not in found[AnswerPart.SUMMARY]


async def test_the_figure_that_the_first_sentence_lacks_comes_second() -> None:
    text = (
        "Le salarié bénéficie d'un congé non rémunéré lorsque son enfant est malade.\n"
        "La durée de ce congé est au maximum de trois jours par an.\n"
        "L'employeur tient à jour le registre des congés de chaque établissement."
    )

    found = await parts("Enfant malade : combien de jours de congé ?", article("L1225-61", text))

    assert "trois jours par an" in found[AnswerPart.SUMMARY]


async def test_a_plain_answer_is_given_whatever_the_search_thinks_of_it() -> None:
    found = await parts(
        "Quelle est la durée du congé de mariage ?",
        article("L3142-4", "La durée du congé de mariage est de quatre jours."),
        confidence=Confidence.LOW,
    )

    assert "quatre jours" in found[AnswerPart.SUMMARY]


async def test_everyday_words_find_what_the_law_calls_otherwise() -> None:
    text = (
        "Le bulletin de l'entreprise est affiché dans les locaux.\n"
        "Aucun licenciement ne peut être prononcé pour ce motif."
    )

    found = await parts("On veut me virer pour ce motif, c'est possible ?", article("L1", text))

    assert "Aucun licenciement" in found[AnswerPart.SUMMARY]


async def test_a_number_with_dots_is_no_address() -> None:
    found = await parts("Quel préavis de démission ?", clause("IDCC 3248 art. 75.3.1.1", TABLE))

    assert "IDCC 3248 art. 75.3.1.1 [1]" in found[AnswerPart.SOURCES]


async def test_a_long_sentence_that_shares_some_words_is_no_plain_answer() -> None:
    text = (
        "Le registre des congés de mariage, dont la durée de conservation est de quatre ans, est"
        " tenu à la disposition des agents de contrôle, du service de santé au travail, du comité"
        " social et économique, de l'administration fiscale et des organismes de recouvrement."
    )

    found = await parts(
        "Quelle est la durée du congé de mariage ?",
        article("R1", text),
        confidence=Confidence.LOW,
    )

    assert found[AnswerPart.SUMMARY].startswith("Je ne suis pas certain que")


async def test_a_clause_that_a_later_text_replaces_says_so() -> None:
    old = clause("IDCC 1 art. 4", "La prime de dimanche est de 9 euros.", outdated=True)
    said = await parts("prime de dimanche", old)
    assert "un texte plus récent, de la même convention" in said[AnswerPart.SOURCES]


async def test_a_caption_of_a_table_is_no_answer() -> None:
    grid = (
        "(En euros.)\nNiveau\tTaux horaire\tSalaire mensuel\nE1\t12,06\t1 829,54\nE2\t12,13\t1 840"
    )
    found = await parts(
        "Mon salaire en euros est-il au minimum ?", clause("IDCC 9999 art. 1", grid)
    )

    assert "En euros" not in found[AnswerPart.SUMMARY]
    assert "1 829,54" in found[AnswerPart.SOURCES]
