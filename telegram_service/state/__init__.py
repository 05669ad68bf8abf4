"""What the bot remembers of people and chats: Redis first, Postgres behind."""
