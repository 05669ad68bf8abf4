"""What is wrong with an entry: the kind of fault, its place in the file, and the facts.

`str` says it in English, for a terminal; the desk has sentences of its own for each kind
(`texts/console/entry_form.toml`, `entry_fault_KIND`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_ENGLISH = {
    "same_keys": "two have the same key",
    "unused_source": "no text refers to [{key}]",
    "unknown_mark": "[{mark}] is no source",
    "no_mark": "refers to no source",
    "unfounded_figure": "no fragment says {figure} {unit}",
    "not_written": "is not written in {language}",
    "too_long": "{language}: {length} characters, at most {most}",
    "other_marks": "{language}: other marks than the French text",
    "figure_missing": "{language}: does not say {figure} {unit}",
    "figure_added": "{language}: says {figure} {unit}, which the French text does not",
    "other_script": "{language}: is in another script",
    "digits_missing": "{language}: does not say {figure} in digits",
    "phrasing_twice": "{text!r} twice",
    "phrasings_unanswered": "the answer is not written in {language}",
    "test_among_phrasings": "{text!r} is among the phrasings",
    "too_few_phrasings": "{count}, at least {least}",
    "several_files": "{count} files",
    "unknown_related": "no other entry is {related}",
    "phrasing_elsewhere": "{other} has the phrasing {text!r}",
}
KINDS = frozenset(_ENGLISH)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `place` is as `conditions[2]` or `phrasings.en`, empty for the whole entry."""

    kind: str
    place: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in English, with its place."""
        said = _ENGLISH[self.kind].format(**self.facts)
        return f"{self.place}: {said}" if self.place else said


def fault(kind: str, place: str = "", **facts: str | int) -> Fault:
    """Return a fault with its facts."""
    return Fault(kind, place, facts)
