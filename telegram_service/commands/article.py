"""/article L1234-1, and the buttons under an answer: the text in force, its date and its link.

A number is read as people type it: "l. 1234-1", "art. L1234‑1" with any dash, "1234-1" without its
letter, which is then looked for among laws (L) and decrees (R, D).
"""

import asyncio
import re

from shared.ai.contract import ArticleReply
from shared.errors import BadInput, NotFound, Unavailable
from shared.privacy.folding import fold
from telegram_service.answering.update_context import UpdateContext

KINDS = ("L", "R", "D")
"""Laws, decrees of the Conseil d'État, other decrees."""
MOST_CHARACTERS = 200
MOST_ARTICLES = 3
_NUMBER = re.compile(
    r"(?<![a-z0-9])(?:(?P<kind>[lrd])\W{0,4})?(?P<digits>[0-9]{1,4}(?: ?- ?[0-9]{1,4}){0,5})(?!\d)"
)


async def run(context: UpdateContext, arguments: str) -> None:
    """Show the articles that are named, at most three."""
    numbers = article_numbers(arguments)
    if not numbers:
        await context.reply("article_which")
    for number in numbers:
        await show(context, number)


async def on_button(context: UpdateContext, value: str) -> None:
    """Show the article whose button was pressed."""
    await show(context, value)


def article_numbers(written: str) -> list[str]:
    """Return the article numbers in a text, as the Code writes them; without a letter if none is
    given.

    A number alone ("article 12") counts only with its letter or with a dash.
    """
    found = []
    for match in _NUMBER.finditer(fold(written[:MOST_CHARACTERS]).folded):
        digits = match["digits"].replace(" ", "")
        if match["kind"] or "-" in digits:
            found.append(f"{(match['kind'] or '').upper()}{digits}")
    return list(dict.fromkeys(found))[:MOST_ARTICLES]


async def show(context: UpdateContext, number: str) -> None:
    """Send an article; where several bear its digits, ask which, with a button each."""
    names = [number] if number[0].isalpha() else [f"{kind}{number}" for kind in KINDS]
    try:
        found = [
            article
            for article in await asyncio.gather(*(look_up(context, name) for name in names))
            if article
        ]
    except Unavailable:
        await context.reply("ai_away")
        return
    if not found:
        await context.reply("article_unknown", number=number)
    elif len(found) == 1:
        await send(context, found[0])
    else:
        buttons = tuple(context.button(one.number, "art", one.number) for one in found)
        await context.reply("article_which_of", (buttons,), number=number)


async def look_up(context: UpdateContext, number: str) -> ArticleReply | None:
    """Return the article in force, None where there is none. Raises Unavailable."""
    try:
        return await context.services.ai.article(number)
    except (NotFound, BadInput):
        return None


async def send(context: UpdateContext, article: ArticleReply) -> None:
    """Send an article's text, once."""
    text = context.say(
        "article",
        number=article.number,
        section=" › ".join(article.section_path[-2:]) or article.title,
        text=literal(article.text),
        since=f"{article.in_force_since:%d/%m/%Y}",
        url=article.url,
    )
    await context.send_markdown(f"article/{article.number}", text)


def literal(text: str) -> str:
    """Return Markdown that shows `text` as it is: the law is not markup."""
    for sign in "\\*_`[]#>|~":
        text = text.replace(sign, f"\\{sign}")
    return text
