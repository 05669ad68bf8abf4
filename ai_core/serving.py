"""Serving over HTTP: by this process alone, or by several workers that share its port.

uvicorn supervises the workers: one that dies is started again, and SIGHUP replaces them one after
the other, each once its successor has read the law and answers. They accept from one listening
socket, so that a connection goes to a worker that is free, and none is lost with a worker that
leaves. The models are in a process of their own, which stays. Why:
docs/decisions/0169-workers-share-a-port.md.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from ai_core.api.http_protocol import DrainedHttpProtocol
from ai_core.api.websocket_protocol import BoundedWebSocketProtocol
from ai_core.settings import MODELS_SOCKET, Settings
from shared.error_reports import error_reports
from shared.logs import set_up_logs
from shared.settings import read_settings
from shared.worker_metrics import VARIABLE

log = structlog.get_logger()

GRACE_S = 20
MODELS_END_S = 30
MODELS_RESTART_S = 5
MODELS_BACKLOG = 1_024
ANSWERS_WITHIN_S = 120
"""How long a new worker may take to begin, and one in service to say that it lives."""


def serve(settings: Settings) -> int:
    """Serve until a signal asks to stop; requests under way get `GRACE_S` to finish."""
    log_and_report(settings)
    if settings.server.workers > 1:
        return serve_with_workers(settings)
    from ai_core.app import create_app

    server = uvicorn.Server(configuration(settings, app=create_app(settings)))
    server.run()
    return 0 if server.started else 1


def serve_with_workers(settings: Settings) -> int:
    """Supervise the workers until a signal asks to stop."""
    with tempfile.TemporaryDirectory(prefix="ai_core-") as folder:
        metrics, models = Path(folder, "metrics"), Path(folder, "models.sock")
        metrics.mkdir()
        os.environ |= {VARIABLE: str(metrics), MODELS_SOCKET: str(models)}  # the workers inherit it
        config = configuration(
            settings,
            app="ai_core.serving:worker_app",
            factory=True,
            workers=settings.server.workers,
            timeout_worker_healthcheck=ANSWERS_WITHIN_S,
        )
        listening = config.bind_socket()
        with ModelsProcess(models) as owner:
            workers = Workers(config, [listening], metrics, owner)
            workers.run()
    return 1 if workers.failed else 0


def configuration(settings: Settings, **more: Any) -> uvicorn.Config:
    """Return uvicorn's configuration."""
    return uvicorn.Config(
        host=settings.server.host,
        port=settings.server.port,
        loop="uvloop",
        http=DrainedHttpProtocol,
        ws=BoundedWebSocketProtocol,
        ws_max_size=settings.server.max_body_bytes,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.server.trusted_proxies),
        forwarded_allow_ips=[str(proxy) for proxy in settings.server.trusted_proxies],
        timeout_graceful_shutdown=GRACE_S,
        **more,
    )


class ModelsProcess:
    """The process that owns the models, which connections wait for while it is started again."""

    def __init__(self, socket_path: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(socket_path))
        self._listening.listen(MODELS_BACKLOG)
        self._process = self._start()

    def __enter__(self) -> "ModelsProcess":
        return self

    def __exit__(self, *_: object) -> None:
        """End it; it frees the models' memory."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(MODELS_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listening.close()

    def ended(self) -> int | None:
        """Start it again if it has ended, not at once; return the id of the process that has."""
        due = time.monotonic() >= self._started_s + MODELS_RESTART_S
        if self._process.poll() is None or not due:
            return None
        log.error("models process exited", status=self._process.returncode)
        pid, self._process = self._process.pid, self._start()
        return pid

    def _start(self) -> "subprocess.Popen[bytes]":
        self._started_s = time.monotonic()
        return subprocess.Popen(  # noqa: S603 - a program of ours
            [sys.executable, "-m", "ai_core.models.host", str(self._listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[self._listening.fileno()],
        )


class Workers(Multiprocess):
    """The worker processes; `failed` when they ended without being asked to."""

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        metrics_folder: Path,
        models: ModelsProcess,
    ) -> None:
        super().__init__(config, sockets)
        self._metrics_folder = metrics_folder
        self._models = models
        self._asked_to_stop = False
        for ending in (signal.SIGTERM, signal.SIGINT):  # uvicorn's wait for a reload to end
            signal.signal(ending, lambda *_: self._stop())

    @property
    def failed(self) -> bool:
        """Whether the workers could not start."""
        return not self._asked_to_stop

    def restart_all(self) -> None:
        """Replace the workers one after the other, each once its successor answers."""
        before = self._pids()
        super().restart_all()
        self._forget(before)

    def keep_subprocess_alive(self) -> None:
        """Start again what died: workers, and the owner of the models."""
        before = self._pids()
        super().keep_subprocess_alive()
        self._forget(before)
        if (ended := self._models.ended()) is not None:
            self._forget({ended})

    def _stop(self) -> None:
        self._asked_to_stop = True
        self.should_exit.set()

    def _pids(self) -> set[int]:
        return {process.pid for process in self.processes if process.pid is not None}

    def _forget(self, before: set[int]) -> None:
        """End what workers that are gone count as open."""
        for pid in before - self._pids():
            mark_process_dead(pid, self._metrics_folder)  # type: ignore[no-untyped-call]  # no types


def log_and_report(settings: Settings) -> None:
    """Begin the log of this process, and the reports of its errors where they are wanted."""
    reports = error_reports("ai_core", settings.error_reports)
    set_up_logs("ai_core", settings.log_level, reports=reports)


def worker_app() -> ASGIApp:
    """Return the app of one worker."""
    from ai_core.app import create_app  # here: their parent does not need it

    settings = read_settings(Settings)
    log_and_report(settings)
    threading.Thread(target=end_with_parent, name="parent", daemon=True).start()
    return create_app(settings)


def end_with_parent() -> None:
    """Ask this process to stop once its parent is gone: nobody would supervise it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
