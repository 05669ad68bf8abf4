"""/mesdonnees tells what is kept: also where it is only a choice, a thumb or a document."""

import orjson
import pytest

from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 11


async def exported(app: RunningApp) -> tuple[str, dict]:  # type: ignore[type-arg]
    app.account.files.clear()
    await app.ask(ALICE, "/mesdonnees")
    files = app.account.files
    return files["mes-donnees.md"].decode(), orjson.loads(files["mes-donnees.json"])


async def test_choices_and_thumbs_are_exported_without_a_message(app: RunningApp) -> None:
    await app.services.store.migrate()
    [nothing] = await app.ask(ALICE, "/mesdonnees")
    assert nothing["text"] == "Je ne garde rien de vous : ni message, ni réglage, ni avis."

    await app.ask(ALICE, "/settings 1486")
    text, data = await exported(app)
    assert "IDCC 1486" in text
    assert data["preferences"]["agreement"] == "1486"
    assert data["messages"] == []


async def test_a_thumb_given_after_an_erasure_is_exported(app: RunningApp) -> None:
    await app.services.store.migrate()
    await app.ask(ALICE, "Quel préavis ?")
    await app.ask(ALICE, "/supprimer")
    await app.tap(ALICE, "Effacer mes données")
    await app.tap(ALICE, "Oui, tout effacer")
    [nothing] = await app.ask(ALICE, "/mesdonnees")
    assert "Je ne garde rien de vous" in nothing["text"]
    await app.tap(ALICE, "👍")
    text, data = await exported(app)
    assert "👍" in text
    assert [given["thumb"] for given in data["feedback"]] == [1]


async def test_the_export_says_when_a_message_will_be_erased(app: RunningApp) -> None:
    await app.services.store.migrate()
    await app.ask(ALICE, "Une question à exporter ?")
    text, _ = await exported(app)
    assert "(sera effacé le " in text
