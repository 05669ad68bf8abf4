"""What LINE shows of an answer, always within LINE's limits."""

import random

import pytest

from telegram_service.channels.line.formatting import (
    compose,
    cut,
    file_messages,
    message_objects,
    written,
)
from telegram_service.channels.message import Button, FoldedText, OutgoingMessage
from telegram_service.emulators.line.checks import check_messages, units

THAI = "ฉันต้องแจ้งล่วงหน้ากี่เดือนถ้าลาออกจากงานประจำที่ฝรั่งเศส"


def test_markdown_is_plain_with_the_addresses_of_its_links() -> None:
    shown = written(
        "# Préavis\n\n**Un mois** ([L1234-1](https://x.example/L1234-1)), 👍 "
        "[https://y.example](https://y.example/)\n\n\n\n- un\n- deux"
    )
    assert shown == (
        "Préavis\n\nUn mois (L1234-1 (https://x.example/L1234-1)), 👍 https://y.example\n\n"
        "• un\n• deux"
    )


def test_a_link_after_characters_of_two_units_keeps_its_place() -> None:
    assert written("🆘🆘 [ici](https://x.example) !") == "🆘🆘 ici (https://x.example) !"


def test_labels_are_cut_between_whole_characters(subtests: pytest.Subtests) -> None:
    for text in (THAI, "é" * 40, "e\u0301" * 40, "👨\u200d👩\u200d👧" * 20, "court"):
        with subtests.test(text):
            label = cut(text, 20)
            assert len(label) <= 20
            kept = label.removesuffix("…")
            assert text.startswith(kept)
            following = text[len(kept) : len(kept) + 1]
            assert following not in "\u0301\u200d่้๊๋ิีึืัุู" or not following


def test_each_kind_of_button_has_its_place() -> None:
    rows = (
        (Button(label="Et sinon ? " * 4, data="v1|ask|0|x"),),
        (
            Button(label="L1234-1", data="v1|art|L1234-1|x"),
            Button(label="Service public", url="https://x.example"),
        ),
        (Button(label="👍", data="v1|up|1|x"),),
    )
    text, card = message_objects(compose(FoldedText("Un mois."), rows)[0])
    assert "quickReply" not in text
    lines = [part for part in card["contents"]["body"]["contents"] if part["type"] == "text"]
    assert [line["action"]["type"] for line in lines] == ["postback", "uri"]
    ask, thumb = [item["action"] for item in card["quickReply"]["items"]]
    assert (ask["type"], ask["text"]) == ("message", ("Et sinon ? " * 4).strip())
    assert (thumb["type"], thumb["data"], thumb["displayText"]) == ("postback", "v1|up|1|x", "👍")


def test_no_answer_breaks_a_limit_and_nothing_is_missing() -> None:
    dice = random.Random(5)  # noqa: S311 - which answers, reproducibly
    words = [
        "préavis",
        "👍",
        "ลาออก",
        "**gras**",
        "[lien](https://x.example/a)",
        "\n\n",
        "- ",
        "辞职",
    ]
    for _ in range(60):
        markdown = " ".join(dice.choices(words, k=dice.choice([3, 60, 3_000])))
        buttons = tuple(
            Button(label=" ".join(dice.choices(words, k=9)), data=f"v1|{action}|1|x")
            for action in dice.choices(["ask", "art", "up", "src"], k=dice.randrange(20))
        )
        source = Button(label="x" * 24, url="https://x.example/" + "y" * dice.choice([9, 2_000]))
        messages = compose(FoldedText(markdown, "plié", "fin"), (buttons, (source,)))
        for message in messages:
            check_messages(message_objects(message))
        shown = "".join(object_.get("text", "") for m in messages for object_ in message_objects(m))
        assert "".join(shown.split()).endswith("pliéfin")
        assert shown.count("préavis") == markdown.count("préavis")


def test_a_long_file_is_sent_whole_within_the_limits() -> None:
    content = "\n".join(f"ligne {number} 👍" for number in range(5_000))
    calls = file_messages(content, "Vos données")
    for objects in calls:
        check_messages(objects)
    joined = "".join(each["text"] for objects in calls for each in objects)
    assert joined.startswith("Vos données")
    assert joined.endswith(content)


def test_a_message_without_buttons_is_one_text() -> None:
    assert message_objects(OutgoingMessage(text="Bonjour")) == [{"type": "text", "text": "Bonjour"}]
    assert units("👍") == 2
