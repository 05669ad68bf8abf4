"""What a person on LINE gets."""

from tests.telegram_service.channels.line.running_line import ALICE, BOB, GROUP, RunningLine


async def test_a_question_is_answered_free_in_one_call_with_a_card_and_quick_replies(
    line: RunningLine,
) -> None:
    text, card = await line.ask(ALICE, "Quel préavis ?")
    assert text["text"].startswith("La réponse est dans l'article L9999-1 [1].")
    assert "Réponse d'une IA" in text["text"]
    assert card["altText"] == "📖 L9999-1"
    assert [item["action"]["label"] for item in card["quickReply"]["items"]] == ["👍", "👎"]
    assert {message["via"] for message in (text, card)} == {"reply"}
    assert (line.calls("/reply"), line.account.pushed) == (1, 0)
    assert line.account.loading == [(ALICE, 60)]


async def test_who_follows_is_greeted_in_the_language_of_the_app(line: RunningLine) -> None:
    [hello] = await line.seen(line.account.follow(ALICE, language="th"))
    assert "สวัสดี" in hello["text"]
    [hello] = await line.seen(line.account.follow(BOB, language="en-GB"))
    assert "artificial intelligence" in hello["text"]
    assert line.account.pushed == 0


async def test_an_article_is_shown_from_the_card(line: RunningLine) -> None:
    await line.ask(ALICE, "Quel préavis ?")
    [article] = await line.tap(ALICE, "L9999-1")
    assert "L9999-1" in article["text"]
    assert article["via"] == "reply"


async def test_a_group_is_greeted_and_answered_where_it_names_us(line: RunningLine) -> None:
    [hello] = await line.seen(line.account.join(GROUP, ALICE, BOB))
    assert hello["via"] == "reply"
    assert await line.ask(ALICE, "On mange où ?", chat=GROUP) == []
    answer, _ = await line.ask(BOB, "Quel préavis ?", chat=GROUP, mention=True)
    assert answer["text"].startswith("La réponse")
    assert line.account.loading == []
    assert line.ai.asked[-1].messages[-1].content.endswith("Quel préavis ?")
    assert "Code du Travail Neo" not in line.ai.asked[-1].messages[-1].content
