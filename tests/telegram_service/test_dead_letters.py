"""Dead letters: listed without content, shown with the key file, tried again, dropped."""

import io

import pytest

from shared.privacy.encryption import new_key_file
from telegram_service import dead_letters
from telegram_service.queue.dead_letters import DeadLetters
from telegram_service.settings import Settings
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 7_300_000_011  # long: what is sealed holds short ones by chance


async def run(settings: Settings, action: str, *ids: str) -> tuple[int, str]:
    out = io.StringIO()
    status = await dead_letters.run(settings, action, ids, out)
    return status, out.getvalue()


async def test_a_letter_is_listed_shown_replayed_and_answered(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telegram_service.worker.RETRY_AFTER_FAILURE_S", 0.01)
    assert await run(app.settings, "list") == (0, "no dead letters\n")

    async def broken(*_args: object, **_more: object) -> None:
        raise KeyError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr("telegram_service.bot.converse", broken)
        await app.ask(ALICE, "Une question secrète ?")
    assert "une erreur de ma part" in app.account.texts(ALICE)[-1]

    letters = DeadLetters(app.services.redis, app.services.queue)
    [letter] = await letters.all()
    _, listed = await run(app.settings, "list")
    assert letter.id in listed
    assert "failures" in listed
    assert "secrète" not in listed
    assert str(ALICE) not in listed.partition("chat")[2]

    await app.ask(ALICE, "/stop")
    await app.ask(ALICE, "Une autre question ?")
    status, said = await run(app.settings, "replay", letter.id)
    assert (status, said) == (0, f"{letter.id}: queued again\n")
    await app.settled()
    assert app.ai.asked[-1].messages[-1].content == "Une question secrète ?"
    assert app.account.texts(ALICE)[-1].startswith("La réponse")
    statistics = await app.services.counters.read()
    assert (statistics.lost, statistics.counts.get("disordered", 0)) == (0, 0)
    assert await letters.all() == []
    status, said = await run(app.settings, "replay", letter.id)
    assert (status, said) == (1, f"{letter.id}: no such letter\n")


async def test_letters_are_dropped_one_by_one_or_all(app: RunningApp) -> None:
    for _ in range(3):
        app.account.say(ALICE, "Poison", date="no date at all")
    await app.settled(timeout_s=60)
    letters = DeadLetters(app.services.redis, app.services.queue)
    first, *_ = await letters.all()
    status, said = await run(app.settings, "drop", first.id)
    assert (status, said) == (0, f"{first.id}: dropped\n")
    assert len(await letters.all()) == 2
    assert (await run(app.settings, "drop", "all"))[0] == 0
    assert await letters.all() == []


async def test_a_letter_is_shown_with_the_key_file_alone(
    app: RunningApp, tmp_path_factory: pytest.TempPathFactory
) -> None:
    app.account.say(ALICE, "Une question secrète ?", date="no date at all")
    await app.settled()
    [letter] = await DeadLetters(app.services.redis, app.services.queue).all()
    status, shown = await run(app.settings, "show", letter.id)
    assert (status, "Une question secrète ?" in shown) == (0, True)
    other = tmp_path_factory.mktemp("other") / "key"
    other.write_text(new_key_file())
    store = app.settings.store.model_copy(update={"key_file": other})
    wrong_key = app.settings.model_copy(update={"store": store})
    status, shown = await run(wrong_key, "show", letter.id)
    assert (status, "secrète" in shown) == (1, False)
