"""Loads the models of letters in a sandbox whose function then tries to overstep."""

from shared.reading import scan_child


def prepare() -> None:
    scan_child.prepare(thai_weights="/nowhere")
