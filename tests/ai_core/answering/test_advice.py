"""Who wishes for advice and tells no matter is asked for it, with somebody to call."""

from typing import Any

import pytest

from ai_core.answering.advice import asks_for_advice
from shared.languages import language_of

WISHES = (
    "je voudrais un rendez-vous",
    "Demande de rendez-vous\n\nJe souhaiterais obtenir un rendez-vous avec un de vos conseillers "
    "afin de parler de ma situation.\nJe suis disponible le mardi et le jeudi.\nVous en remerciant "
    "par avance,\nO. [nom]",
    "Besoin de conseils\n\nJ'ai des soucis avec mon employeur depuis quelques mois, ça devient "
    "compliqué. Pouvez-vous me conseiller svp ?",
    "J'ai un problème au travail, pouvez-vous m'aider ?",
    "Bonjour, j'aurais besoin de renseignements sur mes droits",
    "Je souhaite être rappelée, mon numéro est le 06 12 34 56 78",
    "Can I speak to someone?",
    "Hello, I have a problem with my boss. Could you help me please?",
    "I would like an appointment with an adviser",
    "ขอนัดหมายครับ",
    "ผมมีปัญหากับนายจ้าง ช่วยผมหน่อยครับ",
    "您好，我工作上遇到了一些问题，能帮我吗？",
)
QUESTIONS = (
    "Mon employeur me refuse un rendez-vous avec la médecine du travail",
    "J'ai besoin d'un conseiller du salarié pour mon entretien préalable",
    "J'ai rendez-vous chez le médecin, suis-je payé ?",
    "Ma chef me crie dessus, pouvez-vous m'aider ?",
    "Pouvez-vous m'aider à calculer mon préavis ?",
    "J'ai un conflit avec mon employeur sur mes congés, pouvez-vous me conseiller ?",
    "J'ai des problèmes avec mon employeur",
    "I need help with my notice period",
    "我想咨询加班费",
    "Bonjour",
)


def test_only_a_wish_without_a_matter_is_one() -> None:
    assert [text for text in WISHES if not asks_for_advice(text)] == []
    assert [text for text in QUESTIONS if asks_for_advice(text)] == []


@pytest.mark.parametrize("message", [WISHES[0], WISHES[6], WISHES[9], WISHES[11]])
async def test_who_wishes_for_advice_is_asked_what_about_and_told_who_to_call(
    app: Any, message: str
) -> None:
    body = {"messages": [{"role": "user", "content": message}]}
    response = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
    reply = response.json()
    assert reply["abstained"] is None
    assert reply["citations"] == []
    assert reply["language"] == language_of(message)
    assert reply["clarification"]["question"] in reply["response"]
    assert "0 806 000 126" in reply["response"]


async def test_in_a_conversation_the_same_words_go_on_with_its_matter(app: Any) -> None:
    turns = ("Quel préavis pour une démission ?", "Pouvez-vous me conseiller ?")
    reply: dict[str, Any] = {}
    for turn in turns:
        body: dict[str, Any] = {"messages": [{"role": "user", "content": turn}]}
        if reply:
            body["conversation_id"] = reply["conversation_id"]
        response = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
        reply = response.json()
    assert "rendez-vous" not in reply["response"]
