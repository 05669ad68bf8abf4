"""Which lines are quoted, and that they stay whole."""

from ai_core.engines.extractive.excerpt import QueryTerms, excerpt

LIST = """Le salarié prévient son employeur.
La durée de l'essai ne dépasse pas :
1° Deux mois pour les ouvriers ;
2° Trois mois pour les techniciens ;
3° Quatre mois pour les cadres.
Le bulletin de paie est remis chaque mois par tout moyen au salarié qui le demande.
"""
PROSE = " ".join(
    f"La phrase numéro {n} parle de la formation des apprentis au sein de l'entreprise."
    for n in range(12)
)


def quoted(text: str, question: str, budget_chars: int) -> tuple[str, ...]:
    return excerpt(text, QueryTerms(question, [text]), budget_chars)


def test_a_short_text_is_quoted_whole() -> None:
    assert quoted("Un. Deux.", "deux ?", 100) == ("Un. Deux.",)


def test_an_item_comes_with_the_words_that_introduce_its_list() -> None:
    (run,) = quoted(LIST, "Quelle est la durée de l'essai d'un cadre ?", 180)

    assert run.startswith("La durée de l'essai ne dépasse pas :")
    assert "3° Quatre mois pour les cadres." in run
    assert "bulletin" not in run


def test_every_run_is_word_for_word_and_ends_where_a_sentence_ends() -> None:
    text = f"{PROSE}\nLe salaire des apprentis est un pourcentage du SMIC.\n{PROSE}"

    runs = quoted(text, "Quel est le salaire d'un apprenti ?", 300)

    assert all(run in text for run in runs)
    assert all(run.endswith(".") for run in runs)
    assert any("pourcentage du SMIC" in run for run in runs)


def test_a_quantity_is_preferred_when_one_is_asked_for() -> None:
    text = (
        "Le préavis est une période que le salarié et l'employeur respectent tous deux.\n"
        "Le préavis dure deux mois.\n" + PROSE
    )

    assert "deux mois" in quoted(text, "Combien de temps dure le préavis ?", 60)[0]


def test_lines_that_only_point_elsewhere_are_left_out() -> None:
    text = "Le préavis dure deux mois.\nConsulter le simulateur de préavis en ligne."

    assert quoted(text, "Quel préavis ?", 500) == ("Le préavis dure deux mois.",)


def test_a_title_is_not_an_answer() -> None:
    text = f"Quelle est la durée du préavis ?\nDeux mois de préavis sont dus.\n{PROSE}"

    assert quoted(text, "Quelle est la durée du préavis ?", 60) == (
        "Deux mois de préavis sont dus.",
    )


def test_a_reference_does_not_end_a_sentence() -> None:
    text = f"{PROSE} Le préavis suit l'article L. 1234-1 du code. {PROSE}"

    (run,) = quoted(text, "Que dit la loi du préavis ?", 90)

    assert run == "Le préavis suit l'article L. 1234-1 du code."
