"""Computes a calculator from the inputs of a request, as the service does."""

from datetime import date

from ai_core.calculators.catalogue import compute
from ai_core.calculators.records import Calculation
from ai_core.calculators.rulebook import RuleBook

AS_OF = date(2026, 11, 30)
FLORISTS = """
idcc = "9001"
name = "Fleuristes d'essai"
checked_on = 2026-11-30
[clauses."5"]
id = "KALIARTI000000000001"
cid = "KALIARTI000000000001"
title = "Article 5"
"""
"""The head of an invented agreement's rule file."""


def computed(calculator: str, idcc: str | None = None, **inputs: object) -> Calculation:
    """Return the result for an agreement, or for the Code alone."""
    return compute(calculator, idcc, AS_OF, inputs, RuleBook())
