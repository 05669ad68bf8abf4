"""Drives a writer as its process does: jobs in, steps, text out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ai_core.engines.base import ChatMessage, Sampling, TokenLogprob
from ai_core.engines.writer import Job, Writer

LONGEST = 400


@dataclass
class Written:
    """What a job was told."""

    text: str = ""
    tokens: int = 0
    end: str | None = None
    fault: str = ""
    told: int = 0
    logprobs: list[TokenLogprob] = field(default_factory=list)


def job(
    writer: Writer,
    id: int,
    question: str,
    sampling: Sampling | None = None,
    adapter: str | None = None,
) -> Job:
    """A job that asks a question in a user's message."""
    prompt = writer.render([ChatMessage("user", question)], None)
    return Job(id, prompt, sampling or Sampling(max_tokens=LONGEST), adapter)


def finish(
    writer: Writer, jobs: Sequence[Job], *, steps_between: int = 0, cancelled: Sequence[int] = ()
) -> list[Written]:
    """Admit jobs in order, one every `steps_between` steps, and step until all are over.

    Those in `cancelled` are taken back at the step after their first word.
    """
    found = {one.id: Written() for one in jobs}
    waiting = list(jobs)
    step = 0
    while waiting or writer.busy:
        while waiting and step >= steps_between * (len(jobs) - len(waiting)):
            if not writer.admit(waiting[0]):
                break
            waiting.pop(0)
        for wrote in writer.step():
            one = found[wrote.job_id]
            assert one.end is None, "nothing comes after the end"
            one.text += wrote.text
            one.tokens += wrote.tokens
            one.end, one.fault = wrote.end, wrote.fault
            one.told += 1
            one.logprobs += wrote.logprobs
            if wrote.job_id in cancelled:
                writer.cancel(wrote.job_id)
        step += 1
    return list(found.values())


def ask(
    writer: Writer,
    questions: Sequence[str],
    sampling: Sampling | None = None,
    adapter: str | None = None,
    *,
    steps_between: int = 0,
) -> list[Written]:
    """Ask questions at once, or one every `steps_between` steps."""
    jobs = [job(writer, at, asked, sampling, adapter) for at, asked in enumerate(questions)]
    return finish(writer, jobs, steps_between=steps_between)


def texts(written: Sequence[Written]) -> list[str]:
    """The texts alone."""
    return [one.text for one in written]
