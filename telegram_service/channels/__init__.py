"""The services people write from: one room each, one protocol."""
