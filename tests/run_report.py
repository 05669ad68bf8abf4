"""What a run over several processes tells beside pytest's lines: failures at once, slow tests.

Such a run takes minutes, and pytest names what failed at its end.
"""

from collections import Counter

import pytest

SLOWEST_FILES = 15
QUICK_S = 1.5
"""What a test of the quick lane may take on quiet cores: one that takes longer is marked slow."""


class RunReport:
    """Names each test when it fails, and at the end the files and quick tests that took long.

    The process that starts the others has one: all results come to it.
    """

    def __init__(self, terminal: pytest.TerminalReporter, *, quick: bool) -> None:
        self._terminal = terminal
        self._quick = quick
        self._ms: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)  # after pytest's own letter
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take one phase of a test, or one of its subtests."""
        if not isinstance(report, pytest.SubtestReport):  # its time is in that of its test
            self._ms[report.nodeid] += round(report.duration * 1000)
        if report.failed:
            phase = "FAILED" if report.when == "call" else f"FAILED in {report.when}"
            self._terminal.write_line(f"\n{phase} {report.nodeid}{_reason(report)}", red=True)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self) -> None:
        """List the files that took longest, and what the quick lane ran though it is slow."""
        files: Counter[str] = Counter()
        for test, ms in self._ms.items():
            files[test.partition("::")[0]] += ms
        self._list(f"slowest {SLOWEST_FILES} files", files.most_common(SLOWEST_FILES))
        if self._quick:
            slow = [pair for pair in self._ms.most_common() if pair[1] > QUICK_S * 1000]
            self._list(f"over {QUICK_S} s and not marked slow", slow)

    def _list(self, title: str, ms_by_name: list[tuple[str, int]]) -> None:
        self._terminal.section(title)
        for name, ms in ms_by_name:
            self._terminal.write_line(f"{ms / 1000:6.1f} s  {name}")


def _reason(report: pytest.TestReport) -> str:
    """Return the first line of what a test failed with."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = crash.message.splitlines() if crash else []
    return f" - {lines[0]}" if lines else ""


def begin(session: pytest.Session) -> None:
    """Report the run that this process starts, unless it runs the tests itself."""
    config = session.config
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and config.getoption("numprocesses", default=None):
        quick = "not slow" in config.getoption("markexpr")
        config.pluginmanager.register(RunReport(terminal, quick=quick), "run-report")
