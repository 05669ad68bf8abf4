"""JSON schemas that answers follow: what is accepted, and the grammar that enforces it."""
