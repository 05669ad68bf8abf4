"""Markdown to messages: what Telegram's own rules accept, whatever the model writes."""

import random

import pytest

from telegram_service.channels.markdown import (
    BUDGET_UNITS,
    clipped,
    nested,
    plain,
    split,
    units,
)
from telegram_service.channels.message import Entity, FoldedText
from telegram_service.channels.telegram.formatting import folded_messages
from telegram_service.emulators.telegram.rules import check_text

PIECES = [
    "L'employeur", "**gras**", "*italique*", "`code`", "\n\n", "\n- point", "\n1. un", "## Titre\n",
    "> citation\n", "[lien](https://www.legifrance.gouv.fr)", "😀", "👩‍⚖️", "é", "œ", " ", "***",
    "__", "~~barré~~", "||caché||", "```\nbloc\n```", "|a|b|\n|-|-|\n|1|2|\n", "L. 1234-1", "10 €",
    "5 < 6 & 7 > 2", "<b>", "[1]", "\\", "_", "*", "`", "«\u00a0oui\u00a0»", "à 39 h/semaine",
]  # fmt: skip


def random_markdown(dice: random.Random) -> str:
    return "".join(dice.choices(PIECES, k=dice.randint(1, 400)))


def test_no_fuzzed_answer_is_refused_and_nothing_is_missing() -> None:
    dice = random.Random(11)  # noqa: S311 - reproducible texts
    for _ in range(300):
        markdown = random_markdown(dice)
        text = plain(markdown)[0]
        pages = folded_messages(FoldedText(markdown))
        for page in pages:
            check_text(page.text, [entity.model_dump() for entity in page.entities])
        assert "".join(page.text for page in pages).strip() == text.strip()


def test_no_fuzzed_text_with_a_folded_part_is_refused_and_nothing_is_missing() -> None:
    dice = random.Random(12)  # noqa: S311 - reproducible texts
    for _ in range(200):
        text = FoldedText(*(random_markdown(dice) for _ in range(dice.randint(1, 3))))
        pages = folded_messages(text)
        for page in pages:
            check_text(page.text, [entity.model_dump() for entity in page.entities])
        whole = "".join(page.text for page in pages)
        for part in (text.head, text.folded, text.tail):
            assert plain(part)[0].strip() in whole


def test_the_folded_part_and_nothing_else_is_an_expandable_quotation() -> None:
    text = FoldedText("😀 **Oui.**", "**Titre**\n\n> mot\n\n`code`", "*Fin.*")
    [page] = folded_messages(text)
    assert page.text == "😀 Oui.\n\nTitre\n\nmot\n\ncode\n\nFin."
    [fold] = [entity for entity in page.entities if entity.type == "expandable_blockquote"]
    encoded = page.text.encode("utf-16-le")
    folded = encoded[fold.offset * 2 : (fold.offset + fold.length) * 2].decode("utf-16-le")
    assert folded == "Titre\n\nmot\n\ncode"
    assert {entity.type for entity in page.entities} == {"bold", "italic", "expandable_blockquote"}
    [message] = folded_messages(FoldedText("Oui."))
    assert (message.text, message.entities) == ("Oui.", ())


def test_a_folded_part_is_cut_to_keep_one_message_and_says_so() -> None:
    folded = "\n\n".join(f"**Article {n}** " + "mot " * 200 for n in range(9))
    [page] = folded_messages(FoldedText("😀 Oui.", folded, "Fin.", cut="[…] La suite ailleurs."))
    check_text(page.text, [entity.model_dump() for entity in page.entities])
    assert units(page.text) <= BUDGET_UNITS
    assert page.text.endswith("\n[…] La suite ailleurs.\n\nFin.")
    assert len(page.text) > 3_000
    assert len(folded_messages(FoldedText("mot " * 950, folded, cut="[…]"))) > 1


def test_entities_that_overlap_partly_are_not_sent() -> None:
    bold, crossing = (
        Entity(type="bold", offset=0, length=5),
        Entity(type="italic", offset=3, length=5),
    )
    inside = Entity(type="code", offset=1, length=2)
    assert nested([crossing, inside, bold]) == [bold, inside]


def test_a_message_is_cut_at_a_paragraph_when_there_is_one() -> None:
    text = "a" * 3000 + "\n\n" + "b" * 3000
    assert [piece for piece, _ in split(text, [])] == ["a" * 3000 + "\n\n", "b" * 3000]


def test_a_text_without_any_place_to_cut_is_cut_between_characters() -> None:
    text = "😀" * 5000
    pieces = [piece for piece, _ in split(text, [])]
    assert "".join(pieces) == text
    assert all(units(piece) <= BUDGET_UNITS for piece in pieces)


def test_an_entity_over_a_cut_goes_on_in_the_next_message() -> None:
    entities = [Entity(type="bold", offset=5, length=10)]
    assert clipped(entities, 0, 8) == [Entity(type="bold", offset=5, length=3)]
    assert clipped(entities, 8, 20) == [Entity(type="bold", offset=0, length=7)]


def test_more_entities_than_telegram_takes_make_another_message() -> None:
    pages = folded_messages(FoldedText(" ".join(f"**m{n}**" for n in range(150))))
    assert [len(page.entities) for page in pages] == [100, 50]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_nothing_to_say_is_no_message(text: str) -> None:
    assert folded_messages(FoldedText(text)) == []


MEANT_AS_WRITTEN = (
    "Indemnité : 1/3*1 850*12 = 7 400 €.",
    "base*taux*mois, puis (a)*(b)*(c), et 2**3**4",
    "Je soussigné <nom>, né le <jj/mm/aaaa>, <b>.",
    "<objet>\n<corps du courrier>\n</fin>",
    "Prime si ancienneté<3 et effectif>50",
    "Fait à ______, le __/__/____, (________), (________)",
    "1 500 €\n+ 200 €\n- 50 €\n= 1 650 €",
    "3. Troisième\n3. Encore",
    "2027. Une année",
    "a) un\n1) deux\n2) trois",
    "[Échéance]: 01/02/2027",
    "Voir [^1]\n\n[^1]: la note",
    "Effectif :\n> 250 salariés",
    "a || b || c et ||d||",
    "10 *12* 3 et 8~9~10",
    "https://exemple.fr/a?b=1*2*3&c=<d>",
)


def test_signs_that_are_no_markup_are_shown(subtests: pytest.Subtests) -> None:
    for markdown in MEANT_AS_WRITTEN:
        with subtests.test(markdown):
            text, entities = plain(markdown)
            assert text.strip() == markdown
            assert not entities
    for number in (7, 23, 41):
        dice = random.Random(number)  # noqa: S311 - reproducible texts
        written = " ".join(dice.choices(MEANT_AS_WRITTEN[:5], k=40))
        shown = "".join(page.text for page in folded_messages(FoldedText(written)))
        assert shown.replace("\n", " ") == written.replace("\n", " ")


def test_what_is_plainly_markup_stays_markup(subtests: pytest.Subtests) -> None:
    for markdown, shown, types in (
        ("**salarié**s *cadre*s __oui__", "salariés cadres oui", ["bold", "italic", "bold"]),
        ("<b>gras</b> et <u>là</u><br>", "gras et là", []),
        ("1. un\n2. deux\n- trois", "1. un\n2. deux\n• trois", []),
        ("`a*b*c` ~~non~~", "a*b*c non", ["code", "strikethrough"]),
        ("> 1° Les salariés", "1° Les salariés", ["blockquote"]),
        ("***", "————————", []),
    ):
        with subtests.test(markdown):
            text, entities = plain(markdown)
            assert text.strip() == shown
            assert [entity.type for entity in entities] == types


@pytest.mark.parametrize("heading", ["**Conditions et exceptions**", "## Et après ?", "Voici :"])
def test_no_message_ends_with_a_heading(heading: str) -> None:
    words = "mot " * 40
    for before in range(1, 30):
        paragraphs = [*[words] * before, heading, *[words] * 30]
        messages = folded_messages(FoldedText("\n\n".join(paragraphs)))
        assert len(messages) > 1
        last_lines = [message.text.rstrip().rpartition("\n")[2] for message in messages[:-1]]
        assert not any(line.startswith(("Conditions", "Et après", "Voici")) for line in last_lines)
