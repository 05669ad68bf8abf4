"""Asks a question as it is answered now, and as a draft of an entry would answer it.

Nothing of a trial is kept: no cache, no conversation, no event.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from ai_core.answering.entries.choosing import EntriesSource, EntryChoice
from ai_core.answering.events import collect
from ai_core.answering.pipeline import AnswerPipeline
from ai_core.answering.request import Requester, RequestResolver
from ai_core.knowledge.entries_in_use import CheckedEntries, EntriesInUse
from ai_core.knowledge.records import Entry
from shared.ai.contract import GenerateReply, GenerateRequest
from shared.errors import Unavailable
from shared.languages import Language

TIMEOUT_S = 90.0

PipelineWith = Callable[[EntriesSource], AnswerPipeline]


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Entries that are given."""

    in_use: EntriesInUse

    async def current(self) -> EntriesInUse:
        """Return them."""
        return self.in_use


class Trials:
    """Answers questions for editors."""

    def __init__(
        self,
        resolver: RequestResolver,
        entries: CheckedEntries,
        choice: EntryChoice,
        pipeline_with: PipelineWith,
    ) -> None:
        self._resolver, self._entries = resolver, entries
        self._choice, self._pipeline_with = choice, pipeline_with

    async def near(self, question: str) -> list[Entry]:
        """Return the entries that a question may mean. Raises CorpusMissing, QueueFull."""
        return await self._choice.near(question)

    async def answer(
        self, question: str, language: Language, draft: Entry | None = None
    ) -> GenerateReply:
        """Return the answer of now, or the one that a draft among the entries would make.

        Raises what the pipeline raises, Unavailable after `TIMEOUT_S`.
        """
        in_use = await (self._entries.with_draft(draft) if draft else self._entries.current())
        asked = GenerateRequest(prompt=question)
        resolved = await self._resolver.resolve_generate(asked, Requester(language, "console"))
        unkept = replace(resolved, cache_key=None, conversation=None)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                pipeline = self._pipeline_with(_Fixed(in_use))
                done = await collect(pipeline.run(unkept, live=False))
        except TimeoutError:
            raise Unavailable("the trial took too long") from None
        return done.reply
