"""Detects the language of short texts (French or English), and parses Accept-Language.

French and English only: everything else gets the caller's default. A general identifier (py3langid)
would add about 100 MB to a web process that must stay under 250 MiB; small words, elisions, accents
and endings answer it, without any dependency. Texts without such a sign ("SMIC 2026 ?", names,
references) keep the default.
"""

import re
from typing import Literal

Language = Literal["fr", "en"]

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
    settlement reimbursement requirement replacement
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
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LONGEST_READ = 2_000
_WORD_WEIGHT = 1.0
_SIGN_WEIGHT = 0.5
_FLOOR = 0.5


def language_of(text: str, default: Language = "fr") -> Language:
    """Return the language of the text; the default when the signs are too few or balanced.

    Only the first 2,000 characters are read.
    """
    score = sum(_leaning(word) for word in _WORD.findall(text[:_LONGEST_READ].lower()))
    if abs(score) < _FLOOR:
        return default
    return "fr" if score > 0 else "en"


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

    At equal quality the one named first wins. French answers an absent header, one that wants
    neither language, and one that is malformed or beyond 1,000 characters.
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
    english, french = wishes.get("en", anything), wishes.get("fr", anything)
    if english == french and "en" in wishes and "fr" in wishes:
        return "en" if list(wishes).index("en") < list(wishes).index("fr") and english else "fr"
    return "en" if english > french else "fr"
