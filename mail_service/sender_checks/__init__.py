"""Whether the sender is who they say, and how spammy the mail is."""
