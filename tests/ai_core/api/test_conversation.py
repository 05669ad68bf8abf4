"""A conversation over HTTP: facts, follow-ups, our own questions, several questions at once."""

from typing import Any

import pytest

from ai_core.engines.scripted import ScriptedEngine

NOTICE = "Quelle est la durée du préavis en cas de démission ?"


class Conversation:
    """Asks one question after the other in one conversation, and returns the replies."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.id: str | None = None

    async def ask(self, question: str, **more: object) -> dict[str, Any]:
        body = {"messages": [{"role": "user", "content": question}], **more}
        if self.id:
            body["conversation_id"] = self.id
        headers = self._app.key_header()
        response = await self._app.client.post("/api/v1/chat", json=body, headers=headers)
        assert response.status_code == 200, response.text
        reply: dict[str, Any] = response.json()
        self.id = reply["conversation_id"]
        return reply


def known(reply: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reply["profile"].items() if value not in (None, [])}


async def test_facts_told_once_are_known_in_the_next_replies_and_end_with_it(app: Any) -> None:
    talk = Conversation(app)
    first = await talk.ask(f"Je suis cadre depuis 4 ans, payé 3200 € brut. {NOTICE}")
    second = await talk.ask("Combien de jours de congés payés par mois ?")
    path = f"/api/v1/conversations/{talk.id}"
    erased = await app.client.delete(path, headers=app.key_header())
    afterwards = await Conversation(app).ask(NOTICE)

    told = {"category": "cadre", "seniority_months": 48, "monthly_gross_pay_eur": 3200.0}
    assert known(first).items() >= told.items()
    assert known(second).items() >= told.items()
    assert erased.status_code == 204
    assert known(afterwards).keys() <= {"events"}


async def test_a_reply_to_our_question_answers_the_question_before_it(
    app: Any, library: Any
) -> None:
    talk = Conversation(app)
    first = await talk.ask(NOTICE)
    second = await talk.ask("la 1486, je suis cadre")
    third = await talk.ask("et si je suis malade pendant ?")

    assert "convention collective" in first["clarification"]["question"]
    assert second["calculation"]["calculator"] == "resignation_notice"
    assert (second["calculation"]["value"], second["calculation"]["unit"]) == (3, "mois")
    assert known(second)["agreement"]["idcc"] == "1486"
    assert second["clarification"] is None
    assert library.asked[-1].startswith(NOTICE)
    assert known(third)["agreement"]["idcc"] == "1486"


async def test_who_does_not_know_gets_the_law_and_is_not_asked_again(
    app: Any, library: Any
) -> None:
    talk = Conversation(app)
    await talk.ask(NOTICE)
    reply = await talk.ask("je ne sais pas")

    assert library.asked[1] == NOTICE
    assert reply["summary"].startswith("Sans cette précision, voici ce que prévoit la loi")
    assert "L1237-1" in {citation["number"] for citation in reply["citations"]}
    assert reply["clarification"] is None


@pytest.mark.parametrize(
    "given", [{"agreement": "1486"}, {"profile": {"agreement": {"idcc": "1486"}}}]
)
async def test_an_agreement_that_was_given_is_not_asked_for(
    app: Any, given: dict[str, object]
) -> None:
    reply = await Conversation(app).ask(NOTICE, **given)

    assert known(reply)["agreement"]["idcc"] == "1486"
    assert "convention" not in (reply["clarification"] or {"question": ""})["question"]


async def test_facts_of_a_form_are_known_until_a_message_tells_others(app: Any) -> None:
    talk = Conversation(app)
    reply = await talk.ask("En fait je suis en CDI. " + NOTICE, profile={"contract": "cdd"})
    other = await talk.ask(NOTICE, profile={"headcount": 12})

    assert known(reply)["contract"] == "cdi"
    assert known(other)["headcount"] == 12


async def test_two_questions_of_one_message_get_two_answers(app: Any, library: Any) -> None:
    reply = await Conversation(app).ask(
        f"{NOTICE} Et combien de temps dure la période d'essai d'un cadre ?"
    )

    numbers = [citation["number"] for citation in reply["citations"]]
    first, second = reply["summary"].split("**Et combien de temps dure la période d'essai")
    assert len(library.asked) == 2
    assert {"L1237-1", "L1221-19"} <= set(numbers)
    assert f"[{numbers.index('L1237-1') + 1}]" in first + reply["response"]
    assert second.strip()
    for section in reply["sections"]:
        assert all(1 <= number <= len(numbers) for number in section["citations"])


async def test_a_model_reads_short_answers_of_earlier_turns_without_their_closing_lines(
    running_app: Any,
) -> None:
    engine = ScriptedEngine("Deux mois [1].")
    async with running_app(engine) as app:
        talk = Conversation(app)
        first = await talk.ask(NOTICE)
        await talk.ask("et pour un cadre ?")

    answer = next(turn for turn in engine.prompts[-1].messages if turn.role == "assistant").content
    assert "Deux mois" in answer
    assert first["notice"] not in answer
    assert "27 mars 2026" not in answer


async def test_who_asks_reads_what_the_conversation_has_told(app: Any) -> None:
    talk = Conversation(app)
    nothing = await talk.ask("Que savez-vous de moi ?")
    await talk.ask(f"Je suis cadre depuis 3 ans et 6 mois, convention Syntec. {NOTICE}")
    told = await talk.ask("Qu'est-ce que tu sais de moi ?")

    assert "rien appris" in nothing["summary"]
    for words in ("IDCC 1486", "ancienneté : 3 ans, 6 mois", "catégorie : cadre"):
        assert words in told["summary"]
    assert known(told)["agreement"]["idcc"] == "1486"
