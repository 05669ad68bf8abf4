"""The SQL of the records: every statement is valid, used, and given exactly its parameters."""

import ast
import asyncio
from pathlib import Path

from ai_core import records as room
from ai_core.records.database import Records
from tests.mail_service.ledger.test_statements import CALLS, statements_of

FILES = sorted(Path(room.__file__).parent.glob("*.sql"))


async def test_every_statement_is_valid_for_the_schema(records: Records) -> None:
    async with records.transaction() as db:
        for file in FILES:
            for name, statement in (await asyncio.to_thread(statements_of, file)).items():
                prepared = await db.prepare(statement.text)
                assert len(prepared.get_parameters()) == len(statement.parameters), (file, name)


def test_every_statement_is_used_and_run_with_exactly_its_parameters() -> None:
    for file in FILES:
        statements, tree = statements_of(file), ast.parse(file.with_suffix(".py").read_text())
        nodes = list(ast.walk(tree))
        words = {node.value for node in nodes if isinstance(node, ast.Constant)}
        assert set(statements) <= words, file
        for node in nodes:
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in RUNS:
                continue
            name, given = node.args[1], {keyword.arg for keyword in node.keywords}
            if isinstance(name, ast.Constant) and None not in given:
                assert given == set(statements[str(name.value)].parameters), (file, name.value)


RUNS = {f"SQL.{name}" for name in CALLS}
