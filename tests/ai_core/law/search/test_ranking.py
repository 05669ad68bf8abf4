import tomllib
from importlib.resources import files

from ai_core.law.search.ranking import SIGNALS


def test_every_weight_that_ships_is_of_a_signal_that_exists() -> None:
    tables = tomllib.loads((files("ai_core.law") / "data" / "ranking.toml").read_text("utf-8"))

    assert {name for weights in tables.values() for name in weights} == set(SIGNALS)
