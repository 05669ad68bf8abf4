"""Help lines come first, in the writer's language, and not for words that only look alike."""

from shared.distress import help_lines

SUICIDE = {
    "fr": (
        "je n'en peux plus de ce boulot, j'ai envie de mourir",
        "Mon chef me harcèle et je pense à me suicider.",
        "je veux en finir",
        "j'en peux plus, je veux en finir à cause de ma cheffe",
        "Depuis qu'il me rabaisse je ne dors plus, j'ai des idées noires.",
        "jveu mourir, mon taf me tue",
        "il vaudrait mieux que je ne sois plus là",
        "Je n'ai plus de raison de vivre.",
        "J’ai plus envie de vivre depuis mon licenciement",
        "il a dit qu'il allait mettre fin à ses jours",
        "je vais me foutre en l'air si ça continue",
        "ma femme est dépressive, elle veut se suicider",
        "je préférerais être mort que d'y retourner",
        "Je ne veux plus vivre",
        "le suicide d'un collègue est-il un accident du travail ?",
    ),
    "en": (
        "I want to die, my boss is destroying me",
        "I'm going to kill myself",
        "I don't want to live anymore",
        "I am thinking about suicide because of work",
    ),
    "th": ("ฉันอยากตาย เจ้านายด่าทุกวัน", "ผมคิดจะฆ่าตัวตาย"),
    "zh": ("我不想活了，老板每天骂我", "我想自杀"),
    "ar": ("أفكر في الانتحار بسبب عملي", "أريد أن أموت"),
    "es": ("quiero morir, mi jefe me acosa", "Pienso en suicidarme"),
    "pt": ("quero morrer, não aguento mais o trabalho", "penso em me suicidar"),
    "ro": ("mă gândesc la sinucidere", "nu mai vreau să trăiesc"),
    "de": ("Ich will nicht mehr leben", "ich denke an Selbstmord", "ich möchte sterben"),
}
VIOLENCE = {
    "fr": (
        "mon patron m'a frappée hier",
        "Le gérant vient de nous frapper et il m'empêche de sortir",
        "Mon chef menace de me tabasser",
        "Mon mari me bat et m'empêche d'aller travailler",
        "j'ai été agressée par un client au magasin",
        "un collègue m'a menacé de mort",
        "J'ai été violée par mon chef",
        "il m'a donné des coups de poing",
    ),
    "en": ("my boss hit me", "I was raped by my manager", "he threatened to kill me"),
    "th": ("เจ้านายทำร้ายร่างกายฉัน", "โดนหัวหน้าต่อย"),
    "zh": ("老板打我", "我被老板打了", "被同事踢了一脚"),
    "ar": ("رئيسي ضربني في العمل",),
    "es": ("mi jefe me pegó",),
    "pt": ("o meu patrão me bateu", "fui espancada no trabalho"),
    "ro": ("șeful m-a lovit",),
    "de": ("mein Chef hat mich geschlagen", "Ich wurde bei der Arbeit angegriffen"),
}
NEITHER = (
    "Je suis mort de fatigue après mes heures supplémentaires",
    "J'en ai marre de ce travail, je veux en finir avec ce contrat",
    "je veux en finir rapidement, et partir en bons termes",
    "je meurs d'envie de démissionner",
    "Je me tue au travail, ai-je droit à des heures supplémentaires ?",
    "Ce qui me frappe, c'est la durée du préavis.",
    "Puis-je être licencié pour avoir frappé un collègue ?",
    "Comment mettre fin à mon contrat ?",
    "Violation de la clause de non-concurrence : que risque mon salarié ?",
    "Le congé pour décès d'un proche est de combien de jours ?",
    "My contract will end in June, can I end it early?",
    "Mi contrato termina: ¿qué pasa con la violación del contrato?",
    "我的合同结束了，有补偿吗？",
    "开会被打断，合法吗？",
    "我被公司打分很低",
    "ถูกตีความสัญญาผิด ทำอย่างไร",
    "Mon employeur me bat froid",
    "Mon chef me tape sur les nerfs",
    "Je veux partir, il vaudrait mieux démissionner ?",
    "Le chef veut me voir demain",
    "Quelle est la prime de panier ?",
)


def test_each_danger_is_answered_with_its_numbers_in_the_writers_language() -> None:
    for numbers, texts in ((("3114", "15"), SUICIDE), (("17", "3919"), VIOLENCE)):
        for language, written in texts.items():
            for text in written:
                lines = help_lines(text, "en" if language == "en" else "fr")
                assert lines, text
                assert lines.language == language, text
                assert all(number in lines.sentence for number in numbers), text


def test_words_that_only_look_alike_call_nobody() -> None:
    called = [text for text in NEITHER if help_lines(text, "fr")]

    assert called == []


def test_the_end_of_a_long_letter_is_read() -> None:
    assert help_lines("Bonjour. " * 20_000 + "Je veux mourir.", "fr")
