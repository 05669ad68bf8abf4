"""Whether the facts that were told fit an entry, and each of its lines."""

from collections.abc import Iterator
from math import inf

from ai_core.knowledge.records import Applies, Line, When
from shared.ai.contract import Profile


def contradicts(applies: Applies, profile: Profile) -> bool:
    """Whether a fact that was told rules an entry out."""
    told = (
        (applies.sector, profile.sector),
        (applies.contract, profile.contract),
        (applies.role, profile.role),
        (applies.working_time, profile.working_time),
    )
    return any(allowed and value is not None and value not in allowed for allowed, value in told)


def fits(when: When, profile: Profile) -> bool | None:
    """Whether a line concerns the person: None where what was told does not say."""
    answers = list(_answers(when, profile))
    if False in answers:
        return False
    return True if answers and None not in answers else None


def _answers(when: When, profile: Profile) -> Iterator[bool | None]:
    one_of = (
        (when.contract, profile.contract),
        (when.category, profile.category),
        (when.role, profile.role),
        (when.working_time, profile.working_time),
    )
    for allowed, value in one_of:
        if allowed:
            yield None if value is None else value in allowed
    if when.events:
        yield True if set(when.events) & set(profile.events) else None
    bounds = (
        (when.seniority_months_from, when.seniority_months_below, profile.seniority_months),
        (when.headcount_from, when.headcount_below, profile.headcount),
    )
    for least, below, number in bounds:
        if least is not None or below is not None:
            yield None if number is None else (least or 0) <= number < (below or inf)


def lines_for(lines: tuple[Line, ...], profile: Profile) -> tuple[list[Line], list[Line]]:
    """Return the lines that concern the person by what was told, and the others that may."""
    judged = [(line, fits(line.when, profile)) for line in lines]
    return (
        [line for line, fit in judged if fit is True],
        [line for line, fit in judged if fit is None],
    )
