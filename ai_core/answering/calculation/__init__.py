"""Calculations within a conversation: facts told become inputs, and a result becomes an answer."""
