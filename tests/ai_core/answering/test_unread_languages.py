"""A language that is not understood is recognised, and its writer told so in it."""

from typing import Any

import pytest

from ai_core.answering.unread_languages import ask_again, unread_language_of
from ai_core.knowledge.entry_files import shipped_entries
from shared.languages import LANGUAGES


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ile dni urlopu mi przysługuje i czy pracodawca może odmówić?", "pl"),
        ("pracuje w hotelu i nie mam umowy, czy moge cos zrobic, jak mam pisac", "pl"),
        ("Sono stato licenziato dal mio datore di lavoro, posso fare qualcosa?", "it"),
        ("İşten çıkarıldım, ne kadar tazminat için hakkım var? Ben iki yıl çalıştım", "tr"),
        ("Ik ben ontslagen door mijn werkgever, wat kan ik doen?", "nl"),
        ("Tôi làm việc không có hợp đồng, lương được trả thế nào?", "vi"),
        ("Мене звільнили, я не маю договір, що робити і як?", "uk"),
        ("Меня уволили, я не знаю что делать и сколько мне должны", "ru"),
        ("Quel est mon préavis si je démissionne ?", None),
        ("My boss fired me, what can I do?", None),
        ("¿Cuántos días de vacaciones tengo?", None),
        ("Wie lange ist meine Kündigungsfrist, ich arbeite seit vier Jahren hier?", None),
        ("slt jsui pa payé kes ke je fé ?", None),
        ("SMIC 2026 ?", None),
        ("j'ai reçu une lettre en polonais : « Nie mam czasu, jak się masz »", None),
    ],
)
def test_a_language_is_recognised_by_its_words(text: str, language: str | None) -> None:
    assert unread_language_of(text) == language


def test_no_question_of_ours_is_taken_for_such_a_language() -> None:
    asked = [
        phrasing
        for entry in shipped_entries()
        for phrasings in entry.phrasings.model_dump().values()
        for phrasing in phrasings
    ][::5]
    assert len(asked) > 2_000
    assert [one for one in asked if unread_language_of(one)] == []


def test_the_writer_reads_it_in_that_language_and_in_one_of_ours() -> None:
    for language in LANGUAGES:
        own, ours = ask_again("pl", language).split("\n\n")
        assert "polskiego" in own
        assert ours


async def test_a_letter_in_polish_gets_no_text_that_is_near_by_chance(
    app: Any, library: Any
) -> None:
    message = {"role": "user", "content": "Ile mam dni urlopu i czy pracodawca może odmówić?"}
    response = await app.client.post(
        "/api/v1/chat", json={"messages": [message]}, headers=app.key_header()
    )
    reply = response.json()

    assert reply["citations"] == []
    assert reply["summary"].startswith("Nie znam języka polskiego")
    assert "0 806 000 126" in reply["response"]
