"""A law that says what the rule files quote: the texts of their clauses, made of the fragments."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from ai_core.calculators.sources import every_rules
from ai_core.law.records import Passage, SourceKind, Wording


@lru_cache(maxsize=1)
def quoted_law() -> dict[str, Wording]:
    """Return every clause of the rule files by its id, with the words they quote of it."""
    said: dict[str, list[str]] = defaultdict(list)
    for rules in every_rules():
        for use in dict.fromkeys(rules.uses()):
            said[rules.clauses[use.clause].id].append(use.fragment or "")
    return {one: Wording(one, "", "\n".join(words)) for one, words in said.items()}


def quoted_wordings(source_ids: Sequence[str]) -> dict[str, Wording]:
    """Return those of the clauses that the rule files know; others are left out."""
    law = quoted_law()
    return {one: law[one] for one in source_ids if one in law}


def clause_of(said: Wording, idcc: str | None) -> Passage:
    """Return a clause as a source that an answer may cite."""
    folder = "conv_coll/id" if idcc else "codes/article_lc"
    return Passage(
        kind=SourceKind.AGREEMENT if idcc else SourceKind.ARTICLE,
        id=said.id,
        number=f"IDCC {idcc}" if idcc else said.number or "L1234-9",
        title="Rupture du contrat",
        section_path=("Rupture du contrat",),
        text=said.text,
        url=f"https://www.legifrance.gouv.fr/{folder}/{said.id}",
        score=0.0,
    )
