"""The extractive engine: it quotes the law and needs no model."""
