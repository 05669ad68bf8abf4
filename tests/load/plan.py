"""What the process of the clients is told: how many users, when, and what they ask."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Asking = Literal["different", "mixed"]
"""`different`: questions that nobody asked before. `mixed`: what an open service sees."""


@dataclass(frozen=True)
class Step:
    """So many users for `seconds`, `coming_s` of which pass until they are there."""

    users: int
    users_per_s: float
    seconds: float
    coming_s: float


@dataclass(frozen=True)
class Plan:
    """One run. Each user sends a request every `pause_s` seconds."""

    url: str
    keys: dict[str, str]
    """`page`, a publishable key, and `messenger`, an inference key."""
    steps: tuple[Step, ...]
    asking: Asking
    pause_s: float = 10.0
    model: str | None = None
    """A twentieth of the messengers' questions goes to this model."""
    first_question: int = 0

    def write(self, file: Path) -> None:
        """Write it for the process of the clients, readable by its owner alone."""
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> "Plan":
        """Return the plan in a file."""
        told = json.loads(file.read_text(encoding="utf-8"))
        return cls(**told | {"steps": tuple(Step(**step) for step in told["steps"])})
