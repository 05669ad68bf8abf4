"""The settings: chosen in their own menus, the collective agreement by its name or its number."""

import pytest

from shared.ai.contract import AgreementReply, AgreementTaken
from shared.ai.scripted import AGREEMENTS, ScriptedShape
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 11
GROUP = -1001
SYNTEC = "Convention inventée des bureaux (Syntec) (IDCC 1486)"


def told(agreement: AgreementReply, basis: str = "name") -> ScriptedShape:
    return ScriptedShape(
        agreement=AgreementTaken.model_validate({"basis": basis, "agreement": agreement})
    )


def labels(message: dict) -> list[str]:  # type: ignore[type-arg]
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


async def test_an_agreement_is_chosen_by_name_or_number_and_shown_by_name(app: RunningApp) -> None:
    [by_name] = await app.ask(ALICE, "/settings syntec")
    assert SYNTEC in by_name["text"]
    [shown] = await app.ask(ALICE, "/settings")
    assert f"Convention collective : {SYNTEC}" in shown["text"]
    [none] = await app.ask(ALICE, "/settings 0")
    assert "aucune convention collective" in none["text"]
    [by_number] = await app.ask(ALICE, "/settings 1486")
    assert SYNTEC in by_number["text"]
    await app.ask(ALICE, "Quel préavis ?")
    assert app.ai.asked[-1].agreement == "1486"
    [not_held] = await app.ask(ALICE, "/settings boulangeries")
    assert "Je n'en ai pas le texte" in not_held["text"]


async def test_an_unknown_agreement_is_refused_with_what_to_type(app: RunningApp) -> None:
    for written in ("9999", "xyz"):
        [refused] = await app.ask(ALICE, f"/settings {written}")
        assert written in refused["text"]
        assert "rien n'est changé" in refused["text"]
        assert "/settings 1486" in refused["text"]
    await app.ask(ALICE, "Quel préavis ?")
    assert app.ai.asked[-1].agreement is None


async def test_a_name_of_several_agreements_gets_a_button_for_each_and_one_to_cancel(
    app: RunningApp,
) -> None:
    [which] = await app.ask(ALICE, "/settings inventée")
    assert labels(which)[-1] == "Annuler"
    assert len(labels(which)) == len(AGREEMENTS) + 1
    await app.tap(ALICE, "transports")
    assert "IDCC 0016" in app.account.texts(ALICE)[-1]
    await app.ask(ALICE, "/settings inventée")
    await app.tap(ALICE, "Annuler")
    assert app.account.texts(ALICE)[-1] == "Annulé : rien n'a changé."
    await app.ask(ALICE, "Quel préavis ?")
    assert app.ai.asked[-1].agreement == "0016"


async def test_a_number_is_kept_while_ai_core_is_away_and_dropped_when_it_is_wrong(
    app: RunningApp,
) -> None:
    app.ai.script.status = 404  # as ai_core answers a question with an unknown agreement
    [kept] = await app.ask(ALICE, "/settings 1486")
    assert "IDCC 1486" in kept["text"]


async def test_retention_and_length_show_their_choices_before_they_change(app: RunningApp) -> None:
    await app.ask(ALICE, "/settings")
    await app.tap(ALICE, "Délai d'effacement")
    [menu] = app.account.written(ALICE)
    assert labels(menu) == ["▫️ 7 jours", "✅ 30 jours", "▫️ 90 jours", "↩ Retour"]
    await app.tap(ALICE, "Retour")
    assert "gardé 30 jours" in app.account.texts(ALICE)[0]
    await app.tap(ALICE, "Délai d'effacement")
    await app.tap(ALICE, "90 jours")
    assert "gardé 90 jours" in app.account.texts(ALICE)[0]
    await app.tap(ALICE, "Longueur")
    await app.tap(ALICE, "Courte")
    assert "Longueur des réponses : courte" in app.account.texts(ALICE)[0]
    await app.tap(ALICE, "Fermer")
    [closed] = app.account.written(ALICE)
    assert labels(closed) == []
    assert "gardé 90 jours" in closed["text"]


async def test_the_agreement_of_an_answer_is_kept_said_and_undone(app: RunningApp) -> None:
    app.ai.script.shape = told(AGREEMENTS[0])
    [answer] = await app.ask(ALICE, "Quel préavis dans ma convention Syntec ?")
    assert "Je garde cette convention collective" in answer["text"]
    assert "IDCC 1486" in answer["text"]
    [settings] = await app.ask(ALICE, "/settings")
    assert SYNTEC in settings["text"]
    app.ai.script.shape = told(AGREEMENTS[1])
    [other] = await app.ask(ALICE, "Et dans les transports ?")
    assert "Je garde cette convention" not in other["text"]
    assert app.ai.asked[-1].agreement == "1486"
    await app.tap(ALICE, "Pas la mienne")
    app.ai.script.shape = told(AGREEMENTS[0])
    [again] = await app.ask(ALICE, "Et la prime de vacances Syntec ?")
    assert "Je garde cette convention" not in again["text"]
    assert app.ai.asked[-1].agreement is None


async def test_a_company_and_a_group_set_no_agreement(app: RunningApp) -> None:
    app.ai.script.shape = told(AGREEMENTS[0], "company")
    [answer] = await app.ask(ALICE, "Je travaille chez eux, quel préavis ?")
    assert "Je garde cette convention" not in answer["text"]
    app.ai.script.shape = told(AGREEMENTS[0])
    for _ in range(2):
        await app.ask(GROUP, "@CodeDuTravailNeoBot préavis Syntec ?", person=ALICE)
    assert app.ai.asked[-1].agreement is None
