"""/article L1234-1, and the buttons under an answer: the text in force, its date and its link."""

from shared.errors import BadInput, NotFound, Unavailable
from telegram_service.answering.update_context import UpdateContext

MAX_NUMBER = 24


async def run(context: UpdateContext, arguments: str) -> None:
    """Show an article by its number."""
    if not arguments:
        await context.reply("article_which")
        return
    await show(context, arguments.upper().replace(" ", "").replace("L.", "L")[:MAX_NUMBER])


async def on_button(context: UpdateContext, value: str) -> None:
    """Show the article whose button was pressed."""
    await show(context, value)


async def show(context: UpdateContext, number: str) -> None:
    """Send an article."""
    if not number.replace("-", "").isalnum():
        await context.reply("article_which")
        return
    try:
        article = await context.services.ai.article(number)
    except (NotFound, BadInput):
        await context.reply("article_unknown", number=number)
        return
    except Unavailable:
        await context.reply("ai_away")
        return
    await context.reply(
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
