"""State of people and chats: Redis first, Postgres written behind."""
