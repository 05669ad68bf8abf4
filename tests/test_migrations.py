"""A migration must leave the version before it working: then a service can be upgraded and rolled
back while it serves. One that cannot says so in its name, `NNNN_break_…`, and needs a stop.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TAKES_AWAY = re.compile(
    r"\b(?:DROP|RENAME|TRUNCATE)\b|\bDELETE\s+FROM\b|\bALTER\s+COLUMN\b.*\b(?:TYPE|SET\s+NOT\s+NULL)\b"
    r"|\bADD\s+(?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)\b|\bCREATE\s+UNIQUE\b",
    re.IGNORECASE,
)
NEW_COLUMN = re.compile(r"\bADD\s+COLUMN\b", re.IGNORECASE)
DEMANDS = re.compile(r"\bNOT\s+NULL\b", re.IGNORECASE)
GIVES = re.compile(r"\bDEFAULT\b|\bGENERATED\b", re.IGNORECASE)


def faults(statements: str) -> list[str]:
    """Return the statements that the version before would not survive."""
    bare = re.sub(r"--[^\n]*", "", statements)
    found = []
    for statement in (" ".join(text.split()) for text in bare.split(";")):
        columns = [part for part in statement.split(",") if NEW_COLUMN.search(part)]
        greedy = any(DEMANDS.search(part) and not GIVES.search(part) for part in columns)
        if TAKES_AWAY.search(statement) or greedy:
            found.append(statement)
    return found


def later_migrations() -> list[Path]:
    files = sorted(ROOT.glob("*_*/**/migrations/*.sql"))
    return [file for file in files if not file.name.startswith("0001_")]


def test_every_later_migration_only_adds_or_says_that_it_breaks() -> None:
    assert list(ROOT.glob("ai_core/records/migrations/0001_*.sql"))
    guilty = {file: faults(file.read_text()) for file in later_migrations()}
    assert not [file for file, found in guilty.items() if found and "_break_" not in file.name]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE mails DROP COLUMN body",
        "ALTER TABLE mails RENAME COLUMN body TO text",
        "ALTER TABLE mails ALTER COLUMN id TYPE bigint",
        "ALTER TABLE mails ALTER COLUMN body SET NOT NULL",
        "ALTER TABLE mails ADD COLUMN a int DEFAULT 1, ADD COLUMN b int NOT NULL",
        "ALTER TABLE mails ADD CONSTRAINT short CHECK (length(body) < 9)",
        "CREATE UNIQUE INDEX ON mails (body)",
        "delete from mails",
    ],
)
def test_what_the_version_before_would_not_survive_is_seen(statement: str) -> None:
    assert faults(f"-- a comment; DROP\nCREATE TABLE more (id int NOT NULL);\n{statement};")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (id int NOT NULL)",
        "ALTER TABLE mails ADD COLUMN b int",
        "ALTER TABLE mails ADD COLUMN b int NOT NULL DEFAULT 0",
        "CREATE INDEX ON mails (body)",
        "-- DROP TABLE mails",
    ],
)
def test_what_only_adds_passes(statement: str) -> None:
    assert faults(statement) == []
