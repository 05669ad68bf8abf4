"""telegram_service: the bot, a client of ai_core."""
