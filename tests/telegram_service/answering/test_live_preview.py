"""What is seen while an answer is awaited."""

import pytest

from telegram_service.answering import live_preview
from telegram_service.emulators.telegram.account import DRAFT_S
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 11
PLACE = "⏳ Votre question est la n° 3 de la file d'attente : encore 42 s environ."


async def test_a_draft_is_renewed_before_telegram_hides_it(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The times are shortened alike: the first word comes after a draft would have vanished."""
    assert live_preview.RENEW_DRAFT_S + live_preview.MAX_PAUSE_S < DRAFT_S - 5
    monkeypatch.setattr(live_preview, "RENEW_DRAFT_S", 0.3)
    monkeypatch.setattr(live_preview, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(live_preview, "MAX_PAUSE_S", 0.1)
    app.account.draft_s = 2.0
    app.ai.script.pause_s, app.ai.script.piece_characters = 3.0, 10_000
    [answer] = await app.ask(ALICE, "Quel préavis ?")
    assert answer["text"].startswith("La réponse")
    assert app.account.drafts_lapsed == 0
    assert len(app.account.shown_drafts) >= 3


async def test_the_wait_for_the_model_is_told_before_the_text_and_below_what_is_there(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_preview, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(live_preview, "MAX_PAUSE_S", 0.1)
    app.ai.script.answer, app.ai.script.piece_characters = "Le Code dit.\n\nEn bref.", 14
    app.ai.script.queued = {0: (2, 41.2), 1: (0, None)}
    app.ai.script.pause_s = 1.0
    [answer] = await app.ask(ALICE, "Quel préavis ?")
    drafts = [text for _, text in app.account.shown_drafts]
    assert any(text.startswith(PLACE) for text in drafts)
    assert any(text.startswith("Le Code dit.") and "la n° 1 de la file" in text for text in drafts)
    assert answer["text"].startswith("Le Code dit.\n\nEn bref.")
    assert "file d'attente" not in answer["text"]
