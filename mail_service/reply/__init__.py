"""Our replies: what may be sent without review, how it is written, and how it is delivered."""
