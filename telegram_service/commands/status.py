"""/status: does ai_core answer, with which model and law, and how much waits."""

from shared.errors import AppError
from telegram_service.answering.update_context import Turn


async def run(turn: Turn, _words: str) -> None:
    """Look and tell."""
    answers, corpus_date = "answers_work", turn.say("unknown")
    try:
        health = await turn.parts.ai.health()
    except AppError:
        answers = "answers_down"
    else:
        corpus_date = f"{health.corpus.law_date:%d/%m/%Y}" if health.corpus else corpus_date
    numbers = await turn.parts.counter.read()
    await turn.reply(
        "status",
        answers=turn.say(answers),
        model=turn.chosen.model or turn.say("default_model"),
        corpus_date=corpus_date,
        waiting=max(0, numbers.waiting - 1),
    )
