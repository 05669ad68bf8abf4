"""The spam score of a mail: of rspamd, of a trusted upstream's header, or of built-in patterns.

The built-in score is basic and never discards a mail by itself. rules/spam.py compares the score
with the threshold: from there on, a person decides.
"""

import re

import httpx2
import orjson

from mail_service.errors import SpamFilterLost
from mail_service.reading.message import Mail
from mail_service.settings import SpamSettings

TIMEOUT_S = 5.0
SCORE = re.compile(r"(?:score\s*=\s*)?(-?\d{1,4}(?:\.\d+)?)", re.IGNORECASE)
PATTERNS: tuple[tuple[str, float], ...] = (
    (r"\b(viagra|cialis|casino|bitcoin|crypto|forex|webcam|escort)\b", 2.5),
    (r"\b(vous avez gagné|you have won|lottery|loterie|héritage de|inheritance)\b", 3.0),
    (r"\b(référencement|backlinks?|seo|guest post|leads? qualifiés)\b", 2.5),
    (r"\b(cliquez ici|click here|act now|offre limitée|100 ?% gratuit)\b", 1.5),
    (r"(?:https?://\S+\s+){5,}", 2.0),
    (r"XJS\*C4JDBQADN1\.NSBN3\*2IDNEN\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\*C\.34X", 20.0),
)
LABOUR_LAW = re.compile(
    r"\b(employeur|employer|patron|salari[ée]e?s?|salaire|salary|wages?|licenci\w+|dismiss\w+"
    r"|démission\w*|préavis|contrat|contract|congés?|heures sup\w*|prud['’]hommes|syndicat"
    r"|convention collective|période d['’]essai|embauch\w+)\b",
    re.IGNORECASE,
)
LABOUR_LAW_WORDS, LABOUR_LAW_SCORE = 3, -2.5
"""So many different words of our subject speak for a person, who may well work in a casino."""
HIDDEN_TEXT_SCORE = 2.0
UPPERCASE_SUBJECT_SCORE = 1.5


class SpamFilter:
    """Scores mail from the first source that is configured."""

    def __init__(
        self, settings: SpamSettings, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._http = httpx2.AsyncClient(timeout=TIMEOUT_S, transport=transport)

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._http.aclose()

    async def score(self, mail: Mail, raw: bytes) -> float:
        """Return the score; higher is worse. Raises SpamFilterLost when rspamd is down."""
        if self._settings.rspamd_url:
            return await self._rspamd(raw)
        if self._settings.header:
            # The sender may have written such a field too: the highest score counts.
            found = map(SCORE.search, mail.all(self._settings.header.lower()))
            scores = [float(score[1]) for score in found if score]
            if scores:
                return max(scores)
        return builtin_score(mail)

    async def _rspamd(self, raw: bytes) -> float:
        headers = {"Password": self._settings.rspamd_password.get_secret_value()}
        url = f"{self._settings.rspamd_url.rstrip('/')}/checkv2"
        try:
            response = await self._http.post(url, content=raw, headers=headers)
            response.raise_for_status()
            return float(orjson.loads(response.content)["score"])
        except (httpx2.HTTPError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise SpamFilterLost(type(error).__name__) from error


def builtin_score(mail: Mail) -> float:
    """Return the sum of the weights of the patterns that match."""
    text = f"{mail.subject}\n{mail.full_text[:20_000]} "
    score = sum(weight for pattern, weight in PATTERNS if re.search(pattern, text, re.IGNORECASE))
    if len({word.lower() for word in LABOUR_LAW.findall(text)}) >= LABOUR_LAW_WORDS:
        score = max(0.0, score + LABOUR_LAW_SCORE)
    if mail.hidden_text:
        score += HIDDEN_TEXT_SCORE
    letters = [letter for letter in mail.subject if letter.isalpha()]
    if len(letters) > 12 and all(letter.isupper() for letter in letters):
        score += UPPERCASE_SUBJECT_SCORE
    return score
