"""The commands of `./neo`.

A command's words are read, and what it needs is checked, before anything is installed; then the
program behind it runs in the environment of `.neo/venv` (decision 0168).
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from ai_core.models.admin import rows
from deploy.local import testing
from deploy.local.asking import ask
from deploy.local.command_line import Parser, meant, recorded
from deploy.local.doctor import doctor
from deploy.local.errors import Stop
from deploy.local.extras import SERVICES, TEST_EXTRAS, model_extras
from deploy.local.installing import call, python, set_up
from deploy.local.layout import (
    MODELS,
    NEO,
    PYTHON,
    ROOT,
    ai_core_environment,
    version,
    written_environment,
)
from deploy.local.listening import need_address
from deploy.local.logs import logs
from deploy.local.ports import in_use
from deploy.local.preflight import need_npm, need_to_run
from deploy.local.programs import PROGRAMS, bench_names
from deploy.local.running import end, need_nothing_running, running
from deploy.local.status import status
from deploy.local.terminal import say
from shared.failures import cause_of_error

ON_STORES = {"keys", "console"}
"""Programs that work on the stores of a running ai_core."""
REDIS = "AI_CORE_REDIS__URL"
COMMANDS = """\
  ./neo run [--only ai,…]      set the services up, then answer on http://127.0.0.1:8000
            [--model PATH]     with your own language model: a .gguf file, or a folder
            [--port, --host …] on other ports, or for other machines too
  ./neo status                 what runs here and how it is (--json for programs)
  ./neo logs [SERVICE] [-f]    the ends of the logs, or all that is written from now on
  ./neo ask "QUESTION"         ask it, and show the answer with its sources
  ./neo stop                   end what ./neo run keeps running
  ./neo doctor                 look at all that is needed: programs, disk, network, ports, keys …
  ./neo test [PYTEST ARGS]     set everything up, then ./neo check and every test
  ./neo test quick             the same without the slow tests, for everyday work
  ./neo test --coverage        the same, with line and branch coverage
  ./neo test --containers      build the images, run the stacks in containers (root, no Docker)
  ./neo check                  ruff, mypy, import rules, the project's own rules
  ./neo bench NAME [ARGS]      measure: {benches}
  ./neo fuzz [--minutes N]     feed damaged mail, updates and upstream responses to what reads them
  ./neo demo NAME              run a demo: telegram, line, whatsapp, mail
  ./neo keys ACTION            create, list, rotate, revoke API keys, set a widget's look
  ./neo console account ACTION add, list, disable, enable, reset who may sign in at /console
  ./neo corpus ACTION          update the law from its official packages, or show its state
  ./neo knowledge ACTION       list the entries, check them against the law, add your own
  ./neo calculators ACTION     list them, check their rules against the law, run one
  ./neo model ACTION           add, list, remove, quantize, bench models, choose the default
  ./neo telegram dead-letters  list, show, replay, drop what the bot could not handle
  ./neo mail ACTION            explain a mail, erase a person, re-encrypt: on the running mailbox
  ./neo telegram voice-model   fetch the weights that transcribe voice notes
  ./neo init [--service …]     write the settings and secrets of a production host
  ./neo backup [verify|list]   back up the data of ./neo run, encrypted; verify the backup
  ./neo restore [--to TIME]    restore it, to a point in time
  ./neo drill [PART …]         restore the latest backups, promote a Postgres and a Redis; report
  ./neo lock [--upgrade]       write constraints.txt: every package's version and hashes
  ./neo images [--update]      compare the pinned digests of official images with the registry
  ./neo audit [--images]       known vulnerabilities of the packages, or of the images
  ./neo smoke URL              ask a deployed ai_core, check its health, answers and sources
  ./neo publish REGISTRY VERS  push the built images, sign them, list their digests
  ./neo release ACTION         on a host of containers: canary, promote, back
  ./neo dns [--check]          print the DNS records to create, or check them
  ./neo help, ./neo --version  this text, the version; each command also takes --help
"""


def main(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    try:
        return command(name)(rest)
    except Stop as reason:
        return refuse(str(reason))
    except OSError as error:
        return refuse(cause_of_error(error))
    except KeyboardInterrupt:
        return 130


def refuse(reason: str) -> int:
    """Tell why nothing is done; return the exit status for that."""
    sys.stderr.write(f"neo: {reason}\n")
    return 2


def command(name: str) -> Callable[[list[str]], int]:
    """Return the function of a command. Raises Stop for an unknown one."""
    own = {
        "run": run,
        "test": testing.test,
        "check": testing.check,
        "bench": bench,
        "demo": demo,
        "corpus": corpus,
        "model": model,
        "mail": mail,
        "telegram": telegram,
        "restore": lambda rest: ours("backup", ["restore", *rest]),
        "lock": lock,
        "status": status,
        "logs": logs,
        "stop": stop,
        "ask": ask,
        "doctor": doctor,
        "help": show_help,
        "--help": show_help,
        "-h": show_help,
        "--version": show_version,
    }
    if name in own:
        return own[name]
    if name in PROGRAMS:
        return lambda rest: ours(name, rest)
    near = meant(name, [*own, *PROGRAMS]) or ": ./neo help lists the commands"
    raise Stop(f"./neo has no command {name!r}{near}")


def show_help(_rest: list[str]) -> int:
    """Print the commands."""
    sys.stdout.write(COMMANDS.format(benches=", ".join(bench_names())))
    return 0


def show_version(_rest: list[str]) -> int:
    """Print the version of the project."""
    sys.stdout.write(f"code-du-travail-neo {version()}\n")
    return 0


def stop(rest: list[str]) -> int:
    """End what ./neo run keeps running here, and wait until it has ended."""
    Parser(prog="./neo stop", description=stop.__doc__).parse_args(rest)
    if running() is None:
        say("nothing runs here")
        return 0
    end()
    say("stopped")
    return 0


def ours(name: str, rest: list[str]) -> int:
    """Run a program of ours with what it needs installed; its words are checked first."""
    recorded(name).parse_args(rest)
    if name in ON_STORES:
        need_stores()
    return start(name, rest, written_for(name))


def need_stores() -> None:
    """Raise Stop unless the Redis of ai_core answers: the one of ./neo run, or one that is set."""
    if REDIS in os.environ:
        return
    port = urlsplit(ai_core_environment().get(REDIS, "")).port
    if port is None or not in_use(port):
        raise Stop(
            "ai_core does not run here: start it with ./neo run, then ask in another terminal"
        )


def start(name: str, rest: list[str], environment: dict[str, str], *more: str) -> int:
    """Install what a program and `more` extras need, and run it; return its exit status."""
    program = PROGRAMS[name]
    command = ["-m", program.module, *program.words, *rest]
    if not program.extras:
        return call([sys.executable, *command], {})
    set_up((*program.extras, *more), quiet=True)
    return python(command, environment, "./neo" if program.words else f"./neo {name}")


def written_for(name: str) -> dict[str, str]:
    """Return the settings that ./neo run wrote for a program."""
    return ai_core_environment() if PROGRAMS[name].module == "ai_core" else {}


def run(rest: list[str]) -> int:
    """Set up, then keep the services running until Ctrl-C."""
    options = recorded("run").parse_args(rest)
    chosen = services(options.only)
    extras = []
    if "ai" in chosen:
        extras = model_extras(*([str(options.model)] if options.model else []))
    need_nothing_running()
    need_address(options.host)
    ports = {"ai": options.port, "telegram": options.telegram_port, "mail": options.mail_port}
    need_to_run(chosen if options.only else ["ai"], ports)  # the others are left out where taken
    set_up(("embedded", *chosen, *extras))
    if options.model:
        rest = [*rest, "--model", str(Path(options.model).resolve())]  # the last one counts
    os.chdir(ROOT)
    words = [str(PYTHON), "-m", "deploy.local.supervisor", *rest]
    os.execv(PYTHON, words)  # noqa: S606 - no shell is wanted


def services(only: str | None) -> list[str]:
    """Return the services that `--only` names, all without it. Raises Stop."""
    if not only:
        return list(SERVICES)
    for name in only.split(","):
        if name not in SERVICES:
            near = meant(name, SERVICES) or f": they are {', '.join(SERVICES)}"
            raise Stop(f"./neo run --only knows no service {name!r}{near}")
    return [name for name in SERVICES if name in only.split(",")]


def bench(rest: list[str]) -> int:
    """Run one measurement of tests/bench."""
    recorded("bench").parse_args(rest)
    set_up(TEST_EXTRAS, quiet=True)
    return python(["-m", f"tests.bench.{rest[0]}", *rest[1:]], ai_core_environment())


def corpus(rest: list[str]) -> int:
    """Update the law, or show its state."""
    options = recorded("corpus").parse_args(rest)
    if options.action == "update" and options.folder is None:
        need_npm()
    elif options.action == "update" and not Path(options.folder).is_dir():
        raise Stop(f"{options.folder} is no folder: give one with the archives of npm pack")
    return start("corpus", rest, ai_core_environment())


def model(rest: list[str]) -> int:
    """Add, list, remove, quantize or bench the models of the ai_core that ./neo run keeps."""
    options = recorded("model").parse_args(rest)
    if options.action == "list":
        return list_models(rest[1:], as_json=options.json)
    sources = [options.source] if options.action == "add" else []
    return start("model", rest, ai_core_environment(), *model_extras(*sources))


def list_models(options: list[str], *, as_json: bool) -> int:
    """Show the models; where none was added, that needs nothing installed."""
    if not MODELS.exists():
        sys.stdout.write(rows.printed([rows.built_in()], as_json=as_json))
        return 0
    set_up(PROGRAMS["model"].extras, quiet=True)
    return python(["-m", "ai_core.models.admin.listing", *options], ai_core_environment())


def mail(rest: list[str]) -> int:
    """Explain a mail of the mailbox of ./neo run, or erase a person."""
    recorded("mail").parse_args(rest)
    return start("mail", rest, of_a_running("mailbox", NEO / "mail"))


def telegram(rest: list[str]) -> int:
    """Fetch the weights that transcribe voice notes, or see to what the bot could not handle."""
    options = recorded("telegram").parse_args(rest)
    if options.program == "voice-model":
        return start("telegram", rest, {}, "voice")
    return start("telegram", rest, of_a_running("bot", NEO / "telegram"))


def of_a_running(what: str, folder: Path) -> dict[str, str]:
    """Return the settings of a service that ./neo run has kept. Raises Stop when it never has."""
    found = written_environment(folder / "environment.json")
    if not found:
        raise Stop(f"there is no {what} here yet: ./neo run makes one")
    return found


def demo(rest: list[str]) -> int:
    """Run a demo: a conversation with the bot, or three mails to the mailbox."""
    name = recorded("demo").parse_args(rest).name
    set_up(("embedded", "mail" if name == "mail" else "telegram", "ai"), quiet=True)
    return python(["-m", f"deploy.demos.{rest[0]}", *rest[1:]], {})


def lock(rest: list[str]) -> int:
    """Write the exact versions of every package, with the hashes of their files."""
    recorded("lock").parse_args([*rest, *PROGRAMS["lock"].extras])
    return start("lock", [*rest, *PROGRAMS["lock"].extras], {})
