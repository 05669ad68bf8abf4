"""`./neo bench letters`: 200 plain letters, each sent in every way of _letter_forms.py.

Counts the mails whose question arrives whole (each sentence of it is in what the model is asked, or
in an enclosed mail) and those read exactly as they were written (without white space, nothing of
quotes or signatures). Letters are put together from letter_sentences.toml. Prints one JSON object.
"""

import argparse
import itertools
import json
import random
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mail_service.reading.message import Mail, read_mail
from shared.languages import LANGUAGES, Language
from tests.bench._letter_forms import FORMS, Letter

SENTENCES = Path(__file__).parent / "letter_sentences.toml"
PER_LANGUAGE = 50
SEED = 18
EXAMPLES = 20
_Table = dict[str, list[str]]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="./neo bench letters", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the only format there is")
    parser.add_argument("--per-language", type=int, default=PER_LANGUAGE)
    parser.add_argument("--seed", type=int, default=SEED, help="draws other letters")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.per_language, arguments.seed), ensure_ascii=False, indent=1))


def measure(per_language: int, seed: int = SEED) -> dict[str, object]:
    """Return the figures over so many letters of each language, in every form."""
    lost: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    subjects = mails = 0
    examples: list[str] = []
    for letter, name in itertools.product(letters(per_language, seed), FORMS):
        read = read_mail(FORMS[name](letter))
        mails += 1
        subjects += read.subject.endswith(letter.subject)
        whole, exact = arrives(letter, read), is_exact(letter, read)
        lost[f"{name}, {letter.language}"] += not whole
        changed[f"{name}, {letter.language}"] += not exact
        if not (whole and exact) and len(examples) < EXAMPLES:
            examples.append(f"{name}, {letter.language}: {read.text[-160:]!r}")
    return {
        "mails": mails,
        "whole": round(1 - lost.total() / mails, 4),
        "exact": round(1 - changed.total() / mails, 4),
        "subjects": round(subjects / mails, 4),
        "not_whole": dict(+lost),
        "not_exact": dict(+changed),
        "examples": examples,
    }


def letters(per_language: int, seed: int) -> Iterator[Letter]:
    """Yield the letters that a seed draws, the languages one after another."""
    table: dict[str, _Table] = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))
    chance = random.Random(seed)  # noqa: S311 - letters, not secrets
    for language in LANGUAGES:
        for _ in range(per_language):
            yield _letter(language, table[language], chance)


def _letter(language: Language, table: _Table, chance: random.Random) -> Letter:
    asked = (*chance.sample(table["situations"], 2), chance.choice(table["questions"]))
    greeting, closing = chance.choice(table["greetings"]), chance.choice(table["closings"])
    name = str(table["name"])
    lines = (greeting, *asked, f"{closing}\n{name}")
    return Letter(language, name, chance.choice(table["subjects"]), lines, asked)


def arrives(letter: Letter, read: Mail) -> bool:
    """Return whether every sentence that asks is in the text, or in a mail that is enclosed."""
    text = _plain("\n".join((read.text, *(file.text for file in read.attachments))))
    return all(_plain(sentence) in text for sentence in letter.asked)


def is_exact(letter: Letter, read: Mail) -> bool:
    """Return whether a mail is read as it was written; of one that is passed on, to its end."""
    enclosed = [file.text for file in read.attachments if file.kind == "mail"]
    text = _plain(enclosed[0] if enclosed else read.text)
    if enclosed or read.subject.startswith("TR:"):
        return text.endswith(_plain(letter.body))
    return text == _plain(letter.body)


def _plain(text: str) -> str:
    return "".join(text.split())


if __name__ == "__main__":
    main()
