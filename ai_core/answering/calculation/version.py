"""The version of everything a calculation is made of, besides the code: a cached answer has one."""

import hashlib
from pathlib import Path

from ai_core.answering.calculation import labels, minimum_wage, spoken_trades, texts
from ai_core.calculators.wording import TEXTS

_RULES = Path(__file__).parents[2] / "calculators" / "rules"


def calculation_version() -> str:
    """Return a hash of the rule files and the texts. Reads them all."""
    files = [*_RULES.rglob("*.toml"), *TEXTS.glob("*.toml")]
    files += [
        labels.TRADES_FILE,
        labels.GROUPS_FILE,
        spoken_trades.FILE,
        minimum_wage.FILE,
        texts.FILE,
    ]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
