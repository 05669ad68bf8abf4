"""Reading the files of a model folder, and the errors of the libraries that read them."""

import json
from pathlib import Path
from typing import Any

from ai_core.errors import ModelUnusable


def load_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object, {} when there is no file. Raises ModelUnusable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{path} cannot be read ({error}); fetch it again") from error
    if not isinstance(content, dict):
        raise ModelUnusable(f"{path} is not a JSON object; fetch it again")
    return content


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, at most 200 characters, or else its type."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0][:200]
