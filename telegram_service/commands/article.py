"""/article L1234-1, and the buttons under an answer: the text in force, its date and its link."""

from shared.errors import BadInput, NotFound, Unavailable
from telegram_service.answering.update_context import Turn

LONGEST_NUMBER = 24


async def run(turn: Turn, words: str) -> None:
    """Show the article that is named."""
    if not words:
        await turn.reply("article_which")
        return
    await show(turn, words.upper().replace(" ", "").replace("L.", "L")[:LONGEST_NUMBER])


async def tapped(turn: Turn, value: str) -> None:
    """Show the article of a button."""
    await show(turn, value)


async def show(turn: Turn, number: str) -> None:
    """Send an article."""
    if not number.replace("-", "").isalnum():
        await turn.reply("article_which")
        return
    try:
        article = await turn.parts.ai.article(number)
    except (NotFound, BadInput):
        await turn.reply("article_unknown", number=number)
        return
    except Unavailable:
        await turn.reply("ai_away")
        return
    await turn.reply(
        "article",
        number=article.number,
        section=" › ".join(article.section_path[-2:]) or article.title,
        text=literal(article.text),
        since=f"{article.in_force_since:%d/%m/%Y}",
        url=article.url,
    )


def literal(text: str) -> str:
    """Return Markdown that shows `text` as it is: the law is not markup."""
    for sign in "\\*_`[]#>|~":
        text = text.replace(sign, f"\\{sign}")
    return text
