"""Calculators: what the Code and an agreement give in a case, exact and explained.

`catalogue` names the calculators. The rules are data (`rules/*.toml`), each row with the clause it
comes from and the words that decide; `rule_files` reads them, `tables` chooses the row, `formulas`
computes amounts.
"""
