"""Named SQL statements with named parameters, read from the .sql file beside a module.

A statement follows a line `-- name: …`; `:parameter` becomes $1, $2, … of asyncpg. Alternatives:
docs/decisions/0097-sql-files-with-named-parameters.md.
"""

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from shared.stores.postgres import Row

NAME = re.compile(r"^-- name: ([a-z_]+)\n", re.MULTILINE)
PARAMETER = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")
"""A colon that is not part of a cast (`::bigint`)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement for asyncpg, and the names of its parameters in the order of their numbers."""

    text: str
    parameters: tuple[str, ...]

    @classmethod
    def parse(cls, source: str) -> "Statement":
        """Number the parameters of `source`; one that occurs twice has one number."""
        parameters = tuple(dict.fromkeys(PARAMETER.findall(source)))
        text = PARAMETER.sub(lambda match: f"${parameters.index(match[1]) + 1}", source)
        return cls(text.strip(), parameters)

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """Return `values` in the order of the numbers. Raises TypeError for wrong names."""
        if values.keys() != set(self.parameters):
            raise TypeError(f"parameters are {self.parameters}, not {tuple(values)}")
        return [values[name] for name in self.parameters]


class Statements:
    """The statements of one file, run by name on a connection.

    Every method returns asyncpg's own awaitable, and raises KeyError for an unknown name and
    TypeError for wrong parameters.
    """

    def __init__(self, named: Mapping[str, Statement]) -> None:
        self._named = named

    @classmethod
    def beside(cls, module_file: str) -> "Statements":
        """Read the .sql file with the name of the module."""
        source = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")
        _, *parts = NAME.split(source)
        named = zip(parts[::2], parts[1::2], strict=True)
        return cls({name: Statement.parse(text) for name, text in named})

    def fetch(
        self, db: asyncpg.Connection, name: str, /, **values: object
    ) -> Awaitable[Sequence[Row]]:
        """Return every row."""
        rows: Awaitable[Sequence[Row]] = db.fetch(*self._query(name, values))
        return rows

    def fetch_row(
        self, db: asyncpg.Connection, name: str, /, **values: object
    ) -> Awaitable[Row | None]:
        """Return the first row, or None."""
        row: Awaitable[Row | None] = db.fetchrow(*self._query(name, values))
        return row

    def fetch_value(self, db: asyncpg.Connection, name: str, /, **values: object) -> Awaitable[Any]:
        """Return the first column of the first row, or None."""
        value: Awaitable[Any] = db.fetchval(*self._query(name, values))
        return value

    def execute(self, db: asyncpg.Connection, name: str, /, **values: object) -> Awaitable[object]:
        """Run a statement without a result."""
        done: Awaitable[object] = db.execute(*self._query(name, values))
        return done

    def _query(self, name: str, values: Mapping[str, object]) -> tuple[Any, ...]:
        statement = self._named[name]
        return (statement.text, *statement.arguments(values))
