"""The categories of employees that agreements distinguish, as questions and clauses name them."""

import re
from collections.abc import Sequence
from enum import StrEnum

from ai_core.law.records import Passage, SourceKind


class Category(StrEnum):
    """A category of employees; its label is in texts/agreements.toml."""

    WORKER = "worker"
    EMPLOYEE = "employee"
    TECHNICIAN = "technician"
    SUPERVISOR = "supervisor"
    EXECUTIVE = "executive"


_NAMES = {
    Category.WORKER: r"\bouvri(?:er|ère)s?\b",
    Category.EMPLOYEE: r"(?<!suis )(?<!est )(?<!soit )(?<!être )(?<!été )\bemployée?s?\b"
    r"(?!\s+(?:par|depuis|dans|en|chez|à|au|d'immeuble|de maison))",
    Category.TECHNICIAN: r"\btechnicien(?:ne)?s?\b|\betam\b",
    Category.SUPERVISOR: r"\bagents?\s+de\s+ma[iî]trises?\b|(?<!la )\bma[iî]trises?\b(?!\s+d)"
    r"|\betam\b",
    Category.EXECUTIVE: r"(?<!non )(?<!non-)(?<!le )(?<!du )(?<!ce )(?<!au )\bcadres?\b"
    r"(?!\s+(?:d[eu'’]|légal|juridique|réglementaire|général|national))"
    r"|\bing[ée]nieurs?\b|\bpersonnels?\s+d['’]encadrement\b",
}
_PATTERNS = {category: re.compile(pattern, re.IGNORECASE) for category, pattern in _NAMES.items()}
_CLAUSES = 2
"""How many of the clauses found are looked at: those an answer quotes."""


def categories_of(text: str) -> frozenset[Category]:
    """Return the categories a text names."""
    return frozenset(category for category, name in _PATTERNS.items() if name.search(text))


def categories_titled(passage: Passage) -> frozenset[Category]:
    """Return the categories that the titles above a clause name."""
    return categories_of(" ; ".join(passage.section_path[1:]))


def categories_in(passages: Sequence[Passage]) -> tuple[Category, ...]:
    """Return the categories that the best clauses of an agreement distinguish, in their order.

    Empty where they treat all alike: a clause distinguishes when it names at least two, or when it
    stands under the title of one.
    """
    first: dict[tuple[str, tuple[str, ...]], Passage] = {}
    for one in passages:
        if one.kind is SourceKind.AGREEMENT:
            first.setdefault((one.id, one.section_path), one)
    clauses = list(first.values())[:_CLAUSES]
    named = [categories_of(one.text) for one in clauses[:1]]
    titled = [categories_titled(one) for one in clauses]
    found = frozenset().union(*(set(one) for one in named if len(one) > 1), *titled)
    return tuple(category for category in Category if category in found) if len(found) > 1 else ()
