"""The categories of employees that agreements distinguish, as questions and clauses name them."""

import re
from enum import StrEnum


class Category(StrEnum):
    """A category of employees; the value names its label in texts/."""

    WORKER = "worker"
    EMPLOYEE = "employee"
    TECHNICIAN = "technician"
    SUPERVISOR = "supervisor"
    EXECUTIVE = "executive"


_NAMES = {
    Category.WORKER: r"\bouvri(?:er|ère)e?s?\b",
    Category.EMPLOYEE: r"(?<!suis )(?<!est )\bemployée?s?\b"
    r"(?!\s+(?:par|depuis|dans|en|chez|à|d'immeuble))",
    Category.TECHNICIAN: r"\btechnicien(?:ne)?s?\b|\betam\b",
    Category.SUPERVISOR: r"\b(?:agents?\s+de\s+)?ma[iî]trises?\b|\betam\b",
    Category.EXECUTIVE: r"(?<!non )(?<!non-)(?<!le )(?<!du )(?<!ce )\bcadres?\b(?!\s+d[eu'’])"
    r"|\bing[ée]nieurs?\b|\bpersonnels?\s+d'encadrement\b",
}
_PATTERNS = {category: re.compile(pattern, re.IGNORECASE) for category, pattern in _NAMES.items()}


def categories_of(text: str) -> frozenset[Category]:
    """Return the categories a text names."""
    return frozenset(category for category, name in _PATTERNS.items() if name.search(text))
