"""What a drill found: one line for a person, and whether the promise it tests was kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """One part of a drill."""

    name: str
    told: str
    kept: bool
