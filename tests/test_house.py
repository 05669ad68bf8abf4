"""The project's rules that no linter checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_core import errors as ai_core_errors
from mail_service import errors as mail_errors
from shared import errors as shared_errors
from shared.errors import AppError
from shared.texts import Texts
from telegram_service import errors as telegram_errors

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["ai_core", "telegram_service", "mail_service", "shared", "deploy"]
DRAWERS = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?|handlers?|base_.*)$")
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET|CREATE\s+TABLE)\b",
    re.DOTALL,
)
SQL_FOLDERS = {
    "ai_core/records",
    "ai_core/records/migrations",
    "mail_service/ledger",
    "mail_service/migrations",
    "shared/stores/sql",
    "telegram_service/migrations",
}
HEAVY = {
    *("torch", "transformers", "llama_cpp", "llguidance", "onnxruntime", "peft"),
    "huggingface_hub",
}
EDGES = {
    "shared/web/middleware.py",
    "ai_core/engines/decoding/output.py",
    "ai_core/engines/process/child.py",
    "ai_core/engines/process/loop.py",
    "ai_core/engines/folder/tokenizer.py",
    "ai_core/models/host/service.py",
    "ai_core/api/mcp/server.py",
    "ai_core/api/sse.py",
    "ai_core/api/websocket.py",
    "ai_core/api/websocket_answers.py",
    "telegram_service/worker.py",
    "mail_service/processing/pipeline.py",
}
"""Where a wide `except` may stand without raising again: the HTTP edge (streams and WebSockets
included), a model's process and the owner of the models, where one request must not end those of
others, a tokenizer's file, whose library raises the very class Exception, the bot's worker, and the
mailbox's pipeline, where one bad mail must not stop the others."""


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in listing.stdout.decode().splitlines() if (ROOT / name).exists()]


def every_error(kind: type[AppError] = AppError) -> Iterator[type[AppError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


def test_no_module_is_a_junk_drawer() -> None:
    assert not [path for path in sources() if DRAWERS.search(path.stem)]


def test_sql_stands_only_in_store_modules_and_sql_folders() -> None:
    def speaks_sql(path: Path) -> bool:
        tree = ast.parse(path.read_text())
        strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        return any(isinstance(text, str) and SQL.search(text) for text in strings)

    assert not [path for path in sources() if path.name != "store.py" and speaks_sql(path)]
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.sql")]
    assert {str(path.parent.relative_to(ROOT)) for path in files} == SQL_FOLDERS


def test_a_wide_except_stands_only_at_an_edge() -> None:
    wide = {
        str(path.relative_to(ROOT))
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and ast.unparse(node.body[-1]) != "raise"
    }
    assert wide <= EDGES


def test_a_long_file_gives_its_reason() -> None:
    silent = [
        path
        for path in sources()
        if len(path.read_text().splitlines()) > 400
        and "long" not in (ast.get_docstring(ast.parse(path.read_text())) or "").lower()
    ]
    assert not silent


def test_every_error_code_has_a_sentence_in_both_languages() -> None:
    assert ai_core_errors
    assert shared_errors
    assert mail_errors
    assert telegram_errors
    texts = Texts.read(*sorted(ROOT.glob("*/texts/errors.toml")))
    answered = [kind for kind in every_error() if kind.__module__.split(".")[0] != "tests"]
    codes = {kind.code for kind in answered if kind.code != "wrong_settings"}
    assert not {code for code in codes if code not in texts}


@pytest.mark.parametrize("service", ["ai_core", "telegram_service", "mail_service"])
def test_error_codes_of_a_service_are_unique(service: str) -> None:
    heard = {service, "shared"}
    kinds = [kind for kind in every_error() if kind.__module__.partition(".")[0] in heard]
    codes = [kind.code for kind in kinds if "code" in vars(kind)]
    assert len(codes) == len(set(codes))


def modules_after(imported: str) -> set[str]:
    """Return the modules that a fresh interpreter holds once it has imported others."""
    program = f"import sys, {imported}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(loaded.stdout.split())


@pytest.mark.slow
def test_a_service_starts_without_any_model_library() -> None:
    """Nor without a message to `/mcp` with the SDK that answers it."""
    loaded = modules_after("ai_core.__main__, ai_core.app")
    assert not (HEAVY | {"mcp", "mcp_types"}) & {name.partition(".")[0] for name in loaded}


def test_the_commands_of_ai_core_start_without_what_serves_http() -> None:
    """`keys`, `corpus` … and a wrong setting would wait two seconds for it: import it to serve."""
    assert not {"ai_core.app", "mcp", "fastapi"} & modules_after("ai_core.__main__")


@pytest.mark.parametrize("service", ["telegram_service", "mail_service"])
def test_a_key_file_and_a_wrong_setting_do_not_wait_for_what_serves_http(service: str) -> None:
    assert not {f"{service}.app", "uvicorn", "fastapi"} & modules_after(f"{service}.__main__")


@pytest.mark.parametrize("prefix", ["/home/", "/root/", "/work/", "/Users/"])
def test_nothing_in_the_repository_knows_one_machine(prefix: str) -> None:
    somewhere = re.compile(rf"(?<![\w.]){prefix}\w")
    knowing = [
        path
        for path in tracked_files()
        if path.name not in {"LICENSE", "test_house.py"}
        and somewhere.search(path.read_bytes().decode("utf-8", "ignore"))
    ]
    assert not knowing


def test_nothing_large_is_in_the_repository() -> None:
    lock = ROOT / "constraints.txt"  # as long as the list of packages
    assert not [path for path in tracked_files() if path.stat().st_size > 500_000 and path != lock]
