"""The SQL of the ledger: every statement is valid, used, and given exactly its parameters."""

import ast
import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from mail_service import ledger
from shared.stores.postgres import Postgres
from shared.stores.statements import Statement, Statements

FOLDER = Path(ledger.__file__).parent
FILES = sorted(FOLDER.glob("*.sql"))
CALLS = {"fetch", "fetch_row", "fetch_value", "execute"}


def statements_of(file: Path) -> Mapping[str, Statement]:
    return Statements.beside(str(file))._named


def calls(module: Path) -> list[tuple[str, set[str | None]]]:
    """Return the statements a module runs, with the names of their parameters."""
    nodes = (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
    return [
        (str(ast.literal_eval(node.args[1])), {keyword.arg for keyword in node.keywords})
        for node in nodes
        if ast.unparse(node.func) in {f"SQL.{name}" for name in CALLS}
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
async def test_every_statement_is_valid_for_the_schema(file: Path, postgres: Postgres) -> None:
    statements = await asyncio.to_thread(statements_of, file)
    async with postgres.transaction() as db:
        for statement in statements.values():
            prepared = await db.prepare(statement.text)
            assert len(prepared.get_parameters()) == len(statement.parameters)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_every_statement_is_run_with_exactly_its_parameters(file: Path) -> None:
    statements = statements_of(file)
    found = calls(file.with_suffix(".py"))
    assert {name for name, _ in found} == set(statements)
    for name, parameters in found:
        assert None in parameters or parameters == set(statements[name].parameters)


def test_parameters_are_numbered_by_their_first_occurrence_and_casts_are_left_alone() -> None:
    parsed = Statement.parse("SELECT :day::date, :name, :day")
    assert parsed.text == "SELECT $1::date, $2, $1"
    assert parsed.arguments({"name": "b", "day": "a"}) == ["a", "b"]


@pytest.mark.parametrize("values", [{"day": 1}, {"day": 1, "name": 2, "more": 3}])
def test_a_missing_or_unknown_parameter_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="parameters are"):
        Statement.parse(":day :name").arguments(values)


def test_a_file_is_read_by_the_name_of_its_module(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("-- name: one\nSELECT 1\n\n-- name: two\nSELECT 2\n")
    named = statements_of(tmp_path / "a.sql")
    assert {name: each.text for name, each in named.items()} == {
        "one": "SELECT 1",
        "two": "SELECT 2",
    }
