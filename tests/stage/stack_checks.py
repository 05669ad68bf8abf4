"""What every stack of the stage is asked and put through: a question, a kill of each container."""

import http.client
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.stage.container_engine import Engine, StageFailed
from tests.stage.simulated_host import SimulatedHost

READY_TIMEOUT_S = 120.0
LOOK_EVERY_S = 0.25
GRACE_S = 30
"""How long a container may take to stop before it is killed, as most of the compose files say."""
STOP_LIMIT_S = 5.0
QUESTION = "Que dit l’article L3121-27 ?"
ARTICLE = "L3121-27"


@dataclass
class Figures:
    """What a stack showed: seconds to its first answer, and to the next one after each kill.

    `stopped_s` are those a container took to stop that had just begun to start; `models_s` those
    from a model's addition to its first answer; `told_s` from a service's end to a letter about it.
    """

    stack: str
    ready_s: float = 0.0
    back_s: dict[str, float] = field(default_factory=dict)
    stopped_s: dict[str, float] = field(default_factory=dict)
    models_s: dict[str, float] = field(default_factory=dict)
    told_s: float = 0.0


def until(works: Callable[[], bool], what: str) -> float:
    """Wait until `works`; return the seconds it took. Raises StageFailed after READY_TIMEOUT_S."""
    started = time.monotonic()
    while time.monotonic() - started < READY_TIMEOUT_S:
        try:
            if works():
                return time.monotonic() - started
        except (OSError, http.client.HTTPException):
            pass  # nobody answers yet
        time.sleep(LOOK_EVERY_S)
    raise StageFailed(f"after {READY_TIMEOUT_S:.0f} s, still not: {what}")


def answered(host: SimulatedHost, key: str) -> bool:
    """Ask about an article; tell whether the answer cites it."""
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    status, told = host.client.ask("ai-api", "/api/v1/chat", body, {"X-API-Key": key})
    return status == 200 and [each["number"] for each in told["citations"]] == [ARTICLE]


def free_the_edge(host: SimulatedHost) -> None:
    """Stop the nginx that holds the ports: each stack stands for a host of its own."""
    running = host.engine.podman("ps", "--format", "{{.Names}}").split()
    for name in running:
        if name.endswith("_nginx_1"):
            host.engine.podman("stop", name)


def kill_each(
    host: SimulatedHost,
    figures: Figures,
    project: str,
    parts: tuple[str, ...],
    works: Callable[[], bool],
) -> None:
    """Kill one container after the other as a crash would; each comes back, well, and all works."""
    until(works, f"{project} at work")
    for part in parts:
        name = f"{project}_{part}_1"
        pid = host.engine.pid(name)
        os.kill(host.engine.program(name), signal.SIGKILL)
        started = time.monotonic()
        until(partial(again, host.engine, name, pid), f"{name} again")
        until(partial(well, host.engine, name), f"{name} well")
        until(works, f"{project} at work after {part} was killed")
        figures.back_s[part] = time.monotonic() - started


def stop_each(
    host: SimulatedHost,
    figures: Figures,
    project: str,
    parts: tuple[str, ...],
    works: Callable[[], bool],
) -> None:
    """Stop each container of ours as soon as it starts; none waits to be killed, and all works.

    Raises StageFailed for one that took STOP_LIMIT_S: its program did not hear that it should stop.
    """
    for part in parts:
        name = f"{project}_{part}_1"
        host.engine.podman("stop", name)
        host.engine.podman("start", name)
        started = time.monotonic()
        host.engine.podman("stop", "--time", str(GRACE_S), name)
        figures.stopped_s[part] = time.monotonic() - started
        host.engine.podman("start", name)
        if figures.stopped_s[part] >= STOP_LIMIT_S:
            raise StageFailed(f"{name} stopped after {figures.stopped_s[part]:.1f} s")
    until(works, f"{project} at work after its stops")


def again(engine: Engine, container: str, before: int) -> bool:
    """Return whether a container runs as another process than `before`."""
    return engine.pid(container) not in (0, before)


def well(engine: Engine, container: str) -> bool:
    """Return whether a container passes its health check; one without any only has to run."""
    check = engine.podman("inspect", "--format", "{{.Config.Healthcheck}}", container)
    if "[NONE]" in check or "<nil>" in check:
        return engine.pid(container) != 0
    try:
        engine.podman("healthcheck", "run", container)
    except StageFailed:
        return False
    return True
