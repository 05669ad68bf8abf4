"""What a reviewer decides about a mail, and the history shown to an operator."""
