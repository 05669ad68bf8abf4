"""One file per command: `run(turn, words)`, where `words` is what follows its name.

A command that has buttons also has `tapped(turn, value)`.
"""
