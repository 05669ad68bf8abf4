"""Detects the language to answer short texts in, and parses Accept-Language.

Thai and Chinese are known by their script, French and English by small words, elisions, accents and
endings; texts without such a sign ("SMIC 2026 ?", names, references) get the caller's default. A
general identifier (py3langid) would add about 100 MB to a web process that must stay under 250 MiB.
Five more languages are answered in English, or in French when the message asks for it, within a
frame in theirs (`frame_languages`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from shared.frame_languages import (
    FRAME_LANGUAGES,
    FrameLanguage,
    arabic_letters,
    asks_for,
    frame_language_of,
)

Language = Literal["fr", "en", "th", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
"""What we answer in, each sentence of ours included."""

_FRENCH_WORDS = frozenset(
    """
    de le la les un une des du au aux ce cet cette ces mon ma mes ton ta tes sa ses notre nos votre
    vos leur leurs je tu il elle nous vous ils elles moi toi lui eux et ou où mais donc ni que qui
    quoi dont quel quelle quels quelles comment combien pourquoi quand est sont suis es êtes etes
    était etait étaient etaient sera serait seront être etre été ete ont avons avez avait avoir
    aura eu fait faire fais font peut peux peuvent pouvons pouvez pourrait puis dois doit doivent
    devons devez veux veut voulons voulez vais va vont allons allez dans pour par sur sous sans
    avec chez vers entre depuis pendant avant après apres dès lors si ne pas plus moins très tres
    trop aussi encore toujours jamais rien tout toute tous toutes même meme autre autres bonjour
    bonsoir merci salut oui non svp stp ça ca cela ceci y en droit droits loi travail salarié
    salarie salariés salaries salariée employeur patron boss contrat contrats cdi cdd congé congés
    conge conges préavis preavis licenciement licencié licencie licenciée démission demission
    salaire paie paye heures jours mois ans année annee maladie arrêt arret rupture
    conventionnelle indemnité indemnite indemnités indemnites prime primes durée duree délai delai
    essai période periode chômage chomage retraite grossesse enceinte entreprise embauche article
    jour heure semaine dimanche nuit férié ferie fériés feries faute grave prud'hommes prudhommes
    syndicat grève greve télétravail teletravail harcèlement harcelement mutuelle majoration
    montant calcul calculer
    """.split()  # noqa: SIM905 - a literal would take one line per word
)
_ENGLISH_WORDS = frozenset(
    """
    the of to is are am was were be been being has have had do does did done my your his her its
    our their i you he she it we they him them us this that these those what which who whom whose
    when where why how much many can could may might must shall should will would won't can't
    don't doesn't didn't isn't aren't wasn't i'm i've i'd i'll and or but if not no yes for from
    with without by at in into about after before during between under over than then there here
    also any some every each other another more most less very too please hello hi hey thanks
    thank dear get got give gets work worked working worker jobs boss employer employee employees
    company contract contracts notice fired fire dismissed dismissal resign resigned resignation
    quit leave holiday holidays vacation paid pay wage wages salary overtime sick sickness hours
    hour days day weeks week months month year years labor labour law right rights illegal allowed
    trial probation period unemployment benefits pregnant maternity paternity redundancy severance
    strike harassment agreement night sunday break breaks need want know entitled calculate ask
    tell time off retirement management statement payslip job
    settlement reimbursement requirement replacement rules payment valid staff hire hired contest
    steps employment student calculation explained refuses refused sign cancel letter lose amount
    shift skills assessment deadline appeal care same register still stay money mistake fix delay
    benefit dismiss gross take while free split phone apprentice career adviser application
    repayment against unpaid number french agency become becomes certificate complaint appointment
    first emergency occupational doctor return respected electronic deduct foreign recruitment
    imposes doesnt forced force offer say wrong economic ended early negotiate withdraw misconduct
    serious unemployed finish good
    """.split()  # noqa: SIM905 - a literal would take one line per word
)
# Signs inside a word, for words that neither list knows and for words typed with a slip.
_FRENCH_SIGNS = re.compile(
    r"[éèêëàâîïôùûüçœ]|^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’]"
    r"|(?:eur|euse|eux|aux|ement|ité|ique|iques|oire|aire|ez|ais|ait|aient|ois|oir|ées?|eau)$"
)
_ENGLISH_SIGNS = re.compile(
    r"['’](?:s|t|m|re|ve|ll|d)$|^(?:wh|th)|(?:ing|ly|ness|ship|ght|ful|ould|ck|ed|th|ry|ty|ual|k)$|w"
)
_TERMS = frozenset(
    """
    cdi cdd cse smic idcc rtt prudhomme prudhommes prud'hommes préavis preavis rupture
    conventionnelle convention collective licenciement démission demission indemnité indemnite
    indemnités indemnites congé conge congés conges payés payes prime primes contrat travail salaire
    salarié salarie cadre ouvrier employé employe intérim interim fiche paie paye bulletin arrêt
    arret maladie faute grave lourde période periode essai ancienneté anciennete chômage chomage
    mutuelle solde tout compte code inspection france droit droits patron article retraite montant
    délai delai durée duree heures supplémentaires supplementaires temps partiel plein forfait jours
    inaptitude accident technicien agent maîtrise maitrise apprentissage majoration avenant
    """.split()  # noqa: SIM905 - a literal would take one line per word
)
"""French terms of labour law: people of every language type them."""
_DOT_ABOVE = "\u0307"
"""What `str.lower` leaves of İ: a mark that would part a word in two."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_THAI = re.compile(r"[\u0e01-\u0e4e]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3041-\u30ff]")
_LATIN = re.compile(r"[a-zA-ZÀ-ÿĀ-žœ]")
_HAN_LETTERS = 3
"""A Chinese character says as much as so many Latin letters."""
_LEAST_SCRIPT_SHARE = 0.15
"""Share of a text's letters from which its other script tells: the rest are French terms."""
_LONGEST_READ = 2_000
_WORD_WEIGHT = 1.0
_SIGN_WEIGHT = 0.5
_FLOOR = 0.5
_FEW_WORDS = 4
_ELIDED = re.compile(r"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)'")
_SHARED = frozenset(
    """
    a à ai au da de des do la le les me no non nos on or ou par plus sa sans se si son sur te tu un
    una va es est en et ma mes ne ni nous ca ce as an am are in me mine i us he it so que qui entre
    salut total
    """.split()  # noqa: SIM905 - a literal would take one line per word
)
"""Words of French or English that Portuguese, Spanish or Romanian write too."""


@dataclass(frozen=True, slots=True)
class AnswerLanguage:
    """The language of an answer; `frame`: that of the asker, where it is none of ours."""

    language: Language
    frame: FrameLanguage | None = None


def answer_language(text: str, default: Language = "fr") -> AnswerLanguage:
    """Return in which language to answer a text; the default when its signs are few or balanced.

    Only the first 2,000 characters are read.
    """
    head = text[:_LONGEST_READ]
    script = _script_of(head)
    if script == "th" or script == "zh":
        return AnswerLanguage(script)
    lower = head.lower().replace(_DOT_ABOVE, "")
    words = [word.replace("’", "'") for word in _WORD.findall(lower)]
    frame = script or frame_language_of(
        head, words, _FRENCH_WORDS | _ENGLISH_WORDS | _TERMS, _plainly_ours(words)
    )
    if frame:
        return AnswerLanguage(asks_for(head) or "en", frame)
    score = sum(map(_leaning, words))
    if abs(score) < _FLOOR:
        return AnswerLanguage(default)
    return AnswerLanguage("fr" if score > 0 else "en")


def language_of(text: str, default: Language = "fr") -> Language:
    """Return the language to answer a text in; see `answer_language`."""
    return answer_language(text, default).language


def continued_language(
    text: str, before: Sequence[str], default: Language = "fr"
) -> AnswerLanguage:
    """Return in which language to answer a message that goes on with those `before`, latest first.

    A few words that tell no language ("Syntec, cadre", "2 300") are in that of the message before,
    and so are a few words of French or English after a message in any other language.
    """
    own = answer_language(text, default)
    unclear = _tells_none(text)
    few = len(text.split()) <= _FEW_WORDS
    if own.frame or own.language in ("th", "zh") or not (unclear or few):
        return own
    told = next((one for one in before if not _tells_none(one)), None)
    if told is None:
        return own
    earlier = answer_language(told, default)
    return earlier if unclear or earlier.frame or earlier.language in ("th", "zh") else own


def _tells_none(text: str) -> bool:
    """Whether a text tells no language: neither by its script nor by words that are no terms."""
    told = answer_language(text, "fr")
    if told.frame or told.language in ("th", "zh"):
        return False
    words = _WORD.findall(text[:_LONGEST_READ].lower())
    if len(words) <= _FEW_WORDS and all(word in _TERMS for word in words):
        return True
    return told != answer_language(text, "en")


def _script_of(text: str) -> Literal["th", "zh", "ar"] | None:
    """Return the language that a text's script tells; None for the Latin and any other script."""
    letters: dict[Literal["th", "zh", "ar"], int] = {
        "th": len(_THAI.findall(text)),
        "zh": 0 if _KANA.search(text) else _HAN_LETTERS * len(_HAN.findall(text)),
        "ar": arabic_letters(text),
    }
    most = max(letters, key=lambda script: letters[script])
    written = letters[most]
    least = _LEAST_SCRIPT_SHARE * (written + len(_LATIN.findall(text)))
    return most if written and written >= least else None


def plainly_ours(text: str) -> float:
    """Return how many words of a text are French or English, and neither terms nor shared."""
    lower = text[:_LONGEST_READ].lower().replace(_DOT_ABOVE, "")
    return _plainly_ours([word.replace("’", "'") for word in _WORD.findall(lower)])


def _plainly_ours(words: Sequence[str]) -> float:
    """Return how many words are French or English, and neither terms nor of another language."""
    french = [word for word in words if word in _FRENCH_WORDS and word not in _TERMS | _SHARED]
    english = [word for word in words if word in _ENGLISH_WORDS and word not in _SHARED]
    elided = [word for word in words if _ELIDED.match(word)]
    return max(len(french) + len(elided), len(english)) * _WORD_WEIGHT


def _leaning(word: str) -> float:
    """Score of one word: positive for French, negative for English."""
    plain = word.replace("’", "'")
    french, english = plain in _FRENCH_WORDS, plain in _ENGLISH_WORDS
    if french or english:
        return _WORD_WEIGHT * (french - english)
    signs = bool(_FRENCH_SIGNS.search(plain)) - bool(_ENGLISH_SIGNS.search(plain))
    return _SIGN_WEIGHT * signs


_RANGE = re.compile(
    r"[ \t]*(?P<tag>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8})[ \t]*"
    r"(?:;[ \t]*[qQ]=(?P<quality>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)
_LONGEST_HEADER = 1_000


def preferred_language(accept_language_header: str | None) -> Language:
    """Return which of our languages an `Accept-Language` header asks for (RFC 9110 §12.5.4).

    At equal quality the one named first wins. English answers one that wants only languages that
    are answered in English; French an absent header, one that wants none of all these, and one that
    is malformed or beyond 1,000 characters.
    """
    header = accept_language_header or ""
    if len(header) > _LONGEST_HEADER:
        return "fr"
    wishes: dict[str, float] = {}
    for written in filter(str.strip, header.split(",")):
        wish = _RANGE.fullmatch(written)
        if wish is None:
            return "fr"
        wishes.setdefault(wish["tag"].lower().partition("-")[0], float(wish["quality"] or 1))
    anything = wishes.pop("*", 0.0)
    named = sorted(wishes, key=lambda tag: -wishes[tag])
    ours = next((one for one in named if one in LANGUAGES and wishes[one]), None)
    if ours and wishes[ours] >= anything:
        return next(language for language in LANGUAGES if language == ours)
    if anything:
        return next((language for language in LANGUAGES if language not in wishes), "fr")
    framed = any(wishes[one] for one in named if one in FRAME_LANGUAGES)
    return "en" if framed else "fr"
