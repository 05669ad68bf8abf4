"""What goes wrong in a model's process reaches the one caller it belongs to, as it was raised."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

import ai_core
import shared
from ai_core.engines.error_report import ErrorReport, error_classes
from ai_core.engines.process.scripted_runner import BREAKS, BREAKS_LATER, REFUSED
from ai_core.errors import ContextOverflow, EngineFailed, Unsupported
from shared.errors import AppError, BadInput
from tests.ai_core.engines.conftest import Start
from tests.ai_core.engines.engine_calls import ALL, answer, start_answer

CHILD_MODULES = ("ai_core.errors", "shared.errors")
LEFT_OUT = ("__main__", ".engines.", ".mask_names")  # the last loads a model; it defines no error


def tree() -> Iterator[type[AppError]]:
    """Yield every error class of the service, wherever it is defined."""
    for package in (ai_core, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(word in module.name for word in LEFT_OUT):
                importlib.import_module(module.name)
    ours = ("ai_core.", "shared.")
    yield from (kind for kind in dict.fromkeys(error_classes()) if kind.__module__.startswith(ours))


@pytest.fixture(scope="module")
def kinds() -> list[type[AppError]]:
    return list(tree())


def name_of(kind: type[AppError]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.slow
async def test_every_error_of_the_tree_crosses_the_process_as_itself(
    start: Start, kinds: list[type[AppError]]
) -> None:
    engine = await start()
    raised_there = [kind for kind in kinds if kind.__module__ in CHILD_MODULES]
    assert {Unsupported, ContextOverflow, EngineFailed} < set(raised_there)
    for kind in raised_there:
        with pytest.raises(AppError) as raised:
            await answer(engine, REFUSED + name_of(kind))
        error = raised.value
        assert type(error) is kind
        assert (str(error), error.retry_after_s) == ("as the prompt asked", 7.5)
        assert error.facts == {"model": "scripted", "limit": 3}
        assert list(error.faults) == [{"field": "messages.0", "reason": "asked"}]
    assert await answer(engine, "mot") == "mot"
    assert not engine.exited.done()


def test_every_error_survives_being_written_down(
    subtests: pytest.Subtests, kinds: list[type[AppError]]
) -> None:
    for kind in kinds:
        with subtests.test(kind=name_of(kind)):
            error = kind.of_parts(
                "why \udce9",
                retry_after_s=2.0,
                facts={"limit": 2**80, "n": 1},
                faults=[{"field": "a"}],
            )
            again = ErrorReport.of(error).to_error()
            assert type(again) is kind
            assert (again.status, again.code, again.retry_after_s) == (
                error.status,
                error.code,
                2.0,
            )
            assert again.facts == {"limit": str(2**80), "n": 1}
            assert str(again) == "why ?"
            renewed = again.renewed(3.0)
            assert (type(renewed), renewed.retry_after_s, renewed.facts) == (kind, 3.0, again.facts)


def test_an_error_of_a_class_unknown_here_is_raised_as_the_nearest_known() -> None:
    report = ErrorReport.of(BadInput("why"))
    unknown = ErrorReport(("elsewhere.Odd", *report.kinds), "why")
    assert type(unknown.to_error()) is BadInput
    assert type(ErrorReport(("elsewhere.Odd",), "why").to_error()) is EngineFailed


@pytest.mark.slow
@pytest.mark.parametrize("fault", [BREAKS, BREAKS_LATER])
async def test_a_bug_met_by_one_request_ends_that_request_alone(start: Start, fault: str) -> None:
    engine = await start(step_s=0.005)
    other = await start_answer(engine, "mot " * 50)
    for _ in range(3):
        with pytest.raises(EngineFailed, match="RuntimeError in") as raised:
            await answer(engine, f"{fault} jean.dupont")
        assert "dupont" not in str(raised.value)
    assert await other == "mot " * 50
    assert not engine.exited.done()


@pytest.mark.slow
async def test_a_bug_met_by_a_call_ends_that_call_alone(start: Start) -> None:
    engine = await start(step_s=0.005)
    other = await start_answer(engine, "mot " * 50)
    with pytest.raises(EngineFailed, match="ValueError in"):
        await engine.embed([BREAKS])
    assert await other == "mot " * 50
    assert await answer(engine, "mot", replace(ALL, max_tokens=1)) == "mot"
