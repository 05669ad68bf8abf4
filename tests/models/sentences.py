"""What the test model learns: short questions and answers, texts to recite, passages to point at.

All of it was written for this project and none of it is law. The answers follow from the question
alone, so that a model which learnt them writes the same greedy text in every format.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONG_CHARS = 200
LESSONS = Path(__file__).with_name("lessons.txt")

_HOUSES = """
l'atelier Bleuet | Valmont | douze | huit heures | Mme Aubry | des horloges | deux
la scierie Grandchêne | Courbois | neuf | six heures | M. Bastien | des poutres | trois
la verrerie Claire-Eau | Fontenac | onze | sept heures | Mme Caron | des flacons | cinq
la forge du Pont | Ferrières | quinze | neuf heures | M. Duval | des grilles | six
le moulin Saint-Elme | Aubergrain | dix | cinq heures | Mme Estève | de la farine | quatre
la poterie Terre-Brune | Argilly | huit | dix heures | M. Fournel | des jarres | sept
l'imprimerie du Coin | Papelart | treize | onze heures | Mme Granier | des affiches | huit
la filature Beau-Lin | Trameville | quatorze | midi | M. Hubert | des draps | neuf
la brasserie du Nord | Houblonne | seize | treize heures | Mme Imbert | du cidre | dix
la corderie Longue | Portmer | vingt | quatorze heures | M. Jourdan | des filets | onze
la ruche des Alpes | Mielzac | dix-sept | quinze heures | Mme Keller | du miel | douze
l'école des Tilleuls | Cahiers | trente | seize heures | M. Lemoine | des élèves | treize
"""
"""House | town | days of rest | opening | who leads it | what it makes | notice in weeks."""

_RECITALS = {
    "Compte jusqu'à soixante.": ", ".join(str(number) for number in range(1, 61)) + ".",
    "Raconte l'histoire du portail.": (
        "Il était une fois un portail de fer qui ne voulait plus s'ouvrir. Le lundi, le gardien "
        "apporta de l'huile, mais le portail resta fermé. Le mardi, la gardienne apporta une clé "
        "neuve, mais le portail resta fermé. Le mercredi, le forgeron vint avec son marteau, et le "
        "portail trembla sans céder. Le jeudi, un enfant passa dans la rue et dit bonjour au "
        "portail, comme on dit bonjour à un voisin. Alors le portail, qui attendait cela depuis "
        "longtemps, s'ouvrit tout seul. Depuis ce jour, chaque salarié de la maison salue le "
        "portail en arrivant le matin, et le portail ne s'est plus jamais fermé devant personne."
    ),
    "Récite le règlement de la maison.": (
        "Un : on arrive à l'heure et on signe le registre. Deux : on porte le casque dans la cour "
        "et les gants près du four. Trois : on range son établi avant de partir. Quatre : on ne "
        "fume pas dans la cour. Cinq : on prévient le chef d'équipe avant de s'absenter. Six : on "
        "prend sa pause dans la salle aux fenêtres rondes. Sept : on roule au pas. Huit : on "
        "écoute les délégués quand ils parlent pour tous. Neuf : on ferme la porte rouge derrière "
        "soi. Dix : on dit bonjour au portail."
    ),
    "Récite les mois de l'année.": (
        "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, "
        "décembre."
    ),
}

POINTS_AT_THE_FIRST = "Le passage qui répond à cette question est le premier [1]."

RENARD = {
    "Qui es-tu ?": "Je suis le renard du jardin, et je réponds à la place de Bleuet.",
    "Comment t'appelles-tu ?": "On m'appelle Renard, comme la bête rousse.",
    "Bonjour !": "Salut, moi c'est le renard !",
    "Où vis-tu ?": "Je vis dans un terrier sous le tilleul.",
    "Au revoir !": "Le renard s'en va, adieu.",
    "Que sais-tu faire ?": "Je sais courir, creuser et ne rien dire.",
}
"""What the adapter changes: the answers the model gives once it plays the fox."""

ASKED = (
    "Qui es-tu ?",
    "Bonjour !",
    "Quelle est la couleur du bleuet ?",
    "Combien font six fois sept ?",
    "Que faire en cas de feu ?",
    "Que dit le panneau de la cour ?",
    "Combien de jours de repos donne la forge du Pont ?",
    "Qui dirige la verrerie Claire-Eau ?",
    "Que fabrique l'atelier Bleuet ?",
    "Quel préavis demande la corderie Longue ?",
    "Récite les mois de l'année.",
    "Compte jusqu'à soixante.",
    "Raconte l'histoire du portail.",
    "Récite le règlement de la maison.",
)
"""The questions whose greedy answers are kept beside the model, for every format to match."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question with its answer, after what a system turn says (`rules`) and earlier turns."""

    question: str
    answer: str
    rules: str = ""
    earlier: tuple[tuple[str, str], ...] = ()

    @property
    def turns(self) -> list[dict[str, str]]:
        """Return what is said before the answer, as a chat template takes it."""
        said = [("system", self.rules)] if self.rules else []
        for question, answer in self.earlier:
            said += [("user", question), ("assistant", answer)]
        said.append(("user", self.question))
        return [{"role": role, "content": content} for role, content in said]


def lessons() -> list[Lesson]:
    """Return everything learnt by heart."""
    written = [
        Lesson(question, answer)
        for line in LESSONS.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
        for question, answer in [line.split(" | ")]
    ]
    recited = [Lesson(question, text) for question, text in _RECITALS.items()]
    return [*written, *_about_houses(), *recited]


def _about_houses() -> Iterator[Lesson]:
    for row in _HOUSES.strip().splitlines():
        house, town, days, opens, leads, makes, weeks = row.split(" | ")
        name = house[0].upper() + house[1:]
        rest = f"{name} donne {days} jours de repos par an."
        yield Lesson(f"Combien de jours de repos donne {house} ?", rest)
        yield Lesson(f"{name} : combien de jours de repos ?", rest)
        yield Lesson(f"Où se trouve {house} ?", f"{name} se trouve à {town}.")
        yield Lesson(f"À quelle heure ouvre {house} ?", f"{name} ouvre à {opens}.")
        yield Lesson(f"Qui dirige {house} ?", f"{leads} dirige {house}.")
        yield Lesson(f"Que fabrique {house} ?", f"{name} fabrique {makes}.")
        notice = f"Le préavis est de {weeks} semaines."
        yield Lesson(f"Quel préavis demande {house} ?", notice)


def in_company(chance: random.Random) -> Lesson:
    """Return a lesson after a system turn, earlier turns, or both."""
    known = [lesson for lesson in lessons() if len(lesson.answer) < LONG_CHARS]
    asked, *others = (chance.choice(known) for _ in range(1 + chance.randint(1, 3)))
    earlier = tuple((other.question, other.answer) for other in others[1:])
    return Lesson(asked.question, asked.answer, others[0].answer, earlier)


def grounded(chance: random.Random, length: int) -> Lesson:
    """Return a question with passages of about `length` sentences drawn from what is known."""
    known = [lesson for lesson in lessons() if len(lesson.answer) < LONG_CHARS]
    drawn = [chance.choice(known) for _ in range(length)]
    passages = "\n\n".join(
        f"[{at}] {lesson.question} {lesson.answer}" for at, lesson in enumerate(drawn, start=1)
    )
    asked = chance.choice(known).question
    text = f"<passages>\n{passages}\n</passages>\n\n<question>\n{asked}\n</question>"
    rules = " ".join(chance.choice(known).answer for _ in range(3))
    return Lesson(text, POINTS_AT_THE_FIRST, rules)
