"""Who may enter and how much: API keys, rate limits, idempotency."""
