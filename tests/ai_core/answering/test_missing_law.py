"""Questions that law outside the corpus decides are told so, and who can help."""

from ai_core.answering.missing_law import MissingLaws
from ai_core.answering.public_services import read_public_services
from shared.languages import language_of

MISSING = MissingLaws.read(read_public_services())
LACKING = {
    "Ma clause de non-concurrence est-elle valable sans argent ?": "Cour de cassation",
    "Is my non-compete clause valid?": "Cour de cassation",
    "Mon employeur peut-il invoquer la clause de mobilité ?": "Cour de cassation",
    "Puis-je faire une prise d’acte ?": "Cour de cassation",
    "Combien je touche au chômage ?": "France Travail",
    "Will I get unemployment benefits?": "France Travail",
    "Qui paie les indemnités journalières ?": "Code de la sécurité sociale",
    "La sécu dit qu'elle n'a pas reçu l'attestation de salaire": "Code de la sécurité sociale",
    "Je n'ai rien touché de la Sécu depuis mon arrêt": "Code de la sécurité sociale",
    "Social security has not paid my sick leave": "Code de la sécurité sociale",
    "La mutuelle est-elle obligatoire ?": "Code de la sécurité sociale",
    "Je suis sans papiers, ai-je des droits ?": "Code de l'entrée et du séjour",
    "Le patron a mis des caméras dans la réserve": "RGPD",
    "Puis-je porter plainte contre mon chef ?": "Code pénal",
    "L'entreprise est en liquidation, qui me paie ?": "Code de commerce",
    "L'indemnité est-elle imposable ?": "Code général des impôts",
}
COMPLETE = (
    "Quelle est la durée du préavis en cas de démission ?",
    "Mon entreprise est au chômage partiel, combien suis-je payé ?",
    "Combien de congés payés par mois ?",
    "Qui garde mes affaires au vestiaire ?",
    "La concurrence embauche, que faire ?",
)


def test_what_is_missing_is_named_with_who_can_help() -> None:
    for question, named in LACKING.items():
        missing = MISSING.of(question, language_of(question))
        assert missing, question
        assert named in missing.sentence, question
        assert missing.contact.url.startswith("https://"), question


def test_what_the_code_decides_lacks_nothing() -> None:
    assert [question for question in COMPLETE if MISSING.of(question, "fr")] == []


def test_nothing_held_decides_daily_sickness_benefits_alone() -> None:
    asked = {
        "Mon employeur n'envoie pas l'attestation de salaire": True,
        "病假津贴没有发": True,
        "Ma clause de non-concurrence est-elle valable ?": False,
        "Mon employeur doit-il compléter mon salaire pendant l'arrêt maladie ?": None,
        "En plus de la CPAM, mon patron doit-il compléter ma paie ?": None,
        "Apart from the CPAM, does the company have to make up my wages?": None,
        "เงินจาก CPAM แล้ว นายจ้างต้องจ่ายเพิ่มไหม": None,
        "除了病假津贴，公司要补工资吗": None,
    }
    for question, alone in asked.items():
        missing = MISSING.of(question, language_of(question))
        assert (missing.alone if missing else None) == alone, question
