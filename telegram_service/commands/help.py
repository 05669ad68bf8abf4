"""/help: everything the bot does; pictures and voices where the operator has their readers."""

from telegram_service.answering.update_context import UpdateContext


async def run(context: UpdateContext, _arguments: str) -> None:
    """Send the help text."""
    services = context.services
    lines = [
        context.say(key)
        for key, reads in (
            ("help_pictures", services.documents.reads_pictures),
            ("help_voice", services.recordings is not None),
        )
        if reads
    ]
    await context.reply("help", more="".join(f"\n{line}" for line in lines))
