"""The base of the private servers, on Postgres, whose processes have sessions of their own."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local.postgres_server import PostgresServer
from deploy.local.server import Server, ServerNotStarted, children_of, is_running


def test_a_crash_of_postgres_takes_every_backend_with_it(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", safe=False)
    server.start()
    backends = children_of(server.pid)
    for pid in backends:
        with suppress(ProcessLookupError):  # the one that read the log ends by itself
            os.kill(pid, signal.SIGSTOP)  # as on a busy machine: none gets to see its parent gone

    server.kill()

    assert len(backends) >= 4
    assert server.status is not None
    left = list(filter(is_running, backends))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


class Silent(Server):
    """A program that runs and never answers."""

    start_timeout_s = 0.5

    def prepare(self) -> Sequence[str | Path]:
        return ["sh", "-c", "echo out of order; exec sleep 60"]

    def answers(self) -> bool:
        return False


def test_a_server_that_does_not_answer_is_killed_and_its_log_shown(tmp_path: Path) -> None:
    server = Silent("silent", tmp_path)
    with pytest.raises(ServerNotStarted, match="silent did not start:\nout of order"):
        server.start()
    assert server.status == -signal.SIGKILL


class Deaf(Server):
    """A program that ignores being asked to stop, and so does its child."""

    stop_grace_s = 0.2

    def prepare(self) -> Sequence[str | Path]:
        return ["sh", "-c", "trap '' TERM; sleep 60 & echo started; wait"]

    def answers(self) -> bool:
        return "started" in self.log_tail()


def test_a_server_that_does_not_stop_in_time_is_killed_with_its_children(tmp_path: Path) -> None:
    server = Deaf("deaf", tmp_path)
    server.start()
    [child] = children_of(server.pid)

    server.stop()

    assert server.status == -signal.SIGKILL
    assert not is_running(child)
