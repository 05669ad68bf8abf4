"""The engine that quotes the law and needs no model."""
