import re
import time

import pytest

from ai_core.engines.schemas.patterns import PatternRefused, canonical_pattern

TAKEN = {
    r"^\d{2}/\d{2}/\d{4}$": (["01/02/2026"], ["1/2/2026", "01/02/2026 "]),
    r"^[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){2,7}$": (["FR76 1234 5678", "FR7612345678"], ["FR76 12345"]),
    r"^(0|[1-9]\d*)(\.\d{1,2})?$": (["0", "12.5", "1200"], ["01", "1.", ".5"]),
    r"^L\. ?\d{4}-\d+(-\d+)*$": (["L. 1234-5", "L.1234-5-12"], ["L 1234-5"]),
    r"^(?:oui|non|peut-être)$": (["oui", "peut-être"], ["ouin", ""]),
    r"^[^\s@]+@[^\s@]+\.[a-z]{2,}$": (["a@b.fr"], ["a b@c.fr", "a@b"]),
    r"CDD|CDI": (["un CDI"], ["intérim"]),
    r"^[\w.+-]*$": (["a.b-c+d_9", ""], ["é", "a b"]),
    r"^\u00e9\x41\/\-[[&&]$": (["éA/-[", "éA/-&"], ["éA/-]"]),
    r"^.{0,500}$": (["", "x" * 500], ["x" * 501, "a\nb"]),
    r"^([0-9a-f]{4}){3}$": (["0123456789ab"], ["0123456789abc"]),
    r"^([^\"\\]|\\.)*$": ([r"a\"b"], ['a"b']),
    "": (["", "x"], []),
}
REFUSED = {
    "ambiguous": [
        *("^(a*)*$", "^((a|b)?){300}c$", "^((a{0,99}){0,99}){0,99}$", "^(a+)+$", "^(a?){200}$"),
        *("^(a|a)*$", "^(a|ab|b)+$", r"^(\w+\s?)*$", "^(.*,)*$", "^(x{1,3}x?){4}$", "^(|a)+$"),
        *(r"^(\d+|\d+-)+$", "^((ab){2,3})*$", "^(a{2,3}){2}$", "^([a-z]|[x-z0])*$", "^(()){9}$"),
    ],
    "syntax": [
        *("(?=a)b", "(?!a)b", "(?<=a)b", r"(a)\1", r"\ba", r"\p{L}", "a**", "a*?", "a{,3}", "a{3"),
        *(
            "(a",
            "a)",
            "[a",
            "[b-a]",
            "a|^b",
            "^a|b$",
            "a^b",
            "a$b",
            "[]",
            "{2}",
            "*a",
            "\\",
            r"\u12",
        ),
        *("a{0}", "a{3,2}", r"[\d-z]", r"\ud83d", "(?<n>a)", "(?i)a", "a++"),
    ],
    "size": [
        *(
            "a{2001}",
            "(ab{50}){50}",
            "a" * 513,
            "a{99999999999999999999}",
            "(" * 300 + "a" + ")" * 300,
        ),
        "(((a{9}b){9}c){9}d){9}",
    ],
}


@pytest.mark.parametrize("pattern", TAKEN)
def test_a_taken_pattern_means_what_was_written(pattern: str) -> None:
    canonical = canonical_pattern(pattern)
    # Python spells a code point \xHH or \UHHHHHHHH, llguidance \x{H…}.
    spelled = re.sub(r"\\x\{([0-9a-f]+)\}", lambda code: f"\\U{code[1]:0>8}", canonical)
    matches, others = TAKEN[pattern]
    for text in matches:
        assert re.search(spelled, text), text
    for text in others:
        assert not re.search(spelled.replace("$", r"\Z"), text), text


@pytest.mark.parametrize(
    ("reason", "pattern"),
    [(reason, pattern) for reason, patterns in REFUSED.items() for pattern in patterns],
)
def test_what_is_costly_or_unclear_is_refused(reason: str, pattern: str) -> None:
    began_s = time.process_time()
    with pytest.raises(PatternRefused) as raised:
        canonical_pattern(pattern)
    assert raised.value.reason == reason
    assert time.process_time() - began_s < 1.0
