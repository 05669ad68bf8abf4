"""The words of calculations as people misspell and shorten them, in French and English.

Over folded text (lower case, no accents). A form that is also another word ("licence") is left.
"""

import re

_FORMS: tuple[tuple[str, str], ...] = (
    (r"\bli[cs]{1,2}[ea]n[cs]{1,2}[iy]?e?ments?\b|\blic\b(?!\.)", "licenciement"),
    (r"\bli[cs]{1,2}[ea]n[cs]{1,2}[iy](ee?s?|er)\b", r"licenci\1"),
    (r"\bd[ei]mm?iss?ion+(\w*)", r"demission\1"),
    (r"\bpre ?av(?:i|ie|ies|it|y|ys)\b", "preavis"),
    (r"\b[ae]n[cs]i?[ea]n+[ea]t+ee?s?\b", "anciennete"),
    (r"\bprecarit(?:ee|er|es)\b|\bpreca\b", "precarite"),
    (r"\bi[mn]dem?n+it+e+r?(s?)\b|\bindem\b", r"indemnite\1"),
    (r"\bconj+e(s?)\b|\bconger(s?)\b", r"conge\1"),
    (r"\bc(?:b|bn|bien|onbien|obien|ombiens?)\b", "combien"),
    (r"\bqd\b", "quand"),
    (r"\bds\b", "dans"),
    (r"\b(?:jsuis|chuis?|jsui)\b", "je suis"),
    (r"\bjai\b", "j'ai"),
    (r"\bg(?= (?:ete|eu|un|\d|fait|bosse|travaille|demissionne|signe|recu))", "j'ai"),
    (r"\bjtouche", "je touche"),
    (r"\b(?:taf|taff)\b", "travail"),
    (r"(?<=\d) ?(?:mos?|mths?|mnths?)\b", " months"),
    (r"(?<=\d) ?(?:yo|y/o)\b", " years old"),
    (r"(?<=\d) ?yrs?\b", " years"),
    (r"\bsev[ea]?r[ae]n[cs]e\b", "severance"),
    (r"\bdis+mis+(ed|al)\b", r"dismiss\1"),
    (r"\bredund[ae]n(t|cy)\b", r"redundan\1"),
    (r"\bresi(?:g|n|ng|gi|gni)n?(ed|ing|ation)\b", r"resign\1"),
    (r"\bsacked\b|\b(?:been|was|got|am|i'm|being|were|be) let go\b", "fired"),
    (
        r"\b(?P<whose>(?:my |the )?(?:contract|employment|job)) (?:is|was|has been|will be|got"
        r"|is being) terminated\b",
        r"\g<whose> ended, dismissed",
    ),
    (r"\bon m'a remercie(e?)\b", r"licencie\1"),
    (r"\bovr?er? ?tim+e?\b", "overtime"),
)
_SPELLINGS = [(re.compile(form), plain) for form, plain in _FORMS]


def spelled(text: str) -> str:
    """Return a folded text with the usual misspellings and short forms written out."""
    for form, plain in _SPELLINGS:
        text = form.sub(plain, text)
    return text
