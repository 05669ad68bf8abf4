"""The roles of accounts, the actions of the desk, and the matrix that says which role may do what.

The matrix is data: roles.toml.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

FILE = Path(__file__).parent / "roles.toml"


class Role(StrEnum):
    """What an account is for, the most trusted first."""

    OWNER = "owner"
    OPERATOR = "operator"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    READER = "reader"


class Action(StrEnum):
    """What a route of the desk shows or does: each route declares one."""

    OWN_READ = "own.read"
    OWN_CHANGE = "own.change"
    TODAY_READ = "today.read"
    QUESTIONS_READ = "questions.read"
    QUESTIONS_JUDGE = "questions.judge"
    KNOWLEDGE_READ = "knowledge.read"
    KNOWLEDGE_EDIT = "knowledge.edit"
    KNOWLEDGE_PUBLISH = "knowledge.publish"
    CHANNELS_READ = "channels.read"
    CHANNELS_REPLAY = "channels.replay"
    LETTERS_READ = "letters.read"
    LETTERS_DECIDE = "letters.decide"
    MODELS_READ = "models.read"
    MODELS_CHANGE = "models.change"
    KEYS_READ = "keys.read"
    KEYS_CHANGE = "keys.change"
    LAW_READ = "law.read"
    LAW_UPDATE = "law.update"
    ACCOUNTS_READ = "accounts.read"
    ACCOUNTS_CHANGE = "accounts.change"
    AUDIT_READ = "audit.read"


Matrix = Mapping[Action, frozenset[Role]]


def read_matrix() -> Matrix:
    """Read roles.toml. Raises ValueError where it and `Action` name different actions."""
    written = tomllib.loads(FILE.read_text(encoding="utf-8"))
    rows = {
        f"{subject}.{verb}": frozenset(map(Role, roles))
        for subject, verbs in written.items()
        for verb, roles in verbs.items()
    }
    if unlike := set(rows) ^ set(Action):
        raise ValueError(f"{FILE.name} and Action disagree about {', '.join(sorted(unlike))}")
    return MappingProxyType({Action(name): roles for name, roles in rows.items()})


MATRIX = read_matrix()
