"""Messages out, each sent once."""
