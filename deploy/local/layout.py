"""Where `./neo` keeps what it makes, and the settings that `./neo run` left there."""

import json
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEO = ROOT / ".neo"
VENV = NEO / "venv"
PYTHON = VENV / "bin" / "python"
LOGS = NEO / "logs"
KEYS = NEO / "keys"
LAW = NEO / "ai_core" / "corpus" / "current"
"""The version of the law in service; absent until it was fetched."""
MODELS = NEO / "ai_core" / "models" / "models.toml"


def version() -> str:
    """Return the version of the project."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(document["project"]["version"])


def ai_core_environment() -> dict[str, str]:
    """Return the settings that ./neo run wrote for ai_core, or what it needs without them."""
    return written_environment(NEO / "environment.json") or {
        "AI_CORE_DATA_DIR": str(NEO / "ai_core")
    }


def written_environment(path: Path) -> dict[str, str]:
    """Return the settings that ./neo run wrote for a service; none when it never ran."""
    if not path.exists():
        return {}
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def shown(path: Path) -> str:
    """Return a path as people type it in the checkout."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
