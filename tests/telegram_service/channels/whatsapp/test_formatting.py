"""WhatsApp's markup never changes a text, and messages stay within the Cloud API's limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telegram_service.channels.markdown import nested, plain, units
from telegram_service.channels.message import Button, Entity, FoldedText
from telegram_service.channels.whatsapp.formatting import compose, content, pressed
from telegram_service.channels.whatsapp.markup import marked_up
from telegram_service.emulators.whatsapp.people import shown
from telegram_service.emulators.whatsapp.rules import check_message

TEXTS = {
    "**Préavis** : *deux* mois": "*Préavis* : _deux_ mois",
    "Indemnité : 1/4*2000*10": "Indemnité : `1/4*2000*10`",
    "Prix : 5 * 3": "Prix : 5 * 3",
    "~~barré~~ et `code_a_b`": "~barré~ et `code_a_b`",
    "une_note_basse et *italique*": "`une_note_basse` et italique",
    "> cité **mot**\n\nfin": "> cité *mot*\n\nfin",
    "[Légifrance](https://example.org/a_b_c)": "Légifrance (https://example.org/a_b_c)",
    "<https://example.org/a_b_c>": "https://example.org/a_b_c",
    "🆘 **Appelez le 15**": "🆘 *Appelez le 15*",
}
MARKS = st.text(alphabet="ab 1é😀試*_~\n.(:/", max_size=60)
"""Not a backtick, nor a line that begins as a quotation: these are left as they stand."""


def test_marks_are_whatsapps_and_what_stands_literally_is_shown(
    subtests: pytest.Subtests,
) -> None:
    for markdown, wanted in TEXTS.items():
        with subtests.test(markdown=markdown):
            text, entities = plain(markdown)
            assert marked_up(text, entities).strip() == wanted


STYLES = st.sampled_from(["bold", "italic", "strikethrough", "underline"])
POSITIONS = st.integers(0, 40)


@given(MARKS)
@settings(max_examples=300, deadline=None)
def test_a_person_sees_every_character_of_any_text(text: str) -> None:
    assert shown(marked_up(text, [])) == text


@given(MARKS, st.lists(st.tuples(STYLES, POSITIONS, POSITIONS), max_size=4))
@settings(max_examples=300, deadline=None)
def test_styles_change_no_character_either(text: str, styles: list[tuple[str, int, int]]) -> None:
    entities = [
        Entity(type=style, offset=start, length=length)
        for style, start, length in styles
        if start + length <= len(text) == units(text)
    ]
    assert shown(marked_up(text, nested(entities))) == text


@given(st.text(max_size=9_000), st.lists(st.text(min_size=1, max_size=90), max_size=14))
@settings(max_examples=60, deadline=None)
def test_every_composed_message_is_accepted(text: str, labels: list[str]) -> None:
    buttons = tuple(
        (Button(label=label, data=f"v1|ask|{number}|12345678"),)
        for number, label in enumerate(labels)
        if label.strip()
    )
    for message in compose(FoldedText(text, "plié", "fin"), buttons):
        body = {"messaging_product": "whatsapp", "to": "33639980001", **content(message)}
        check_message(body)


def test_few_short_choices_are_buttons_others_a_list_and_one_address_a_button() -> None:
    few = compose(FoldedText("Oui ?"), ((button("Oui"), button("Non")),))
    assert content(few[0])["interactive"]["type"] == "button"
    long = compose(FoldedText("Lequel ?"), ((button("Un choix de plus de vingt signes"),),))
    [row] = content(long[0])["interactive"]["action"]["sections"][0]["rows"]
    assert row["description"] == "Un choix de plus de vingt signes"
    assert pressed(row["id"], row["title"]) == ("d", "Un choix de plus de vingt signes")
    address = Button(label="Légifrance", url="https://example.org/")
    [alone] = compose(FoldedText("Voir"), ((address,),))
    assert content(alone)["interactive"]["type"] == "cta_url"
    [beside] = compose(FoldedText("Voir"), ((address, button("Oui")),))
    assert "Légifrance : https://example.org/" in beside.text


def test_the_buttons_of_the_last_row_stay_when_there_are_too_many() -> None:
    rows = tuple((Button(label=f"Question {number} ?", data=str(number)),) for number in range(12))
    [message] = compose(FoldedText("Réponse"), (*rows, (button("👍"),)))
    found = content(message)["interactive"]["action"]["sections"][0]["rows"]
    assert len(found) == 10
    assert found[-1]["title"] == "👍"


def test_a_long_text_ends_in_a_short_message_with_the_buttons() -> None:
    head = "Une phrase de la réponse. " * 200
    messages = compose(FoldedText(head, "", "Réponse d'une IA."), ((button("👍"),),))
    assert [bool(each.buttons) for each in messages] == [False, False, True]
    assert messages[-1].text == "Réponse d'une IA."


def button(label: str) -> Button:
    """A button that is pressed."""
    return Button(label=label, data="d" if len(label) > 3 else label)
