"""Messages out to Telegram: formatted, paced, at most once."""
