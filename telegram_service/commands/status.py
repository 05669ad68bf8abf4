"""/status: availability of ai_core, its model and date of law, and the length of the queue."""

from shared.errors import AppError
from telegram_service.answering.update_context import UpdateContext
from telegram_service.commands.models import writer


async def run(context: UpdateContext, _arguments: str) -> None:
    """Ask ai_core for its health and send the status."""
    answers, corpus_date = "answers_work", context.say("unknown")
    try:
        health = await context.services.ai.health()
    except AppError:
        answers = "answers_down"
    else:
        corpus_date = f"{health.corpus.law_date:%d/%m/%Y}" if health.corpus else corpus_date
    statistics = await context.services.counters.read()
    await context.reply(
        "status",
        answers=context.say(answers),
        writer=writer(context, context.preferences.model),
        corpus_date=corpus_date,
        waiting=max(0, statistics.waiting - 1),
    )
