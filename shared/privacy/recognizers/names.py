"""Names of people where the words around say that a name follows."""

import re

from shared.privacy.folding import fold
from shared.privacy.recognizers.rule import Candidate, Kind, Reading, Rule, as_written, cues

_WORD = r"[^\W\d_][^\W\d_'-]*(?:['-][^\W\d_]+)*"
_NAME = rf"(?:[^\W\d_]\. ?)?{_WORD}(?: (?:[^\W\d_]\. ?)?{_WORD}){{0,3}}"
_STOP_WORDS = """
    a accord age agee ai aie aimerais ainsi alors am and apres are article articles as at au
    aucun aussi autre aux avais avait avant avec avez avoir avons bien bonjour bonsoir born but
    by c car cause ce ceci cela celle celui ces cet cette chef chez ci cite code comme comment
    connu convention cordialement d dans de delegue deleguee demande depuis des dire directeur
    directrice dis dit docteur doit donc dont drh du efface elle elles employe employeur en
    entre es est et etait etes etre eu expert faire fait faut for from fut has have he her his i
    ici il ils in inscrit inspecteur inspectrice is it j je juge jusque l l'expression
    l'inspecteur l'inspectrice la le les leur leurs lui m ma madame mademoiselle maire mais
    maitre mal me meme mentionne merci mes mesdames messieurs ministre mlle mme moi moins mon
    monsieur mr my n ne nee ni nom non nos not notre nous of on ont or ou our par pas patron
    patronne pendant personnel peut peux plus pour pourquoi pouvez prefet prenom president
    presidente protege qu quand que quel quelle qui quoi refuse responsable rh s sa salarie
    salariee salutations sans se secretaire sera ses she si son sont souhaite sous suis suite
    sur ta te tes that the they this to toi ton tous tout toute travaille tres tu un une utilise
    va vais vers veut veux vien vient voici voila vos votre voudrais voulais vous was we who
    with work x y you your z
"""
_STOP = frozenset(_STOP_WORDS.split())
"""Words after which a name is over, or which show that none began; folded."""
_PARTICLES = frozenset(
    {
        "de",
        "du",
        "des",
        "la",
        "le",
        "van",
        "von",
        "der",
        "den",
        "el",
        "al",
        "ben",
        "bin",
        "da",
        "dos",
        "di",
        "d",
    }
)


def _words(*words: str) -> str:
    return "|".join(re.escape(fold(word).folded) for word in words)


_INTRODUCED = re.compile(
    cues(
        "je m'appell?e",
        "je me nomme",
        "je me presente,?",
        "mon nom(?: de famille| complet)? (?:est|c'est)",
        "mon prenom (?:est|c'est)",
        "nom ?(?:et|/|,) ?prenoms? ?:",
        "prenoms? ?(?:et|/|,) ?nom ?:",
        "nom(?: de famille| d'usage| de naissance)? ?:",
        "prenoms? ?:",
        "je soussignee?,?",
        "signe ?:",
        "moi c'est",
        "my name(?: is|'s)",
        "i am called",
        "full name ?:",
        "surname ?:",
        "first name ?:",
        "last name ?:",
    )
    + rf" {{0,3}}(?:(?:monsieur|madame|mademoiselle|mme|mlle|mr|m)\.? )?(?P<value>{_NAME})"
)
_INTRODUCED_THAI_CHINESE = _words(
    *("ผมชื่อ", "ฉันชื่อ", "ดิฉันชื่อ", "ชื่อ-นามสกุล", "ชื่อของฉันคือ", "นาย", "นางสาว"),
    *("我叫", "我的名字是", "我姓", "姓名"),
)
_THAI_COMPOUNDS = _words("จ้าง", "หน้า", "ทุน", "แพทย์", "ช่าง", "ทะเบียน", "อำเภอ", "กรัฐมนตรี")
"""What makes another word of the title นาย: employer, broker, doctor, registrar."""
_ELSEWHERE = re.compile(
    rf"(?<!เจ้า)(?:{_INTRODUCED_THAI_CHINESE})(?!{_THAI_COMPOUNDS})"
    r"[ :]{0,3}(?P<value>[^\W\d_][^\s\d,.;:!?]{0,25}(?: [^\W\d_][^\s\d,.;:!?]{0,25})?)"
)
_TITLED = re.compile(
    r"[md](?<![0-9a-z].)"
    r"(?:(?<=m)(?:\.|r|me|lle|onsieur|adame|ademoiselle|rs|s|iss)\.?|(?<=d)(?:r\.?|octeur))"
    rf" {{1,2}}(?:(?:ou )?(?:mme|m)\.? )?(?P<value>{_NAME})"
)
_SIGNED = re.compile(
    cues(
        "cordialement",
        "bien a (?:vous|toi)",
        "salutations(?: distinguees| respectueuses)?",
        "sentiments distingues",
        "respectueusement",
        "merci(?: d'avance| beaucoup)?",
        "regards",
        "sincerely",
        "faithfully",
        "yours truly",
    )
    + rf"[ ,.!]{{0,3}}(?P<line>\n[ \n]{{0,4}}|(?<=[ ,.!]))(?P<value>{_NAME})(?= *(?:\n|$|,))"
)


def _trimmed(candidate: Candidate, *, capitals: bool) -> Reading | None:
    """Return the words of the name: up to the first that is none, particles only inside."""
    kept: list[tuple[int, int]] = []
    for word in re.finditer(r"[^\W_](?:[^\W_]|['.-])*", candidate.text):
        stem, begins_high = word[0].rstrip("."), candidate.cased[word.start()].isupper()
        initial = begins_high and len(stem) == 1 and word[0] == stem + "."
        particle = stem in _PARTICLES and (kept or (capitals and begins_high))
        if not (particle or initial) and (stem in _STOP or (capitals and not begins_high)):
            break
        kept.append(word.span())
    while kept and candidate.text[slice(*kept[-1])].rstrip(".") in _PARTICLES:
        kept.pop()
    last = candidate.text[slice(*kept[-1])] if kept else ""
    if len(set(last)) < 2 or kept[-1][1] - kept[0][0] < 3:
        return None
    start, end = candidate.start + kept[0][0], candidate.start + kept[-1][1]
    return Reading(candidate.match.string[start:end], start, end)


def _read_introduced(candidate: Candidate) -> Reading | None:
    if re.search(r"\b(?:pour|sous le|du|le|ce|leur|au) $", candidate.before(10)):
        return None
    return _trimmed(candidate, capitals=False)


def _read_titled(candidate: Candidate) -> Reading | None:
    """A single capital stands for a name that was taken out; a title alone is no name."""
    if candidate.cased[:1].isupper():
        return _trimmed(candidate, capitals=True)
    if candidate.match[0].startswith(("m.", "miss", "dr")):
        return None
    return _trimmed(candidate, capitals=False)


def _read_signed(candidate: Candidate) -> Reading | None:
    same_line = not candidate.match["line"]
    reading = _trimmed(candidate, capitals=same_line)
    whole = reading is not None and reading.end == candidate.end
    return reading if whole else None


RULES = (
    Rule(
        Kind.NAME,
        _INTRODUCED,
        _read_introduced,
        ("appel", "nom", "soussign", "signe", "moi c'est", "name", "called", "presente"),
    ),
    Rule(
        Kind.NAME,
        _ELSEWHERE,
        as_written,
        tuple(_words("ชื่อ", "นาย", "นางสาว", "我叫", "名字", "我姓", "姓名").split("|")),
    ),
    Rule(
        Kind.NAME,
        _TITLED,
        _read_titled,
        (
            "m. ",
            "mr",
            "mme",
            "mlle",
            "monsieur",
            "madame",
            "mademoiselle",
            "mrs",
            "ms",
            "miss",
            "dr",
            "docteur",
        ),
    ),
    Rule(
        Kind.NAME,
        _SIGNED,
        _read_signed,
        (
            "cordial",
            "bien a",
            "salutation",
            "distingu",
            "respectu",
            "merci",
            "regards",
            "sincerely",
            "faithfully",
            "truly",
        ),
    ),
)
