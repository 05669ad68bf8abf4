"""Drives a runner as its process does: jobs in, steps, text out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module

from ai_core.engines.base import ChatMessage, Sampling, TokenLogprob
from ai_core.engines.folder.continuous_batching import ContinuousBatchingRunner
from ai_core.engines.formats import FORMATS
from ai_core.engines.runner import GenerationJob, LoadOptions, ModelRunner

LONGEST = 400


def open_safetensors(path: str, options: LoadOptions) -> ContinuousBatchingRunner:
    """Open a model of that format, whose libraries take five seconds to import.

    Imported by a test, they are not imported by every process of a run, nor by the quick tests.
    """
    runner: ContinuousBatchingRunner = import_module(FORMATS["safetensors"].module).open_runner(
        path, options
    )
    return runner


@dataclass
class Written:
    """What a job was told."""

    text: str = ""
    tokens: int = 0
    finish_reason: str | None = None
    error: str = ""
    told: int = 0
    logprobs: list[TokenLogprob] = field(default_factory=list)


def job(
    runner: ModelRunner,
    id: int,
    question: str,
    sampling: Sampling | None = None,
    adapter: str | None = None,
) -> GenerationJob:
    """A job that asks a question in a user's message."""
    prompt = runner.render([ChatMessage("user", question)], None)
    sampling = sampling or Sampling(max_tokens=LONGEST)
    schema = sampling.json_schema
    grammar = None if schema is None else runner.compile_schema(schema)
    return GenerationJob(id, prompt, sampling, adapter, grammar)


def run_jobs(
    runner: ModelRunner,
    jobs: Sequence[GenerationJob],
    *,
    steps_between: int = 0,
    cancelled: Sequence[int] = (),
) -> list[Written]:
    """Admit jobs in order, one every `steps_between` steps, and step until all are over.

    Those in `cancelled` are taken back at the step after their first word.
    """
    found = {one.id: Written() for one in jobs}
    waiting = list(jobs)
    step = 0
    while waiting or runner.busy:
        while waiting and step >= steps_between * (len(jobs) - len(waiting)):
            if not runner.admit(waiting[0]):
                break
            waiting.pop(0)
        for chunk in runner.step():
            one = found[chunk.job_id]
            assert one.finish_reason is None, "nothing comes after the end"
            one.text += chunk.text
            one.tokens += chunk.tokens
            one.finish_reason = chunk.finish_reason
            one.error = chunk.error.detail if chunk.error else ""
            one.told += 1
            one.logprobs += chunk.logprobs
            if chunk.job_id in cancelled:
                runner.cancel(chunk.job_id)
        step += 1
    return list(found.values())


def generate(
    runner: ModelRunner,
    questions: Sequence[str],
    sampling: Sampling | None = None,
    adapter: str | None = None,
    *,
    steps_between: int = 0,
) -> list[Written]:
    """Ask questions at once, or one every `steps_between` steps."""
    jobs = [job(runner, at, asked, sampling, adapter) for at, asked in enumerate(questions)]
    return run_jobs(runner, jobs, steps_between=steps_between)


def texts(written: Sequence[Written]) -> list[str]:
    """The texts alone."""
    return [one.text for one in written]
