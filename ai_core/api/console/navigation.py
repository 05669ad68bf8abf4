"""The screens of the desk in the order of the navigation; a role sees those it may read."""

from collections.abc import Callable
from typing import NamedTuple

from ai_core.console.roles import Action


class Section(NamedTuple):
    """A screen in the navigation: its address, its action, the key of its label."""

    path: str
    action: Action
    label: str


SECTIONS = (
    Section("/console/today", Action.TODAY_READ, "nav_today"),
    Section("/console/questions", Action.QUESTIONS_READ, "nav_questions"),
    Section("/console/knowledge", Action.KNOWLEDGE_READ, "nav_knowledge"),
    Section("/console/channels", Action.CHANNELS_READ, "nav_channels"),
    Section("/console/models", Action.MODELS_READ, "nav_models"),
    Section("/console/keys", Action.KEYS_READ, "nav_keys"),
    Section("/console/law", Action.LAW_READ, "nav_law"),
    Section("/console/accounts", Action.ACCOUNTS_READ, "nav_accounts"),
    Section("/console/audit", Action.AUDIT_READ, "nav_audit"),
)
"""The first one a role may read is where it arrives after signing in."""


def sections_for(may: Callable[[Action], bool]) -> list[Section]:
    """Return the screens that somebody may read."""
    return [section for section in SECTIONS if may(section.action)]
