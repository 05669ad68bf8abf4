"""What is seen while an answer is awaited."""

import pytest

from telegram_service.answering import live_preview
from telegram_service.emulators.telegram.account import DRAFT_S
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 11


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
