"""A thumb leaves its trace under the answer, and the sources stay."""

import pytest

from tests.mail_service.polling import becomes
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 11
URL = "https://www.legifrance.gouv.fr/fiche"


def rows(app: RunningApp) -> list[list[str]]:
    [answer] = app.account.written(ALICE)
    keyboard = answer["reply_markup"]["inline_keyboard"]
    return [[button["text"] for button in row] for row in keyboard]


async def test_a_thumb_reaches_ai_core_the_last_one_and_also_after_it_was_away(
    app: RunningApp,
) -> None:
    await app.ask(ALICE, "Quel préavis ?")
    app.ai.script.status = 503
    await app.tap(ALICE, "👍")
    await app.tap(ALICE, "👎")
    await app.tap(ALICE, "Pas clair")
    assert app.ai.judged == []
    app.ai.script.status = 200

    def arrived() -> bool:
        return bool(app.ai.judged) and app.ai.judged[-1].reason == "unclear"

    assert await becomes(arrived, 60.0)
    given = {(one.answer_id, one.verdict, one.voter) for one in app.ai.judged}
    assert len({(answer, voter) for answer, _, voter in given}) == 1
    assert app.ai.judged[-1].verdict == "down"
    assert str(ALICE) != app.ai.judged[-1].voter


async def test_a_thumb_is_marked_may_change_and_never_takes_the_sources_away(
    app: RunningApp,
) -> None:
    fiche = {"kind": "fiche", "number": "", "title": "Fiche", "url": URL}
    source = app.ai.script.citations[0]
    app.ai.script.citations = (source, source.model_copy(update=fiche))
    await app.ask(ALICE, "Quel préavis ?")
    sources = rows(app)[0]
    assert sources == ["L9999-1", "Fiche"]
    await app.tap(ALICE, "👍")
    assert rows(app) == [sources, ["👍 ✓", "👎"]]
    await app.tap(ALICE, "👎")
    assert rows(app) == [
        sources,
        ["C'est faux", "Mauvaise source"],
        ["Pas clair", "Hors sujet"],
        ["👍", "👎 ✓"],
    ]
    await app.tap(ALICE, "Pas clair")
    assert rows(app) == [sources, ["👍", "👎 ✓"]]
    [answer] = app.account.written(ALICE)
    assert answer["reply_markup"]["inline_keyboard"][0][1]["url"] == URL
