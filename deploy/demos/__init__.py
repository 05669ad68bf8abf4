"""`./neo demo`: a conversation with the bot, and mails to a mailbox."""
