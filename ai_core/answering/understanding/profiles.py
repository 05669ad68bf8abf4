"""The profile of a conversation: the facts told in its messages, the later ones first to count."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from ai_core.answering.understanding.facts import read_facts
from ai_core.answering.understanding.owners import Fact, Standing
from ai_core.law.records import AgreementMatch, MatchBasis
from shared.ai.contract import Profile, ProfileAgreement

NOTHING = Profile()
_PAY = {"monthly_gross_pay_eur", "monthly_net_pay_eur"}
MAX_EVENTS = 9


def with_facts(profile: Profile, facts: Iterable[Fact]) -> Profile:
    """Return the profile after a message's facts."""
    values: dict[str, Any] = {name: getattr(profile, name) for name in Profile.model_fields}
    events: list[Any] = list(profile.events)
    for fact in facts:
        if fact.standing is Standing.MENTIONED:
            continue
        denied = fact.standing is Standing.DENIED
        if fact.field == "events":
            events = [event for event in events if event != fact.value]
            events += [] if denied else [fact.value]
        elif not denied:
            values[fact.field] = fact.value
        elif values[fact.field] == fact.value:
            values[fact.field] = None
    values["events"] = tuple(events[-MAX_EVENTS:])
    return Profile.model_construct(**values)


def known_fields(profile: Profile, facts: Iterable[Fact] = ()) -> frozenset[str]:
    """Return the fields that are known, those that a message only mentions among them."""
    told = {name for name in Profile.model_fields if getattr(profile, name) not in (None, ())}
    told |= {fact.field for fact in facts if fact.standing is not Standing.DENIED}
    if told & _PAY or profile.minimum_wage:
        told |= _PAY
    return frozenset(told)


def profile_of(messages: Iterable[str], today: date, given: Profile = NOTHING) -> Profile:
    """Return what messages tell, oldest first, over the facts given before them."""
    profile = given
    for message in messages:
        profile = with_facts(profile, read_facts(message, today))
    return profile


def with_agreement(profile: Profile, match: AgreementMatch | None, *, given: bool) -> Profile:
    """Return the profile with the agreement that was taken; `given`: the client gave one."""
    if match is None:
        return profile
    found = match.agreement or match.not_held
    if found is None:
        return profile
    client = given and match.basis is MatchBasis.CHOSEN
    agreement = ProfileAgreement(
        idcc=found.idcc, name=found.short_title, known_by="client" if client else "told"
    )
    return profile.model_copy(update={"agreement": agreement})


def facts_of(profile: Profile) -> Mapping[str, object]:
    """Return the known facts by field."""
    return profile.model_dump(exclude_defaults=True)
