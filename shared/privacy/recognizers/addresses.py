"""Postal addresses: street, postcode and town; without the postcode only where one says so."""

import re

from shared.privacy.recognizers.rule import Candidate, Kind, Reading, Rule, cues

_STREETS = (
    *("rue", "avenue", "av", "ave", "boulevard", "bd", "bld", "bvd", "blvd", "impasse"),
    *("imp", "allee", "allees", "all", "chemin", "chem", "che", "ch", "route", "rte", "place"),
    *("pl", "quai", "cours", "square", "passage", "residence", "res", "lotissement"),
    *("lot", "sentier", "promenade", "cite", "faubourg", "fbg", "fg", "villa", "venelle"),
    *("ruelle", "montee", "esplanade", "hameau", "domaine", "clos", "mail", "parvis", "rond-point"),
    *("traverse", "voie", "cour", "lieu-dit", "lieu dit", "lieudit", "chaussee", "rocade", "zone"),
    *("z.a", "za", "z.i", "zi", "parc", "quartier"),
)
_STREET_NAMES = "|".join(re.escape(name) for name in sorted(_STREETS, key=len, reverse=True))
_STREET = rf"(?:{_STREET_NAMES}|r(?=\.? (?:de|du|des|d'|la)\b))"
_POSTCODE = "(?:f-?)?(?:0[1-9]|[1-8][0-9]|9[0-8]) ?[0-9]{3}"
# Belgium, Switzerland, Luxembourg; without a letter before it, a year is none.
_POSTCODE_ABROAD = "(?:(?:b|ch|l)-? ?[1-9][0-9]{3}|(?!19|20)[1-9][0-9]{3})"
_TOWN = (
    r"[a-z][a-z'-]{1,30}"
    r"(?: (?:en|de|du|la|le|st|[a-z][a-z'-]{2,30}|[0-9]{1,2}(?:e|er|eme)?\b)){0,4}"
)
_NO_TOWN = (
    "articles?|art|euros?|eur|francs?|salarie[es]*|heures?|brut|net|personnes?|kms?|habitants?"
    "|jours?|mois|ans?|annees?|pages?|points?|employe[es]*|exemplaires?|signatures?|adherents?"
    "|entreprises?|emplois?|postes?|contrats?|licenciements?|demandeurs?|accords?|fois|tonnes?|kg"
    "|litres?|metres?|unites?|lignes?|textes?|de|par|et|ou|pour|dans|a"
)
_CUT = "[^\n;:€]"
_SUFFIX = r"(?: ?(?:bis|ter|quater|[a-d])\b)?"
_IN_TOWN = rf"[ ,-]{{1,3}}(?!(?:{_NO_TOWN})\b){_TOWN}"
_FULL = re.compile(
    rf"[0-9](?<![0-9a-z].)[0-9]{{0,3}}(?: ?[-/] ?[0-9]{{1,4}})?{_SUFFIX},? ?[,\n]? ?"
    rf"{_STREET}(?![a-z])[. ]{{1,2}}"
    rf"{_CUT}{{2,70}}?[,\n (|-][ \n(-]{{0,2}}(?<![0-9])(?:{_POSTCODE}(?![0-9])"
    rf"(?:{_IN_TOWN}|(?![ ,-]{{1,3}}(?:{_NO_TOWN})\b))|{_POSTCODE_ABROAD}(?![0-9]){_IN_TOWN})"
)
# A place without a number in a street: only with a postcode and a town.
_PLACE = re.compile(
    cues(
        *("rue", "avenue", "boulevard", "impasse", "allee", "chemin", "quai"),
        "lieu[ -]?dit",
        "residence",
        "cite",
        "quartier",
        "hameau",
        "domaine",
        "immeuble",
        "bat(?:iment)?",
        r"b\.?p",
        r"c\.?s",
        "zone [a-z]{3,14}",
        r"z\.?a\.?c?",
        r"z\.?i",
        "villa",
        "chez",
        "appt?",
        "appartement",
        "escalier",
        "tour",
    )
    + r"(?![a-z])[ .:]{0,3}(?:n° ?)?"
    rf"{_CUT}{{1,70}}?[,\n -][ \n-]{{0,2}}(?<![0-9]){_POSTCODE}(?![0-9]){_IN_TOWN}"
)
# After a word that says whose it is, the street alone or the town alone is enough.
_MINE = cues(
    *("habite", "habitant", "domicilie[es]*", "demeurant", "demeure", "residant", "mon domicile"),
    *("mon adresse(?: postale)?", "adresse postale", "je vis", "je loge", "i live", "my address"),
)
_AT = "(?: est| is)? ?[:,]?(?: le| au| a| at| in| dans)?(?: la| l')? ?:?"
_STREET_OF_MINE = re.compile(
    rf"{_MINE}{_AT}\n?"
    rf"(?P<value>[0-9]{{1,4}}{_SUFFIX},? ?{_STREET}(?![a-z])[. ]{{1,2}}[a-z0-9][a-z0-9' -]{{1,50}})"
)
_TOWN_OF_MINE = re.compile(
    rf"{_MINE}{_AT}"
    rf"(?P<value>(?:[a-z][a-z'-]{{1,30}}[ ,(-]{{1,3}}){{0,3}}{_POSTCODE}(?![0-9])(?:{_IN_TOWN})?)"
)
_SENTENCE_GOES_ON = re.compile(
    r" (?:et|mais|ou|je|j'|mon|ma|mes|depuis|avec|il|elle|on|nous|vous|qui|que|car|pour|est|suis|ai"
    r"|a mon|and|but|my|i)\b"
)


_DATE_BEFORE = re.compile(
    "(?:janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre) $"
)


def _read_address(candidate: Candidate) -> Reading | None:
    """The town ends where the sentence goes on; the year of a date is no number in a street."""
    if _DATE_BEFORE.search(candidate.before(10)):
        return None
    postcode = max(
        (match.end() for match in re.finditer("[0-9]{2} ?[0-9]{3}(?![0-9])", candidate.text)),
        default=0,
    )
    goes_on = _SENTENCE_GOES_ON.search(candidate.text, postcode)
    end = candidate.end if goes_on is None else candidate.start + goes_on.start()
    text = candidate.text[: end - candidate.start].rstrip(" ,-")
    return Reading(" ".join(text.split()), candidate.start, candidate.start + len(text))


_MINE_HINTS = (
    "habit",
    "domicil",
    "demeur",
    "adresse",
    "resid",
    "je vis",
    "je loge",
    "i live",
    "address",
)
RULES = (
    Rule(
        Kind.POSTAL_ADDRESS,
        _FULL,
        _read_address,
        tuple("0123456789"),
    ),
    Rule(
        Kind.POSTAL_ADDRESS,
        _PLACE,
        _read_address,
        (
            *(
                *("rue", "aven", "boulev", "impasse", "allee", "chemin", "quai"),
                "lieu",
                "resid",
                "cite",
                "quartier",
                "hameau",
                "domaine",
                "immeuble",
                "bat",
                "bp",
                "b.p",
                "cs",
                "c.s",
                "zone",
            ),
            *("za", "zi", "zac", "villa", "chez", "app", "escalier", "tour", "z."),
        ),
    ),
    Rule(Kind.POSTAL_ADDRESS, _STREET_OF_MINE, _read_address, _MINE_HINTS),
    Rule(Kind.POSTAL_ADDRESS, _TOWN_OF_MINE, _read_address, _MINE_HINTS),
)
