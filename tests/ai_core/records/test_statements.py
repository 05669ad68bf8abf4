"""The SQL of the records: every statement is valid, used, and given exactly its parameters."""

import asyncio
from pathlib import Path

from ai_core import records as room
from ai_core.records.database import Records
from tests.mail_service.ledger.test_statements import calls, statements_of

FILES = sorted(Path(room.__file__).parent.glob("*.sql"))


async def test_every_statement_is_valid_for_the_schema(records: Records) -> None:
    async with records.transaction() as db:
        for file in FILES:
            for name, statement in (await asyncio.to_thread(statements_of, file)).items():
                prepared = await db.prepare(statement.text)
                assert len(prepared.get_parameters()) == len(statement.parameters), (file, name)


def test_every_statement_is_run_with_exactly_its_parameters() -> None:
    for file in FILES:
        statements = statements_of(file)
        found = calls(file.with_suffix(".py"))
        assert {name for name, _ in found} == set(statements)
        for name, parameters in found:
            assert None in parameters or parameters == set(statements[name].parameters), name
