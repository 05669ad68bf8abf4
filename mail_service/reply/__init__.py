"""Replies: confidence check, composition and delivery."""
