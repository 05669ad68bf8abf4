"""What a text is read as: which unit needs which."""

from ai_core.engines.extractive.units import Role, read

LIST = """La durée de l'essai ne dépasse pas :
1° Deux mois pour les ouvriers ;
2° Trois mois pour les techniciens :
a) Du premier niveau ;
b) Du second niveau ;
3° Quatre mois pour les cadres.
Le bulletin de paie est remis chaque mois."""
TABLE = """30.1. Départ
Sauf accord entre les parties, le préavis est fixé comme suit :
\tMoins de 6 mois\tPlus de 6 mois
Employés\t8 jours\t15 jours
Cadres\t1 mois\t3 mois
La lettre est remise en main propre."""
EXAMPLE = """L'indemnité est d'un quart de mois de salaire par année.
Exemple :
Une salariée qui gagne 2 000 € part après 8 ans.
8 x 500 = 4 000 €
Soit une indemnité totale de 4 000 €.
L'indemnité est versée au départ."""


def needed(text: str, words: str) -> list[str]:
    """Return what the unit with `words` needs, word for word."""
    reading = read(text)
    (at,) = (n for n in range(len(reading.units)) if words in reading.words(n))
    return [reading.words(n) for n in sorted(reading.with_needs([at])) if n != at]


def roles(text: str) -> list[Role]:
    return [unit.role for unit in read(text).units]


def test_an_item_needs_the_words_that_introduce_its_list() -> None:
    assert needed(LIST, "Quatre mois") == ["La durée de l'essai ne dépasse pas :"]


def test_an_item_of_an_inner_list_needs_both_introductions() -> None:
    assert needed(LIST, "second niveau") == [
        "La durée de l'essai ne dépasse pas :",
        "2° Trois mois pour les techniciens :",
    ]


def test_a_list_without_marks_goes_on_while_its_lines_end_with_semicolons() -> None:
    text = "Le congé est de :\nQuatre jours au mariage ;\nUn jour au PACS.\nLe bulletin est remis."

    assert needed(text, "Un jour") == ["Le congé est de :"]
    assert needed(text, "bulletin") == []


def test_a_line_after_the_list_is_no_item() -> None:
    assert needed(LIST, "bulletin") == []


def test_a_row_needs_its_header_and_the_title_and_sentence_above() -> None:
    assert needed(TABLE, "Employés") == [
        "Sauf accord entre les parties, le préavis est fixé comme suit :",
        "\tMoins de 6 mois\tPlus de 6 mois",
    ]


def test_a_row_of_a_group_needs_the_name_of_the_group() -> None:
    text = "Niveau\tSalaire\nEmployés\nA\t1 400 €\nCadres\nA\t2 600 €\nB\t2 900 €"

    assert needed(text, "2 600") == ["Niveau\tSalaire", "Cadres"]


def test_short_rows_are_no_titles() -> None:
    text = "Préavis\nOuvriers : 15 jours\nCadres : 3 mois\nIl est payé chaque mois."

    assert roles(text) == [Role.HEADING, Role.SENTENCE, Role.SENTENCE, Role.SENTENCE]


def test_a_number_before_a_short_title_does_not_make_it_an_item() -> None:
    assert roles(TABLE)[0] is Role.HEADING


def test_a_sentence_that_points_back_needs_the_one_before() -> None:
    for back in (
        "Dans ce cas, l'indemnité est due.",
        "Cette indemnité est due.",
        "Il la reçoit au départ.",
        "Ce délai est d'un mois.",
        "À défaut, l'usage s'applique.",
        "Toutefois, elle est réduite de moitié.",
        "À l'issue de cette période, il part.",
        "Les heures suivantes sont majorées.",
    ):
        text = f"Le salarié part sans préavis. {back}"
        assert needed(text, back) == ["Le salarié part sans préavis."], back


def test_a_sentence_that_only_looks_as_if_it_pointed_back_stands_alone() -> None:
    for alone in (
        "Il est interdit de fumer.",
        "Il appartient au juge de décider.",
        "Ceux qui partent sont payés.",
        "Lorsque le contrat prend fin, tout est dû.",
    ):
        assert needed(f"Le salarié part. {alone}", alone) == [], alone


def test_an_example_is_one_group_up_to_its_total() -> None:
    reading = read(EXAMPLE)
    group = [n for n, unit in enumerate(reading.units) if unit.role is Role.EXAMPLE]

    assert [reading.words(n) for n in group] == EXAMPLE.splitlines()[1:5]
    assert all(reading.with_needs([n]) >= set(group) for n in group)


def test_lines_that_only_point_elsewhere_are_no_units() -> None:
    text = "Le préavis dure deux mois.\nConsulter le simulateur de préavis en ligne."

    assert [read(text).words(n) for n in range(len(read(text).units))] == [
        "Le préavis dure deux mois."
    ]


def test_a_reference_does_not_end_a_sentence() -> None:
    text = "Le préavis suit l'article L. 1234-1 du code (Cass. Soc. 3 mai). Il est payé."

    assert read(text).words(0) == "Le préavis suit l'article L. 1234-1 du code (Cass. Soc. 3 mai)."


def test_the_number_before_a_sentence_is_no_sentence_of_its_own() -> None:
    for marked in ("1. La nuit est majorée.", "4.7.4. La nuit est majorée.", "a. Il dort ici."):
        reading = read(f"{marked} Elle est payée en repos.\nFin.")
        assert reading.words(0) == marked


def test_a_lettered_title_is_a_title() -> None:
    reading = read("a) Durée de la période d'essai\nL'essai dure 3 mois.\nFin.")
    assert [unit.role for unit in reading.units][:2] == [Role.HEADING, Role.SENTENCE]
