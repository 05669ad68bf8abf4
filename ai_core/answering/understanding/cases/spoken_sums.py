"""Sums written in words, in figures: "deux mille trois cents", "two thousand", 两千五, สองพันห้าร้อย.

Only numbers of a thousand or more, as pay is; smaller ones are read where they stand. The Chinese
五 of 两千五 is five hundred.
"""

import re
from collections.abc import Mapping

_FRENCH = {
    "un": 1,
    "une": 1,
    "deux": 2,
    "trois": 3,
    "quatre": 4,
    "cinq": 5,
    "six": 6,
    "sept": 7,
    "huit": 8,
    "neuf": 9,
    "dix": 10,
    "onze": 11,
    "douze": 12,
    "treize": 13,
    "quatorze": 14,
    "quinze": 15,
    "seize": 16,
    "vingt": 20,
    "vingts": 20,
    "trente": 30,
    "quarante": 40,
    "cinquante": 50,
    "soixante": 60,
    "septante": 70,
    "huitante": 80,
    "nonante": 90,
    "cent": 100,
    "cents": 100,
    "mille": 1000,
}
_ENGLISH = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
    "thousand": 1000,
}
_SPACED_WORDS: Mapping[str, int] = {**_FRENCH, **_ENGLISH}
_ANY = "|".join(sorted(_SPACED_WORDS, key=len, reverse=True))
_SPACED = re.compile(
    rf"\b(?:{_ANY})\b(?:[ -](?:(?:et|and)[ -])?(?:{_ANY})\b)++|\bmille(?= (?:euros?|bruts?|e)\b)"
)
_CHINESE_DIGITS = {word: number for number, word in enumerate("零一二三四五六七八九")} | {"两": 2}
_CHINESE = re.compile(
    r"(?:[一二两三四五六七八九]万零?)?[一二两三四五六七八九]千(?:零?[一二三四五六七八九十百])*+"
    r"|[一二两三四五六七八九]万[一二两三四五六七八九]?"
)
_CHINESE_UNITS = {"万": 10_000, "千": 1_000, "百": 100, "十": 10}
_THAI_DIGITS = {
    "หนึ่ง": 1,
    "เอ็ด": 1,
    "สอง": 2,
    "ยี่": 2,
    "สาม": 3,
    "สี่": 4,
    "ห้า": 5,
    "หก": 6,
    "เจ็ด": 7,
    "แปด": 8,
    "เก้า": 9,
}
_THAI_UNITS = {"หมื่น": 10_000, "พัน": 1_000, "ร้อย": 100, "สิบ": 10}
_THAI_ANY = "|".join((*_THAI_DIGITS, *_THAI_UNITS))
_THAI = re.compile(rf"(?:{_THAI_ANY}|\d{{1,2}} ?(?=พัน|หมื่น))(?:{_THAI_ANY})*+")
_THAI_TOKEN = re.compile(rf"{_THAI_ANY}|\d+")
_LEAST = 1_000


def sums_in_figures(text: str, script: str) -> str:
    """Return a text with its sums of a thousand or more in figures."""
    pattern, read = {
        "spaced": (_SPACED, _spaced),
        "thai": (_THAI, _thai),
        "chinese": (_CHINESE, _chinese),
    }[script]

    def written(found: re.Match[str]) -> str:
        value = read(found[0])
        return str(value) if value >= _LEAST else found[0]

    return pattern.sub(written, text)


def _spaced(words: str) -> int:
    """Return "quatre-vingt-dix mille" as 90 000: four times twenty, and ten."""
    total = part = 0
    for word in re.split(r"[ -]", words):
        value = _SPACED_WORDS.get(word, 0)
        if value == _LEAST:
            total, part = total + max(part, 1) * value, 0
        elif value == 100 or (value == 20 and part % 100 == 4):
            part = part - part % 100 + max(part % 100, 1) * value
        else:
            part += value
    return total + part


def _chinese(words: str) -> int:
    total = digit = 0
    last_unit = 0
    for word in words:
        if unit := _CHINESE_UNITS.get(word):
            total, digit, last_unit = total + max(digit, 1) * unit, 0, unit
        else:
            digit = _CHINESE_DIGITS[word]
            last_unit = 0 if word == "零" else last_unit
    return total + digit * (last_unit // 10 if last_unit > 10 else 1)


def _thai(words: str) -> int:
    total = digit = 0
    for token in _THAI_TOKEN.findall(words):
        if unit := _THAI_UNITS.get(token):
            total, digit = total + max(digit, 1) * unit, 0
        else:
            digit = int(token) if token.isdigit() else _THAI_DIGITS[token]
    return total + digit
