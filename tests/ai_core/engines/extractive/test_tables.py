"""The row of a table that fits what a question tells, as the summary says it."""

from ai_core.engines.base import AnswerPart
from tests.ai_core.engines.extractive.passages import clause, parts

NOTICE = """Le préavis de licenciement ne peut être inférieur aux durées ci-après :
Ancienneté du salarié\tGroupe d'emplois\tAge du salarié\tDurée du préavis
Inférieure à 2 ans\tTout groupe d'emplois\tTout âge\t1 mois
Au moins égale à 2 ans\tTout groupe d'emplois\tTout âge\t2 mois
Au moins égale à 3 ans\tGroupe d'emplois E\tTout âge\t3 mois
Au moins égale à 5 ans\tGroupes d'emplois F, G, H et I\t50 à 55 ans\t6 mois"""
SPANNED = """Grille de salaires :
Catégorie\tCoefficient\tMinima
À l'embauche\tAprès 5 ans d'ancienneté
Niveau 3
Échelon 1\t130\t1 856,56\t1 908,54
Échelon 2\t140\t1 912,24\t1 965,78
Niveau 4
Échelon 1\t160\t2 093,47\t2 152,09"""
JOINED = """Salaires minima hiérarchiques :
Groupe d'emplois\tClasse d'emploi
C\t5\t24 250
6\t25 550
D\t7\t26 400
8\t28 450"""
LEVELS = """Les salaires minima horaires sont les suivants :
\tNiveau I\tNiveau II\tNiveau III
Échelon 1\t12,00 €\t12,28 €\t13,32 €
Échelon 2\t12,08 €\t12,55 €\t13,54 €"""
TWO = """Salaires minima des « ETAM »
Position\tCoefficient\tSalaires minima
2.1\t275\t1 875 €
2.2\t310\t1 905 €
Salaires minima des « Ingénieurs et cadres »
Position\tCoefficient\tSalaires minima
2.1\t115\t2 530 €
2.2\t130\t2 850 €"""
HEADLESS = """Les salaires minima sont fixés comme suit :
Niveau A\t1 857
Niveau B\t1 927
Niveau C\t2 055"""
LISTED = """Le salaire horaire minimum est :
a) Pour le personnel de fabrication :
Coefficient 155 : 12,41 €.
Coefficient 175 : 12,91 €.
b) Pour le personnel de vente :
Coefficient 155 : 12,51 €.
Coefficient 175 : 13,01 €."""


async def summary(question: str, text: str) -> str:
    passage = clause("IDCC 9999 art. 1", text, pay_grid="minima" in text or "minimum" in text)
    return (await parts(question, passage))[AnswerPart.SUMMARY]


async def test_rows_of_another_group_or_seniority_are_left_out() -> None:
    told = await summary("Licencié après 8 ans, groupe C6, quel préavis ?", NOTICE)

    assert "Au moins égale à 2 ans" in told
    assert "2 mois" in told
    assert "3 mois" not in told
    assert "6 mois" not in told


async def test_the_row_of_a_group_is_found_by_its_letter() -> None:
    told = await summary("Licencié après 4 ans, groupe E9, quel préavis ?", NOTICE)

    assert "Groupe d'emplois E" in told
    assert "Durée du préavis : 3 mois" in told
    assert "1 mois" not in told


async def test_heads_that_span_columns_name_each_of_them() -> None:
    told = await summary("salaire minima coefficient 140 ?", SPANNED)

    assert "Niveau 3, Catégorie : Échelon 2" in told
    assert "Minima, À l'embauche : 1 912,24" in told
    assert "Minima, Après 5 ans d'ancienneté : 1 965,78" in told
    assert "1 856,56" not in told


async def test_the_column_of_the_seniority_told_is_taken() -> None:
    told = await summary("salaire minima coefficient 140 après 7 ans d'ancienneté ?", SPANNED)

    assert "1 965,78" in told
    assert "1 912,24" not in told
    assert "Coefficient : 140" in told


async def test_a_row_whose_first_cell_is_joined_has_it() -> None:
    told = await summary("salaire minima classe C6 ?", JOINED)

    assert "Groupe d'emplois : C — Classe d'emploi : 6 ; 25 550" in told
    assert "24 250" not in told


async def test_a_level_in_the_head_and_a_step_in_the_row_pick_one_cell() -> None:
    told = await summary("salaires minima horaires, niveau 2 échelon 1 ?", LEVELS)

    assert "- Échelon 1 — Niveau II : 12,28 €" in told
    assert "12,00" not in told
    assert "12,55" not in told


async def test_the_table_of_the_category_told_is_read() -> None:
    told = await summary("Ingénieur position 2.1, quel salaire minima ?", TWO)

    assert "« Ingénieurs et cadres », Position : 2.1 — Coefficient : 115" in told
    assert "1 875" not in told


async def test_a_table_without_heads_begins_with_a_row() -> None:
    told = await summary("salaires minima niveau C ?", HEADLESS)

    assert "- Niveau C — 2 055" in told
    assert "1 857" not in told


async def test_what_the_row_depends_on_is_asked_where_it_is_not_told() -> None:
    told = await summary("quels sont les salaires minima horaires ?", LEVELS)

    assert "12,00 €" in told
    assert "13,54 €" in told
    assert "dépend de : niveau, échelon" in told
    asked = await summary("salaires minima horaires, niveau 2 échelon 1 ?", LEVELS)
    assert "dépend de" not in asked


async def test_an_item_of_a_list_is_told_with_whom_it_is_for() -> None:
    told = await summary("salaire horaire minimum, coefficient 175 ?", LISTED)

    assert "Pour le personnel de fabrication" in told
    assert "Coefficient 175 : 12,91 €" in told
    assert "Pour le personnel de vente" in told
    assert "12,41" not in told
