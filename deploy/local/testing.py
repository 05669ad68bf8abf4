"""`./neo test` and `./neo check`: the static checks and the tests, with what they need."""

import os
import subprocess
import sys
import time

from deploy.local.command_line import Parser
from deploy.local.errors import Stop
from deploy.local.extras import TEST_EXTRAS
from deploy.local.installing import call, set_up
from deploy.local.layout import PYTHON, ROOT, VENV
from deploy.local.terminal import progress, say, since
from deploy.local.test_tools import SYSTEM_TOOLS, need_system_tools

CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("mypy", "--no-error-summary"),
    "imports": ("lint-imports", "--no-cache"),
    "rules": ("python", "-m", "pytest", "-q", "tests/test_house.py", "tests/test_docs.py"),
}
FAST_CHECKS = ("format", "lint", "imports")
TEST_PROCESSES = 2
"""The cores of a small machine: with one more a run is an eighth shorter, and tests that watch a
clock fail sooner."""


def test(rest: list[str]) -> int:
    """Set up with the test tools, check, then run every test; types are checked meanwhile."""
    parser = Parser(
        prog="./neo test",
        description="Check, then run every test. Other arguments go to pytest; `quick` as the "
        "first leaves out the slow tests.",
    )
    parser.add_argument(
        "--without", default="", metavar="TOOL,…", help=f"leave out {', '.join(SYSTEM_TOOLS)}"
    )
    parser.add_argument(
        "--containers", action="store_true", help="build the images and run the stacks (root)"
    )
    parser.add_argument("--coverage", action="store_true", help="measure lines and branches too")
    options, pytest_arguments = parser.parse_known_args(rest)
    if options.containers:
        set_up(TEST_EXTRAS if "--full" in pytest_arguments else ("dev",))
        return call([str(PYTHON), "-m", "tests.stage", *pytest_arguments], {})
    # Hundreds of interpreters start in a run: without it each compiles every module anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    without = {tool for tool in options.without.split(",") if tool}
    if without - set(SYSTEM_TOOLS):
        raise Stop(f"--without knows {', '.join(SYSTEM_TOOLS)}")
    if without and os.environ.get("CI") == "true":
        raise Stop("--without is refused in CI: every test counts there")
    set_up(TEST_EXTRAS)
    need_system_tools(set(SYSTEM_TOOLS) - without)
    if not pytest_arguments:
        train_test_model()
    started = time.monotonic()
    for name in FAST_CHECKS:
        status = finish(name, begin(CHECKS[name]), started)
        if status:
            return status
    status = types_and_tests(pytest_options(pytest_arguments, coverage=options.coverage), without)
    if without:
        say(f"left out on request: every test that needs {', '.join(sorted(without))}")
    say(f"{'passed' if status == 0 else 'FAILED'} in {since(started)}")
    return status


def pytest_options(arguments: list[str], *, coverage: bool) -> list[str]:
    """Return what pytest is called with: `quick` leaves out the slow tests, and the tests are
    spread over processes by file unless the arguments name some of them.
    """
    options = ["-q"]
    if arguments[:1] == ["quick"]:
        arguments = ["-m", "not slow", *arguments[1:]]
    if not any((ROOT / word.partition("::")[0]).exists() for word in arguments):
        options += ["-n", str(TEST_PROCESSES), "--dist", "loadfile", "--no-loadscope-reorder"]
        options += ["--durations=20"]
    if coverage:
        options += ["--cov", "--cov-report=term"]
    return [*options, *arguments]


def train_test_model() -> None:
    """Train the model of the tests, once on each machine. Raises Stop."""
    with progress("training the tests' model, unless it is there (a minute or two)"):
        status = call([str(PYTHON), "-m", "tests.models.bleuet"], {})
    if status:
        raise Stop("the tests' model could not be trained")


def types_and_tests(pytest_arguments: list[str], without: set[str]) -> int:
    """Run the tests with the type check beside them; return the first status that is not 0."""
    started = time.monotonic()
    types = begin(CHECKS["types"])
    environment = {"NEO_WITHOUT": ",".join(sorted(without))}
    try:
        status = call([str(PYTHON), "-m", "pytest", *pytest_arguments], environment)
    except BaseException:
        types.kill()
        raise
    return finish("types", types, started) or status


def check(rest: list[str]) -> int:
    """Run the static checks, and the tests of the project's own rules."""
    Parser(prog="./neo check", description=check.__doc__).parse_args(rest)
    set_up(TEST_EXTRAS)
    for name, command in CHECKS.items():
        started = time.monotonic()
        status = finish(name, begin(command), started)
        if status:
            return status
    return 0


def begin(command: tuple[str, ...]) -> "subprocess.Popen[str]":
    """Start one of CHECKS; `finish` waits for it and shows what it printed if it failed."""
    tool, *arguments = command
    return subprocess.Popen(
        [str(VENV / "bin" / tool), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(name: str, process: "subprocess.Popen[str]", started: float) -> int:
    """Wait for a check and print its result; return its exit status."""
    output, _ = process.communicate()
    say(f"{name}: {'ok' if process.returncode == 0 else 'FAILED'} ({since(started)})")
    if process.returncode:
        sys.stdout.write(output)
    return process.returncode
