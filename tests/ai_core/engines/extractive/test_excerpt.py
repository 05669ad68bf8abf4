"""Which units of a text are quoted, and that every omission is marked."""

from ai_core.engines.extractive.asked import AskedQuestion
from ai_core.engines.extractive.deciding import candidates
from ai_core.engines.extractive.excerpt import Quoted, excerpt, quoted_lines
from ai_core.engines.extractive.units import read
from tests.ai_core.engines.extractive.passages import article

PROSE = "\n".join(
    f"La phrase {n} parle de la formation des apprentis et des stages de l'atelier numéro {n}."
    for n in range(12)
)


def quoted(
    text: str, question: str, budget_chars: int, *, begins: bool = True, goes_on: bool = False
) -> str:
    reading = read(text)
    ranked = candidates(AskedQuestion.read(question), [article("L1", text)])
    scores = {one.unit: one.score for one in ranked}
    chosen = excerpt(reading, (), scores, budget_chars, Quoted())
    return quoted_lines(reading, chosen, begins=begins, goes_on=goes_on)


def test_a_short_text_is_quoted_whole() -> None:
    assert quoted("Un.\nDeux.", "deux ?", 100) == "> Un.\n> Deux."


def test_omissions_are_marked_before_between_and_after() -> None:
    text = f"{PROSE}\nLe salaire de base est un pourcentage du SMIC.\n{PROSE}"

    lines = quoted(text, "Quel pourcentage du SMIC est le salaire ?", 120).splitlines()

    assert lines[0] == lines[-1] == "> […]"
    assert "> Le salaire de base est un pourcentage du SMIC." in lines


def test_a_piece_from_the_middle_of_its_source_begins_with_an_omission() -> None:
    assert quoted("La suite du texte.", "suite ?", 100, begins=False).startswith("> […]\n")


def test_a_piece_that_its_source_goes_on_after_ends_with_an_omission() -> None:
    assert quoted("Le début.", "début ?", 100, goes_on=True) == "> Le début.\n> […]"


def test_the_same_paragraph_is_quoted_once() -> None:
    again = "L'employeur peut dispenser le salarié d'exécuter son préavis en tout ou en partie"
    text = f"{again}.\nLe préavis est payé.\n{again} seulement.\n"

    assert quoted(text, "préavis ?", 500).count("peut dispenser") == 1


def test_a_row_is_quoted_with_its_header_and_bars_between_cells() -> None:
    text = f"{PROSE}\nLe préavis est de :\n\tUn an\tDeux ans\nCadres\t1 mois\t3 mois\n{PROSE}"

    shown = quoted(text, "Quel préavis pour les cadres ?", 200)

    assert "> Le préavis est de :\n>  | Un an | Deux ans\n> Cadres | 1 mois | 3 mois" in shown


def test_an_introduction_is_not_quoted_without_its_list() -> None:
    text = f"{PROSE}\nLe préavis est dû :\n1° Au salarié ;\n2° À l'apprenti.\n{PROSE}"

    assert "1° Au salarié ;" in quoted(text, "À qui est dû le préavis ?", 200)
