"""The base of the private servers, on Postgres, whose processes have sessions of their own."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.local.postgres_server import PostgresServer
from deploy.local.server import Server, ServerNotStarted, children_of


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie that waits for its parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_a_crash_of_postgres_takes_every_backend_with_it(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", safe=False)
    server.start()
    backends = children_of(server.pid)
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)  # as on a busy machine: none gets to see its parent gone

    server.kill()

    assert len(backends) >= 4
    assert server.status is not None
    give_up_s = time.monotonic() + 10
    try:
        while any(map(is_running, backends)):
            assert time.monotonic() < give_up_s
            time.sleep(0.02)
    finally:
        for pid in filter(is_running, backends):
            os.kill(pid, signal.SIGKILL)


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
