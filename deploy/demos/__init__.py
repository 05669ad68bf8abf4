"""`./neo demo`: a conversation and a mailbox to watch."""
