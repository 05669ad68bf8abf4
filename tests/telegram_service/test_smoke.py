"""What the quick lane asks of the whole bot: a command and two questions."""

from pathlib import Path

from tests.shared.privacy.fake_spacy import fake_spacy_in
from tests.telegram_service.running_app import RunningApp, running

ALICE = 11


async def test_start_says_who_this_is_and_that_it_is_an_ai(app: RunningApp) -> None:
    [hello] = await app.ask(ALICE, "/start")
    assert "intelligence artificielle" in hello["text"]
    assert any(entity["type"] == "bold" for entity in hello["entities"])


async def test_a_question_is_answered_with_its_sources_and_the_notice(app: RunningApp) -> None:
    [answer] = await app.ask(ALICE, "Quel préavis ?")
    assert answer["text"].startswith("La réponse est dans l'article L9999-1 [1].")
    assert "Réponse d'une IA" in answer["text"]
    labels = [b["text"] for row in answer["reply_markup"]["inline_keyboard"] for b in row]
    assert labels == ["L9999-1", "👍", "👎"]


async def test_personal_data_are_masked_before_they_leave_and_the_person_is_told(
    app: RunningApp,
) -> None:
    app.ai.script.echo = True
    [answer] = await app.ask(ALICE, "Mon adresse est jeanne@example.org, que faire ?")
    assert app.ai.asked[0].messages[-1].content == "Mon adresse est <EMAIL_1>, que faire ?"
    assert "Masqué avant envoi : 1 × adresse électronique" in answer["text"]


async def test_every_kind_that_is_masked_can_be_told(app: RunningApp) -> None:
    app.ai.script.echo = True
    data = "Mme Moreau, 732 829 320 00074, AB-123-CD, CAF n° 1234567"
    [answer] = await app.ask(ALICE, f"Quel préavis ? {data}")
    for kind in ("nom de personne", "SIRET", "plaque d'immatriculation", "numéro de dossier"):
        assert f"1 × {kind}" in answer["text"]
    assert "Moreau" not in app.ai.asked[0].messages[-1].content


async def test_a_name_that_the_model_finds_does_not_leave_and_is_told(
    redis_url: str, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    with fake_spacy_in(tmp_path):
        names = {"names": True}
        async with running(redis_url, database_url, key_file, privacy=names) as app:
            app.ai.script.echo = True
            [answer] = await app.ask(ALICE, "Ma collègue Lucie Moreau part, quel préavis ?")

    assert app.ai.asked[0].messages[-1].content == "Ma collègue <NOM_1> part, quel préavis ?"
    assert "Lucie Moreau" in answer["text"]
    assert "Masqué avant envoi : 1 × nom de personne" in answer["text"]
