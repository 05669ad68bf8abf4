"""What an answer may not link to, however a model writes it."""

import itertools
import re
import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_core.answering.citations import CitationFilter
from tests.ai_core.answering.test_citations import passage

DAY = date(2026, 11, 20)
OURS = "https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI-L1237-1"
TEXT = "Le dépôt se fait sur www.teleaccords.travail-emploi.gouv.fr ou à depot@travail.gouv.fr."


def shown(answer: str, size: int = 10_000) -> str:
    """Return what is shown of an answer that comes `size` characters at a time."""
    check = CitationFilter((passage("L1237-1", TEXT),), DAY, "(non vérifié)")
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
    return "".join([*map(check.feed, pieces), check.finish()])


ADDRESSES = [
    "https://evil.example/x",
    "HTTPS://evil.example/x",
    "hTTp://evil.example",
    "hxxps://evil.example",
    "https:\u2060//evil.example",
    "ht\u200btps://evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "https:evil.example",
    "ｈｔｔｐｓ：／／evil.example",
    "https：//evil.example",
    "//evil.example",
    "\\\\evil.example\\partage",
    "www.evil.example",
    "WWW.EVIL.EXAMPLE",
    "evil.example/aide",
    "evil.example:8080",
    "evil.example?x=1",
    "evil.example#x",
    "evil.com",
    "evil.co.uk",
    "EVIL.COM",
    "evil。com",
    "evil．com",
    "evil․com",
    "évil.fr",
    "xn--vil-bma.fr",
    "evil.рф",
    "sous.domaine.evil.fr/a(b)c",
    "198.51.100.7/aide",
    "http://[2001:db8::1]/aide",
    "http://0x7f.1/",
    "evil@evil.example",
    "evil＠evil.com",
    "mailto:evil@evil.example",
    "MAILTO:evil@evil.example",
    "tel:+33899000000",
    "tg://resolve?domain=evilbot",
    "tg:resolve?domain=evilbot",
    "t.me/evilbot",
    "@evilbot",
    "whatsapp://send?phone=1",
    "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "ftp://evil.example/x",
    "file:///etc/passwd",
    "intent://evil#Intent;end",
    "evil-app://open",
    "_evil.com_",
    "__evil.com__",
    "-evil.com",
    "evil.com-",
    "///evil.example/x",
    "\\\\\\evil.example",
    "evil&#46;com",
    "evil&#x2e;com",
    "evil&period;com",
    "evil&amp;#46;com",
    "https&colon;//evil.example",
    "https:&sol;&sol;evil.example",
    "evil&commat;evil.example",
    "𝐞𝐯𝐢𝐥.𝐜𝐨𝐦",
    "ⓔⓥⓘⓛ.ⓒⓞⓜ",
    "evil.ⅽom",
    "evil[.]com",
    "evil [.] com",
    "evil(.)com/x",
    "evil{.}com",
    "evil[dot]com",
    "evil [dot] com",
    "evil(point)com",
    "www[.]evil[.]co[.]uk",
    "hxxp://evil[.]com/x",
    "hxxp[:]//evil[.]com",
    "hxxps[://]evil[.]com",
    "hxxp:evil.com",
    "evil[at]evil[.]com",
    "evil[@]evil.com",
    "198.51.100.7",
    "45.33.51.100:8080",
    "2001:db8::1",
    "2001:db8:0:0:0:0:0:1",
]


FRAMES = ["Voir {} ici.", "[Formulaire officiel]({})", "![x]({})", "<{}>", "Écrivez : {}", "({})"]
PIECES = [*ADDRESSES, " ", "\n", "[", "](", ")", "<", "mot", "é."]
STARTS = ["[a](", "//a", "a.", "a.b", "@a", "a@", "'a ", '"a ', "« a ", "‘a", "[1] ", "> ", "a:/"]
TRACES = "evil|𝐞𝐯𝐢𝐥|ⓔⓥ|resolve|alert|base64|passwd|51.100|7f|2001|899|phone"


def test_no_foreign_address_is_shown(subtests: pytest.Subtests) -> None:
    for address in ADDRESSES:
        with subtests.test(address=address):
            for frame, size in itertools.product(FRAMES, (1, 5, 10_000)):
                seen = shown(frame.format(address), size)
                assert not re.search(TRACES, seen, re.IGNORECASE), (frame, size)
                assert not re.search(r"\]\(|:/", seen), (frame, size)
                assert all(word in seen for word in re.findall(r"[^\W_]{2,}", frame)), (frame, size)


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    "answer",
    [
        f"Voir {OURS} ici.",
        f"Voir {OURS}. Puis partez.",
        f"[L'article]({OURS}) le dit.",
        "Voir www.legifrance.gouv.fr ou legifrance.gouv.fr.",
        "Déposez sur www.teleaccords.travail-emploi.gouv.fr, ou écrivez à depot@travail.gouv.fr.",
        "Attention : un délai s'applique, p.ex. 2 mois ; soit 1.500 € ou 12.5 % (cf. art. 3).",
        "Il faut 10:30 heures, un ratio 1/2, et/ou un accord A.C.II.1, à 14h//15h.",
        "Le point 3.II et le paragraphe 1.2.3.4 s'appliquent (S.A.R.L, C.D.D).",
        "note:le délai court ; conclusion:oui.",
        "第一条：劳动合同。然后解除。",
        "Un écart de -12.5 % ; _p.ex._ le CDD-S.A.R.L. ; R&D, AT&T ; 12-13.II.",
        "ลาออกได้ ต้องแจ้งล่วงหน้า 30 วัน.",
        "De 14:30:00 à 15:45 (soit 1.250.000,50 €), points 4.2.1.3 et 12.31.2.1 [1].",
        "Le 31.12.2024 [sic] ; un [délai] de {trois} mois (à compter) de 1:2:3.",
    ],
)
def test_what_is_no_foreign_address_stays(answer: str, size: int) -> None:
    assert shown(answer, size) == answer


def test_a_full_stop_without_its_space_is_no_host() -> None:
    assert shown("Il prévient l'employeur.Il part.") == "Il prévient l'employeur. Il part."


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_no_mixture_shows_a_scheme_or_a_target(pieces: list[str]) -> None:
    seen = shown("".join(pieces), 3)
    assert not re.search(r"\w://\w|\]\([^)\s]*evil[^)\s]*\)", seen)


@pytest.mark.parametrize("piece", STARTS)
def test_the_time_grows_with_the_length(piece: str) -> None:
    def seconds(chars: int) -> float:
        answer = piece * (chars // len(piece))
        begun = time.process_time()
        shown(answer, 200)
        return time.process_time() - begun

    seconds(1_000)
    small = min(seconds(4_000) for _ in range(2))
    assert seconds(32_000) < 8 * 6 * max(small, 0.002)
